// SPDX-License-Identifier: Apache-2.0
#include "tls/spiffe_id.h"

#include <algorithm>
#include <cassert>

namespace meshd {
namespace {

constexpr std::string_view kScheme = "spiffe://";
constexpr size_t kIdBytesMax = 2048;          // SPIFFE ID 2.3
constexpr size_t kTrustDomainBytesMax = 255;  // SPIFFE ID 2.1
constexpr size_t kServerNameMax = 255;        // RFC 1035 2.3.4
constexpr std::string_view kSystemNamespace = "meshd-system";

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_mark(char c) { return c == '.' || c == '-' || c == '_'; }

std::unexpected<Error> bad(const char* why) { return fail(Errc::identity, Side::self, why); }

// <ns> and <sa> of "/ns/<ns>/sa/<sa>"; empty for other paths.
struct Workload {
  std::string_view ns, sa;
};
Workload workload_of(std::string_view path) {
  if (!path.starts_with("/ns/")) return {};
  path.remove_prefix(4);
  size_t slash = path.find('/');
  if (slash == std::string_view::npos) return {};
  Workload w{path.substr(0, slash), path.substr(slash)};
  if (!w.sa.starts_with("/sa/")) return {};
  w.sa.remove_prefix(4);
  if (w.sa.find('/') != std::string_view::npos) return {};
  return w;
}

std::string_view after_prefix(const SpiffeId& id, std::string_view prefix) {
  Workload w = workload_of(id.path);
  if (w.ns != kSystemNamespace || !w.sa.starts_with(prefix)) return {};
  return w.sa.substr(prefix.size());
}

std::string escape_label(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '.')
      out += "__";
    else if (c == '_')
      out += "_-";
    else if (is_upper(c))
      out.append("_") += static_cast<char>(c - 'A' + 'a');
    else
      out += c;
  }
  return out;
}

std::optional<std::string> unescape_label(std::string_view label) {
  std::string out;
  for (size_t i = 0; i < label.size(); ++i) {
    char c = label[i];
    if (is_upper(c)) return std::nullopt;
    if (c != '_') {
      out += c;
      continue;
    }
    if (++i == label.size()) return std::nullopt;
    char e = label[i];
    if (e == '_')
      out += '.';
    else if (e == '-')
      out += '_';
    else if (e >= 'a' && e <= 'z')
      out += static_cast<char>(e - 'a' + 'A');
    else
      return std::nullopt;
  }
  return out;
}

}  // namespace

bool valid_trust_domain(std::string_view name) {
  return !name.empty() && name.size() <= kTrustDomainBytesMax &&
         std::ranges::all_of(name, [](char c) { return is_lower_or_digit(c) || is_mark(c); });
}

bool valid_segment(std::string_view s) {
  return !s.empty() && s != "." && s != ".." &&
         std::ranges::all_of(s, [](char c) { return is_lower_or_digit(c) || is_upper(c) || is_mark(c); });
}

Result<SpiffeId> SpiffeId::parse(std::string_view uri) {
  if (uri.size() > kIdBytesMax) return bad("the SPIFFE id is longer than 2048 bytes");
  if (!uri.starts_with(kScheme)) return bad("the id does not begin with spiffe://");
  uri.remove_prefix(kScheme.size());
  size_t slash = uri.find('/');
  std::string_view domain = uri.substr(0, slash);
  // Also refuses a port, a user, a query or a fragment: their marks are not among the letters.
  if (!valid_trust_domain(domain)) return bad("the SPIFFE id's trust domain is not 1 to 255 of [a-z0-9._-]");
  if (slash == std::string_view::npos) return bad("the SPIFFE id names a trust domain, not a workload");
  std::string_view path = uri.substr(slash);
  for (std::string_view rest = path; !rest.empty();) {
    rest.remove_prefix(1);
    size_t end = std::min(rest.find('/'), rest.size());
    if (!valid_segment(rest.substr(0, end)))
      return bad("the SPIFFE id's path has an empty, dot or non-canonical segment");
    rest.remove_prefix(end);
  }
  return SpiffeId{std::string(domain), std::string(path)};
}

SpiffeId workload_id(std::string_view trust_domain, std::string_view ns, std::string_view sa) {
  assert(valid_segment(ns) && valid_segment(sa));
  return {std::string(trust_domain), std::string("/ns/").append(ns).append("/sa/").append(sa)};
}
SpiffeId service_id(std::string_view trust_domain, std::string_view service) {
  return workload_id(trust_domain, "default", service);
}
SpiffeId node_id(std::string_view trust_domain, std::string_view node) {
  return workload_id(trust_domain, kSystemNamespace, std::string("node.").append(node));
}
SpiffeId server_id(std::string_view trust_domain, std::string_view node) {
  return workload_id(trust_domain, kSystemNamespace, std::string("server.").append(node));
}

std::string_view service_of(const SpiffeId& id) {
  Workload w = workload_of(id.path);
  return w.ns == "default" ? w.sa : std::string_view();
}
std::string_view node_of(const SpiffeId& id) { return after_prefix(id, "node."); }
std::string_view server_of(const SpiffeId& id) { return after_prefix(id, "server."); }

std::string sni_of(const SpiffeId& id) {
  Workload w = workload_of(id.path);
  if (w.sa.empty()) return {};
  std::string name = escape_label(w.sa) + "." + escape_label(w.ns) + "." + id.trust_domain;
  return name.size() <= kServerNameMax ? name : std::string();
}

std::optional<SpiffeId> id_of_sni(std::string_view sni) {
  if (sni.size() > kServerNameMax) return std::nullopt;
  size_t first = sni.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  size_t second = sni.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  auto sa = unescape_label(sni.substr(0, first));
  auto ns = unescape_label(sni.substr(first + 1, second - first - 1));
  std::string_view domain = sni.substr(second + 1);
  if (!sa || !ns || !valid_segment(*sa) || !valid_segment(*ns) || !valid_trust_domain(domain))
    return std::nullopt;
  return workload_id(domain, *ns, *sa);
}

}  // namespace meshd
