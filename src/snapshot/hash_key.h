// SPDX-License-Identifier: Apache-2.0
// hash_key.h: what in a request says which requests belong together, and one number for it. Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "snapshot/decide.h"

namespace meshd {

// The value that `key` looks at; nullopt: the request has none.
std::optional<std::string_view> request_key(const model::Sticky& key, const RequestFacts& facts);

// splitmix64's finalizer: spreads every bit over all of them.
constexpr uint64_t mix(uint64_t h) {
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9;
  h = (h ^ (h >> 27)) * 0x94d049bb133111eb;
  return h ^ (h >> 31);
}

// FNV-1a over both parts, mixed: the same on every node and in every version.
uint64_t hash_of(std::string_view part, std::string_view key);

}  // namespace meshd
