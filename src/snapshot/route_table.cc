// SPDX-License-Identifier: Apache-2.0
// route_table.cc: which route takes this request? Called by route_request.cc.
//
// The indexes give the routes that can match, in order; the first whose match holds wins, as in a plain scan.
#include "snapshot/route_table.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "snapshot/decide.h"

namespace meshd {
namespace {

using model::PathMatch;
using model::ValueMatchKind;
using By = RouteTable::By;

constexpr size_t kScanned = 8;     // so many routes are looked at faster than looked up
constexpr size_t kIndexesMax = 4;  // of one place; each costs a look-up per request

std::string_view bytes_of(const PrincipalId& id) {
  return {reinterpret_cast<const char*>(&id.value), sizeof id.value};
}

// The values that a route can be found by; empty: it cannot be.
std::vector<std::string> keys(const RouteMatch& m, By by, std::string_view name) {
  std::vector<std::string> out;
  switch (by) {
    case By::header:
      for (const model::ValueMatch& h : m.headers)
        if (h.name == name && h.kind == ValueMatchKind::exact) return {h.value};
      break;
    case By::host:
      if (std::ranges::none_of(m.hosts, [](const std::string& h) { return h.starts_with('*'); }))
        out = m.hosts;
      break;
    case By::caller:
      if (std::ranges::find(m.callers, kAnyone) == m.callers.end())
        for (const PrincipalId& p : m.callers) out.emplace_back(bytes_of(p));
      break;
  }
  return out;
}

// As the file writes hosts: lower case, without port and final dot.
std::string_view plain_host(std::string_view host, std::span<char> room) {
  host = host.substr(0, host.find(':'));
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.size() > room.size()) return {};
  for (size_t i = 0; i < host.size(); ++i)
    room[i] = host[i] >= 'A' && host[i] <= 'Z' ? static_cast<char>(host[i] + 32) : host[i];
  return {room.data(), host.size()};
}

}  // namespace

void RouteTable::build(std::span<const Route> routes) {
  routes_ = routes;
  for (uint32_t i = 0; i < routes.size(); ++i) {
    const RouteMatch& m = routes[i].match;
    uint32_t place = 0;
    if (m.path_kind == PathMatch::exact) {
      place = paths_.exact(m.path);
    } else if (m.path_kind == PathMatch::prefix && m.path != "/") {
      place = paths_.prefix(m.path);
    } else if (m.grpc.wanted() && !m.grpc.service.empty()) {
      place = paths_.prefix("/" + m.grpc.service);
    } else if (m.path_kind == PathMatch::regex) {
      std::string begin = m.path_regex.literal_prefix();
      size_t slash = begin.rfind('/');
      place = slash == std::string::npos || slash == 0 ? paths_.any() : paths_.prefix(begin.substr(0, slash));
    } else {
      place = paths_.any();
    }
    server_names_ |= !m.server_names.empty();
    places_.resize(paths_.places());
    places_[place].rest.push_back(i);
  }
  for (Place& place : places_)
    if (place.rest.size() > kScanned) index(place);
}

// Takes as many routes as can be told apart out of `rest`, by what has the most different values first.
void RouteTable::index(Place& place) const {
  using What = std::pair<By, std::string>;
  std::map<What, std::set<std::string>> values;
  for (uint32_t i : place.rest) {
    const RouteMatch& m = routes_[i].match;
    for (const model::ValueMatch& h : m.headers)
      if (h.kind == ValueMatchKind::exact) values[{By::header, h.name}].insert(h.value);
    for (By by : {By::host, By::caller})
      for (std::string& key : keys(m, by, {})) values[{by, {}}].insert(std::move(key));
  }
  std::vector<std::pair<size_t, What>> best;
  for (const auto& [what, keys] : values) best.emplace_back(keys.size(), what);
  std::ranges::sort(best, std::greater<>());
  if (best.size() > kIndexesMax) best.resize(kIndexesMax);
  for (auto& [count, what] : best) place.indexes.push_back({what.first, what.second, {}});
  std::vector<uint32_t> rest;
  for (uint32_t i : place.rest) {
    bool found = false;
    for (Index& index : place.indexes) {
      for (const std::string& key : keys(routes_[i].match, index.by, index.name)) {
        index.lists[key].push_back(i);
        found = true;
      }
      if (found) break;
    }
    if (!found) rest.push_back(i);
  }
  place.rest = std::move(rest);
  std::erase_if(place.indexes, [](const Index& index) { return index.lists.empty(); });
}

void RouteTable::collect(const Place& place, const RequestFacts& facts, Merged& out) {
  out.add(place.rest);
  for (const Index& index : place.indexes) {
    std::array<char, 253> room;
    std::optional<std::string_view> key;
    switch (index.by) {
      case By::header: key = facts.headers(index.name); break;
      case By::host: key = plain_host(facts.host, room); break;
      case By::caller: key = bytes_of(facts.from); break;
    }
    if (!key) continue;
    if (auto it = index.lists.find(*key); it != index.lists.end()) out.add(it->second);
  }
}

const Route* RouteTable::find(const RequestFacts& facts) const {
  Merged candidates;
  paths_.each(facts.path, [&](uint32_t place) { collect(places_[place], facts, candidates); });
  while (auto i = candidates.next())
    if (matches(routes_[*i].match, facts)) return &routes_[*i];
  return nullptr;
}

}  // namespace meshd
