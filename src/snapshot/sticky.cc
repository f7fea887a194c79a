// SPDX-License-Identifier: Apache-2.0
// sticky.cc: one number per key, in place of the random one that chooses the arm of a split.
#include "snapshot/decide.h"
#include "snapshot/hash_key.h"

namespace meshd {

uint64_t spread(const Route& route, const RequestFacts& facts) {
  auto key = route.sticky == nullptr ? std::nullopt : request_key(*route.sticky, facts);
  // The route's name keeps two splits from choosing alike.
  return !key || key->empty() ? facts.random : hash_of(route.name, *key);
}

}  // namespace meshd
