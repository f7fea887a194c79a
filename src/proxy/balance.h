// SPDX-License-Identifier: Apache-2.0
// balance.h: which of the endpoints that the decision named takes this request.
#pragma once
#include "base/random.h"
#include "base/small_vector.h"
#include "proxy/endpoint_state.h"
#include "snapshot/decide.h"

namespace meshd {

// Endpoints already tried for this request.
using Tried = SmallVector<const Endpoint*, 4>;

// Round-robin positions, one per service and loop.
using Turns = std::unordered_map<const ServiceEntry*, uint32_t>;

// Least-request by the power of two choices (Mitzenmacher 2001), loads divided by weights, or weighted
// round-robin. Usable endpoints first; when there is none, any that was not tried: a wrong health check must not
// turn a slow service into a dead one. An endpoint with `active_max` requests under way (0: no limit) takes no more.
// Null when all were tried or are full, or there is none.
const Endpoint* balance(Endpoints candidates, model::Balance policy, EndpointStates& states,
                        const Tried& tried, FastRandom& random, uint32_t& turn, Instant now,
                        uint32_t active_max = 0);

}  // namespace meshd
