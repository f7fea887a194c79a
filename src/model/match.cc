// SPDX-License-Identifier: Apache-2.0
// match.cc: words of matches and callers, and host patterns. Which match covers which: check_match.cc
#include "model/match.h"

#include <algorithm>

#include "model/scalars.h"

namespace meshd::model {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

}  // namespace

std::string_view name_of(PathMatch kind) {
  switch (kind) {
    case PathMatch::any: return "any";
    case PathMatch::exact: return "exact";
    case PathMatch::prefix: return "prefix";
    case PathMatch::regex: return "regex";
  }
  return "?";
}

std::string_view name_of(ValueMatchKind kind) {
  switch (kind) {
    case ValueMatchKind::exact: return "exact";
    case ValueMatchKind::prefix: return "prefix";
    case ValueMatchKind::regex: return "regex";
    case ValueMatchKind::present: return "present";
    case ValueMatchKind::absent: return "absent";
  }
  return "?";
}

std::string text_of(const ValueMatch& match) {
  switch (match.kind) {
    case ValueMatchKind::exact: return match.name + " = " + match.value;
    case ValueMatchKind::prefix: return match.name + " ^= " + match.value;
    case ValueMatchKind::regex: return match.name + " ~ " + match.value;
    case ValueMatchKind::present: return match.name + " present";
    case ValueMatchKind::absent: return match.name + " absent";
  }
  return "?";
}

std::string path_text(const Match& match) {
  if (match.path_kind == PathMatch::any) return {};
  return std::string(name_of(match.path_kind)) + " " + match.path;
}

bool is_host_pattern(std::string_view text) {
  if (text.starts_with("*.")) text.remove_prefix(2);
  if (text.empty() || text.size() > 253) return false;
  while (true) {
    size_t dot = text.find('.');
    if (!is_dns_label(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool host_matches(std::string_view host, std::string_view pattern) {
  // An IPv6 literal is no name.
  if (host.starts_with('[')) return false;
  host = host.substr(0, host.find(':'));
  if (host.ends_with('.')) host.remove_suffix(1);
  if (pattern.starts_with("*.")) {
    pattern.remove_prefix(1);
    if (host.size() <= pattern.size()) return false;
    host.remove_prefix(host.size() - pattern.size());
  }
  return std::ranges::equal(host, pattern, {}, lower);
}

bool host_pattern_covers(std::string_view outer, std::string_view inner) {
  if (outer == inner) return true;
  if (!outer.starts_with("*.")) return false;
  std::string_view below = outer.substr(1);
  return inner.ends_with(below) && inner.size() > below.size();
}

std::string text_of(const Principal& principal) {
  switch (principal.kind) {
    case Principal::any: return "*";
    case Principal::node: return "node/" + principal.name;
    case Principal::service:
      return principal.name == "gateway" ? principal.name : "service/" + principal.name;
  }
  return "?";
}

std::optional<Principal> parse_principal(std::string_view text) {
  if (text == "*") return Principal{Principal::any, {}, {}};
  Principal p;
  if (text.starts_with("node/")) {
    p.kind = Principal::node;
    text.remove_prefix(5);
  } else if (text.starts_with("service/")) {
    text.remove_prefix(8);
  }
  if (!is_dns_label(text)) return std::nullopt;
  p.name = text;
  return p;
}

}  // namespace meshd::model
