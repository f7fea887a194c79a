// SPDX-License-Identifier: Apache-2.0
// bind_authorizer.cc: step 3 of 4, one part: the program that is asked about requests. Next: check_model.cc
#include "model/bind_authorizer.h"

#include <algorithm>

#include "model/actions.h"

namespace meshd::model {

bool read_authorizer_url(Authorizer& out) {
  constexpr std::string_view kScheme = "http://";
  std::string_view url = out.url;
  if (!url.starts_with(kScheme)) return false;
  for (char c : url)
    if (static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) >= 0x7f || c == '#' || c == '@')
      return false;
  url.remove_prefix(kScheme.size());
  size_t end = std::min(url.find('/'), url.size());
  auto address = parse_address(url.substr(0, end));
  if (!address) return false;
  out.authority = url.substr(0, end);
  out.ip = address->ip;
  out.port = address->port;
  out.path = end == url.size() ? "/" : std::string(url.substr(end));
  return true;
}

std::optional<Authorizer> bind_authorizer(const Reader& policy, Findings& findings) {
  if (!policy.has("authorizer")) return std::nullopt;
  Reader r = policy.below("authorizer");
  Authorizer out;
  out.at = policy.at("authorizer");
  out.url = r.text("url");
  if (const YamlNode* n = r.find("url"); n && !read_authorizer_url(out))
    findings.error(md::malformed, n->at, n->length, in_quotes(n->text) + " is not an authorizer's address")
        .hint = "such as http://127.0.0.1:9191/check: an IP address and a port, without TLS";
  out.timeout = r.duration("timeout");
  out.fail_open = r.text("on_failure") == "allow";
  r.each("to", [&](const YamlNode& n) {
    if (is_dns_label(n.text)) out.to.push_back({n.text, n.at});
  });
  if (const YamlNode* n = r.find("to"); n && n->kind == YamlNode::list && n->items.empty())
    findings.error(md::missing_key, r.at("to"), 2, "an empty list").hint =
        "name the services whose requests it judges";
  for (auto [key, names] : {std::pair{"headers", &out.headers}, {"set", &out.sets}})
    r.each(key, [&, names = names, set = std::string_view(key) == "set"](const YamlNode& n) {
      std::string name = lower_case(n.text);
      if (!is_field_name(name))
        findings.error(md::malformed, n.at, n.length, in_quotes(n.text) + " is not a header's name");
      else if (set && is_reserved_field(name))
        findings.error(md::malformed, n.at, n.length, in_quotes(n.text) + " cannot be set by an authorizer")
            .hint = "it carries the message, one hop, or what the mesh says";
      else
        names->push_back(std::move(name));
    });
  return out;
}

}  // namespace meshd::model
