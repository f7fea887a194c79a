// SPDX-License-Identifier: Apache-2.0
#include "snapshot/hash_key.h"

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

}  // namespace

std::optional<std::string_view> request_key(const Sticky& sticky, const RequestFacts& facts) {
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

uint64_t hash_of(std::string_view part, std::string_view key) {
  uint64_t h = 0xcbf29ce484222325;
  for (std::string_view text : {part, key})
    for (char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return mix(h);
}

}  // namespace meshd
