// SPDX-License-Identifier: Apache-2.0
// balance.h: which of the endpoints that the decision named takes this request.
#pragma once
#include "base/random.h"
#include "base/small_vector.h"
#include "proxy/endpoint_set.h"
#include "snapshot/decide.h"

namespace meshd {

// Endpoints already tried for this request.
using Tried = SmallVector<const Endpoint*, 4>;

struct PickFor {
  const Tried& tried;
  KeyPlace key;                // where the policy hashes
  bool own_connection = true;  // not one that requests share
};

struct Pick {
  EndpointSet::Member* member = nullptr;  // null: all were tried or are full, or there is none
  bool panic = false;                     // it was picked among all, because too few are usable
  bool full = false;                      // without member: there would be one, but for its limits
};

// By the set's policy:
//   least-request  two draws by weight; the one with less under way per weight wins (Mitzenmacher 2001)
//   ewma           the same by cost: peak EWMA of the latency, times what is under way and one more
//   random         a draw by weight
//   round-robin    in turn, by weight (turns.h)
//   ring-hash, maglev   the key's endpoint, or the next usable one from its place; without key as least-request
// Among usable endpoints, near ones first as far as they can take it (endpoint_set.h). When none is usable any that was
// not tried: a wrong health check must not turn a slow service into a dead one. Full endpoints are never picked.
// Allocates nothing, takes no lock.
Pick pick(EndpointSet& set, const PickFor& ask, FastRandom& random, Instant now);

}  // namespace meshd
