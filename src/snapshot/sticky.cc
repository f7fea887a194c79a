// SPDX-License-Identifier: Apache-2.0
// sticky.cc: one number per key, in place of the random one that chooses the arm of a split.
#include "snapshot/decide.h"
#include "snapshot/query.h"

namespace meshd {
namespace {

using model::Sticky;

// The value of `name` in a Cookie field (RFC 6265 section 4.2.1).
std::optional<std::string_view> cookie(std::string_view field, std::string_view name) {
  while (!field.empty()) {
    size_t end = field.find(';');
    std::string_view one = field.substr(0, end);
    field.remove_prefix(end == std::string_view::npos ? field.size() : end + 1);
    while (one.starts_with(' ')) one.remove_prefix(1);
    size_t equals = one.find('=');
    if (equals != std::string_view::npos && one.substr(0, equals) == name) return one.substr(equals + 1);
  }
  return std::nullopt;
}

std::optional<std::string_view> key_of(const Sticky& sticky, const RequestFacts& facts) {
  switch (sticky.key) {
    case Sticky::none: return std::nullopt;
    case Sticky::source: return facts.source;
    case Sticky::header: return facts.headers(sticky.name);
    case Sticky::query: return query_parameter(facts.query, sticky.name);
    case Sticky::cookie: {
      auto all = facts.headers("cookie");
      return all ? cookie(*all, sticky.name) : std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace

uint64_t spread(const Route& route, const RequestFacts& facts) {
  auto key = route.sticky == nullptr ? std::nullopt : key_of(*route.sticky, facts);
  if (!key || key->empty()) return facts.random;
  // FNV-1a with a finalizer (splitmix64). The route's name keeps two splits from choosing alike.
  uint64_t h = 0xcbf29ce484222325;
  for (std::string_view part : {std::string_view(route.name), *key})
    for (char c : part) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9;
  h = (h ^ (h >> 27)) * 0x94d049bb133111eb;
  return h ^ (h >> 31);
}

}  // namespace meshd
