// SPDX-License-Identifier: Apache-2.0
// route_table.cc: which route takes this request? Called by route_request.cc.
//
// A request's path has few prefixes (one per segment). Each is looked up once; the lists found are ascending, so the
// smallest head among them is always the next route to try, and the first that matches wins as in a plain scan.
#include "snapshot/route_table.h"

#include <algorithm>
#include <array>

#include "snapshot/decide.h"

namespace meshd {
namespace {

using model::HeaderMatch;
using model::HeaderMatchKind;
using model::PathMatch;

constexpr size_t kPrefixDepthMax = 30;  // deeper prefixes are scanned for; paths in use stay below 10

std::string_view without_final_slash(std::string_view prefix) {
  if (prefix.ends_with('/')) prefix.remove_suffix(1);
  return prefix;
}

bool header_holds(const HeaderMatch& m, const FieldLookup& headers) {
  std::optional<std::string_view> value = headers(m.name);
  switch (m.kind) {
    case HeaderMatchKind::exact: return value && *value == m.value;
    case HeaderMatchKind::prefix: return value && value->starts_with(m.value);
    case HeaderMatchKind::present: return value.has_value();
    case HeaderMatchKind::absent: return !value.has_value();
  }
  return false;
}

// Lists to merge, with a place in each.
struct Cursors {
  struct One {
    const uint32_t* at;
    const uint32_t* end;
  };
  std::array<One, kPrefixDepthMax + 3> all;
  size_t count = 0;

  void add(const std::vector<uint32_t>& list) {
    if (!list.empty()) all[count++] = {list.data(), list.data() + list.size()};
  }
  // The smallest head, taken off its list; nullopt: all are empty.
  std::optional<uint32_t> next() {
    One* best = nullptr;
    for (size_t i = 0; i < count; ++i)
      if (all[i].at != all[i].end && (!best || *all[i].at < *best->at)) best = &all[i];
    if (!best) return std::nullopt;
    return *best->at++;
  }
};

}  // namespace

bool path_has_prefix(std::string_view path, std::string_view prefix) {
  prefix = without_final_slash(prefix);
  return path.starts_with('/') && path.starts_with(prefix) &&
         (path.size() == prefix.size() || path[prefix.size()] == '/');
}

bool matches(const model::Match& m, const RequestFacts& facts) {
  // Opaque TCP meets no condition on HTTP, not even that a field be absent.
  if (!facts.is_http()) return m.path_kind == PathMatch::any && m.headers.empty() && m.methods.empty();
  if (m.path_kind == PathMatch::exact && facts.path != m.path) return false;
  if (m.path_kind == PathMatch::prefix && !path_has_prefix(facts.path, m.path)) return false;
  if (!m.methods.empty() && std::ranges::find(m.methods, facts.method) == m.methods.end()) return false;
  return std::ranges::all_of(m.headers, [&](const HeaderMatch& h) { return header_holds(h, facts.headers); });
}

void RouteTable::build(std::span<const Route> routes) {
  routes_ = routes;
  for (uint32_t i = 0; i < routes.size(); ++i) {
    const model::Match& m = routes[i].match;
    switch (m.path_kind) {
      case PathMatch::any: any_.push_back(i); break;
      case PathMatch::exact: exact_[m.path].push_back(i); break;
      case PathMatch::prefix: {
        std::string_view prefix = without_final_slash(m.path);
        prefix_[std::string(prefix)].push_back(i);
        prefix_depth_ = std::max(prefix_depth_, static_cast<size_t>(std::ranges::count(prefix, '/')));
        break;
      }
    }
  }
}

const Route* RouteTable::find(const RequestFacts& facts) const {
  if (prefix_depth_ > kPrefixDepthMax) {
    for (const Route& r : routes_)
      if (matches(r.match, facts)) return &r;
    return nullptr;
  }
  Cursors lists;
  lists.add(any_);
  if (!exact_.empty())
    if (auto it = exact_.find(facts.path); it != exact_.end()) lists.add(it->second);
  if (!prefix_.empty() && facts.path.starts_with('/')) {
    // "/a/b" has the prefixes "", "/a", "/a/b".
    size_t end = 0;
    for (size_t depth = 0; depth <= prefix_depth_; ++depth) {
      if (auto it = prefix_.find(facts.path.substr(0, end)); it != prefix_.end()) lists.add(it->second);
      if (end == facts.path.size()) break;
      end = std::min(facts.path.find('/', end + 1), facts.path.size());
    }
  }
  while (auto i = lists.next())
    if (matches(routes_[*i].match, facts)) return &routes_[*i];
  return nullptr;
}

}  // namespace meshd
