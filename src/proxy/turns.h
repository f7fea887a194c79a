// SPDX-License-Identifier: Apache-2.0
// turns.h: round-robin by weight, smoothly: each endpoint has a turn every mean / weight of a round, and who is due first
// is next (earliest deadline first).
#pragma once
#include "proxy/endpoint_set.h"

namespace meshd {

// Between two turns, in virtual time; a weight of the mean gives 2^32.
inline uint64_t stride(double weight, double mean) {
  return static_cast<uint64_t>(std::max(1.0, 0x1p32 * mean / weight));
}
inline uint64_t first_turn(uint64_t now, double weight, double mean, FastRandom& random) {
  return now + 1 + static_cast<uint64_t>(random.unit() * static_cast<double>(stride(weight, mean)));
}

// Order of the heap.
struct Later {
  const std::vector<EndpointSet::Member>& members;
  bool operator()(uint32_t a, uint32_t b) const { return members[a].turn > members[b].turn; }
};

}  // namespace meshd
