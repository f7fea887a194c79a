// SPDX-License-Identifier: Apache-2.0
// check_match.cc: does one match take all that another takes? Behind the warning about routes that nothing reaches.
#include <algorithm>

#include "model/match.h"

namespace meshd::model {
namespace {

bool prefix_covers(std::string_view prefix, std::string_view path) {
  if (prefix.ends_with('/')) prefix.remove_suffix(1);
  return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

bool path_covers(const Match& a, const Match& b) {
  if (a.path_kind == PathMatch::any) return true;
  if (a.path_kind == PathMatch::prefix && a.path == "/") return !b.looks_at_opaque();
  if (a.path_kind == b.path_kind && a.path == b.path) return true;
  // What a pattern takes beyond its own text is not obvious.
  bool plain = b.path_kind == PathMatch::exact || b.path_kind == PathMatch::prefix;
  return a.path_kind == PathMatch::prefix && plain && prefix_covers(a.path, b.path);
}

bool value_covers(const ValueMatch& a, const ValueMatch& b) {
  if (a.name != b.name) return false;
  if (a.kind == b.kind && a.value == b.value) return true;
  if (a.kind == ValueMatchKind::present) return b.kind != ValueMatchKind::absent;
  if (a.kind == ValueMatchKind::prefix)
    return (b.kind == ValueMatchKind::exact || b.kind == ValueMatchKind::prefix) &&
           b.value.starts_with(a.value);
  return false;
}

// Each condition of `a` follows from one of `b`.
bool all_follow(const std::vector<ValueMatch>& a, const std::vector<ValueMatch>& b) {
  return std::ranges::all_of(a, [&](const ValueMatch& wanted) {
    return std::ranges::any_of(b, [&](const ValueMatch& given) { return value_covers(wanted, given); });
  });
}

// Lists of which any may hold: each choice of `b` is one of `a`. An empty list is every choice.
template <class T, class F>
bool any_follows(const std::vector<T>& a, const std::vector<T>& b, F covers_one) {
  if (a.empty()) return true;
  return !b.empty() && std::ranges::all_of(b, [&](const T& inner) {
    return std::ranges::any_of(a, [&](const T& outer) { return covers_one(outer, inner); });
  });
}

bool grpc_covers(const GrpcMatch& a, const GrpcMatch& b) {
  if (!a.wanted()) return true;
  return b.wanted() && (a.service.empty() || a.service == b.service) &&
         (a.method.empty() || a.method == b.method);
}

}  // namespace

bool covers(const Match& a, const Match& b) {
  auto caller = [](const Principal& outer, const Principal& inner) {
    return outer.kind == Principal::any || outer == inner;
  };
  if (a.opaque && !b.looks_at_opaque()) return false;
  return path_covers(a, b) && all_follow(a.headers, b.headers) && all_follow(a.query, b.query) &&
         any_follows(a.methods, b.methods, std::equal_to<>()) &&
         any_follows(a.hosts, b.hosts, host_pattern_covers) && any_follows(a.from, b.from, caller) &&
         any_follows(a.server_names, b.server_names, host_pattern_covers) && grpc_covers(a.grpc, b.grpc);
}

}  // namespace meshd::model
