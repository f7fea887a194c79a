// SPDX-License-Identifier: Apache-2.0
// target.cc: from the four target forms (RFC 9112 section 3.2) and Host, or HTTP/2's pseudo-header fields,
// to one authority and one path.
#include <algorithm>

#include "base/limits.h"
#include "http/semantic_fields.h"

namespace meshd {
namespace {

// The one Host value, empty where there is none.
Result<std::string_view> host_of(const RequestHead& head, uint32_t seen) {
  if ((seen & kHasHost) == 0) return std::string_view();
  if (head.count("host") != 1) return fail(Errc::protocol, Side::client, "more than one Host");
  return *head.find("host");
}

// Hosts are compared without case: lower case is forwarded, so that everybody compares the same.
// `authority` may point into `head`.
Result<> set_authority(RequestHead& head, std::string_view authority) {
  if (!parse_authority(authority)) return fail(Errc::protocol, Side::client, "an invalid authority");
  auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (std::ranges::none_of(authority, is_upper)) {
    head.set_authority(authority);
    return {};
  }
  std::string lower(authority);
  for (char& c : lower)
    if (is_upper(c)) c = static_cast<char>(c | 0x20);
  head.set_authority(lower);
  return {};
}

// Normalises the path that `head` has.
Result<> settle_path(RequestHead& head) {
  auto normal = normalise_path(head.path());
  if (!normal) return fail(normal.error());
  if (normal->changed) head.set_path(*normal->changed);
  return {};
}

// "http://a.test/x?y" without its scheme; nullopt for other forms.
std::optional<std::string_view> after_scheme(std::string_view target) {
  for (std::string_view scheme : {std::string_view("http://"), std::string_view("https://")})
    if (target.size() >= scheme.size() && same_name(target.substr(0, scheme.size()), scheme))
      return target.substr(scheme.size());
  return std::nullopt;
}

Result<> check_connect(RequestHead& head, std::string_view authority, RequestRules rules) {
  if (!rules.connect) return fail(Errc::unsupported, Side::client, "CONNECT is not served here");
  auto parsed = parse_authority(authority);
  if (!parsed || !parsed->port) return fail(Errc::protocol, Side::client, "CONNECT needs host:port");
  head.set_path("");
  return set_authority(head, authority);
}

Result<> check_h1(RequestHead& head, uint32_t seen, RequestRules rules) {
  auto host = host_of(head, seen);
  if (!host) return fail(host.error());
  bool has_host = (seen & kHasHost) != 0;
  if (head.version == HttpVersion::http11 && !has_host) return fail(Errc::protocol, Side::client, "no Host");
  if (has_host && !parse_authority(*host)) return fail(Errc::protocol, Side::client, "an invalid Host");

  if (head.method() == "CONNECT") return check_connect(head, std::string(head.path()), rules);
  if (auto rest = after_scheme(head.path())) {
    // Absolute-form: its authority takes the place of Host (RFC 9112 section 3.2.2).
    size_t end = std::min(rest->find_first_of("/?#"), rest->size());
    std::string authority(rest->substr(0, end));
    std::string path(rest->substr(end));
    if (path.empty() && head.method() == "OPTIONS")
      path = "*";
    else if (!path.starts_with('/'))
      path.insert(0, 1, '/');
    head.set_path(path);
    if (auto set = set_authority(head, authority); !set) return set;
  } else if (has_host) {
    if (auto set = set_authority(head, *host); !set) return set;
  }
  if (head.path() != "*") return settle_path(head);
  if (head.method() != "OPTIONS")
    return fail(Errc::protocol, Side::client, "asterisk-form is for OPTIONS only");
  return {};
}

Result<> check_h2(RequestHead& head, uint32_t seen, RequestRules rules) {
  auto host = host_of(head, seen);
  if (!host) return fail(host.error());
  std::string authority(head.authority());
  if (authority.empty()) authority = *host;
  if ((seen & kHasHost) != 0 && !same_name(*host, authority))
    return fail(Errc::protocol, Side::client, "Host and :authority differ");
  // Extended CONNECT (RFC 8441) has a path and is no open relay: it is an Upgrade.
  if (head.method() == "CONNECT" && head.protocol().empty()) return check_connect(head, authority, rules);
  if (!head.protocol().empty() && head.method() != "CONNECT")
    return fail(Errc::protocol, Side::client, ":protocol without CONNECT");
  if (!head.protocol().empty() && !is_wanted_upgrade(head.protocol()))
    return fail(Errc::unsupported, Side::client, "a :protocol that is no Upgrade");
  if (head.scheme() != "http" && head.scheme() != "https")
    return fail(Errc::protocol, Side::client, "a scheme other than http and https");
  auto set = set_authority(head, authority);
  if (!set) return set;
  if (head.path() == "*" && head.method() == "OPTIONS") return {};
  return settle_path(head);
}

}  // namespace

Result<> check_target(RequestHead& head, uint32_t seen, RequestRules rules) {
  if (head.path().size() > kRequestLineMax)
    return fail(Errc::target_too_long, Side::client, "the target is too long");
  Result<> checked =
      head.version == HttpVersion::http2 ? check_h2(head, seen, rules) : check_h1(head, seen, rules);
  if (checked && (seen & kHasHost) != 0) head.remove("host");
  return checked;
}

}  // namespace meshd
