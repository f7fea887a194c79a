// SPDX-License-Identifier: Apache-2.0
// route_match.cc: does this match hold for this request? Called by route_table.cc.
#include "snapshot/route_match.h"

#include <algorithm>

#include "base/limits.h"
#include "snapshot/decide.h"
#include "snapshot/query.h"

namespace meshd {
namespace {

using model::PathMatch;
using model::Regex;
using model::ValueMatch;
using model::ValueMatchKind;

bool path_holds(const RouteMatch& m, std::string_view path) {
  switch (m.path_kind) {
    case PathMatch::any: return true;
    case PathMatch::exact: return path == m.path;
    case PathMatch::prefix: return path_has_prefix(path, m.path);
    case PathMatch::regex: return m.path_regex.matches(path);
  }
  return false;
}

bool header_holds(const ValueMatch& m, const Regex& regex, const FieldLookup& headers) {
  std::optional<std::string_view> value = headers(m.name);
  switch (m.kind) {
    case ValueMatchKind::exact: return value && *value == m.value;
    case ValueMatchKind::prefix: return value && value->starts_with(m.value);
    case ValueMatchKind::regex: return value && regex.matches(*value);
    case ValueMatchKind::present: return value.has_value();
    case ValueMatchKind::absent: return !value.has_value();
  }
  return false;
}

bool query_holds(const ValueMatch& m, const Regex& regex, std::string_view query) {
  std::optional<std::string_view> value = query_parameter(query, m.name);
  switch (m.kind) {
    case ValueMatchKind::exact: return value && decoded_equals(*value, m.value);
    case ValueMatchKind::prefix: return value && decoded_starts_with(*value, m.value);
    case ValueMatchKind::present: return value.has_value();
    case ValueMatchKind::absent: return !value.has_value();
    case ValueMatchKind::regex: break;
  }
  if (!value) return false;
  std::array<char, kRequestLineMax> room;
  auto plain = decoded(*value, room);
  return plain && regex.matches(*plain);
}

// application/grpc, application/grpc+proto, application/grpc;…
bool is_grpc(const RequestFacts& facts) {
  if (facts.method != "POST") return false;
  auto type = facts.headers("content-type");
  constexpr std::string_view kGrpc = "application/grpc";
  return type && type->starts_with(kGrpc) &&
         (type->size() == kGrpc.size() || std::string_view("+; ").contains((*type)[kGrpc.size()]));
}

bool grpc_holds(const model::GrpcMatch& m, const RequestFacts& facts) {
  if (!is_grpc(facts)) return false;
  size_t slash = facts.path.find('/', 1);
  if (!facts.path.starts_with('/') || slash == std::string_view::npos) return false;
  return (m.service.empty() || facts.path.substr(1, slash - 1) == m.service) &&
         (m.method.empty() || facts.path.substr(slash + 1) == m.method);
}

bool caller_holds(const RouteMatch& m, PrincipalId from) {
  return std::ranges::any_of(m.callers,
                             [&](PrincipalId p) { return p == from || (p == kAnyone && from != kNobody); });
}

bool host_holds(const std::vector<std::string>& patterns, std::string_view host) {
  return std::ranges::any_of(patterns, [&](const std::string& p) { return model::host_matches(host, p); });
}

}  // namespace

std::string_view name_of(Condition condition) {
  switch (condition) {
    case Condition::none: return "none";
    case Condition::connection: return "connection";
    case Condition::from: return "from";
    case Condition::sni: return "sni";
    case Condition::path: return "path";
    case Condition::methods: return "methods";
    case Condition::host: return "host";
    case Condition::grpc: return "grpc";
    case Condition::headers: return "headers";
    case Condition::query: return "query";
  }
  return "?";
}

bool path_has_prefix(std::string_view path, std::string_view prefix) {
  if (prefix.ends_with('/')) prefix.remove_suffix(1);
  return path.starts_with('/') && path.starts_with(prefix) &&
         (path.size() == prefix.size() || path[prefix.size()] == '/');
}

Unmet first_unmet(const RouteMatch& m, const RequestFacts& facts) {
  // Opaque connections meet no condition on HTTP, not even that a field be absent, and requests none on those.
  if (facts.is_http() ? m.looks_at_opaque() : m.looks_at_http()) return {Condition::connection};
  if (!m.from.empty() && !caller_holds(m, facts.from)) return {Condition::from};
  if (!m.server_names.empty() && !host_holds(m.server_names, facts.server_name)) return {Condition::sni};
  if (!facts.is_http()) return {};
  if (!path_holds(m, facts.path)) return {Condition::path};
  if (!m.methods.empty() && std::ranges::find(m.methods, facts.method) == m.methods.end())
    return {Condition::methods};
  if (!m.hosts.empty() && !host_holds(m.hosts, facts.host)) return {Condition::host};
  if (m.grpc.wanted() && !grpc_holds(m.grpc, facts)) return {Condition::grpc};
  for (size_t i = 0; i < m.headers.size(); ++i)
    if (!header_holds(m.headers[i], m.header_regexes[i], facts.headers))
      return {Condition::headers, &m.headers[i]};
  for (size_t i = 0; i < m.query.size(); ++i)
    if (!query_holds(m.query[i], m.query_regexes[i], facts.query)) return {Condition::query, &m.query[i]};
  return {};
}

}  // namespace meshd
