// SPDX-License-Identifier: Apache-2.0
// breaker.h: takes an endpoint out after failures in a row, or when too many of its last results are bad, and lets one
// request try it again. Each loop judges by its own requests.
#pragma once
#include "proxy/endpoint_state.h"
#include "snapshot/snapshot.h"

namespace meshd {

// What one request at an endpoint showed: no connection, no answer, one that breaks off, or a status of 500 and above is a failure.
// Ejects where the service's breaker says so and no more than its share is out; true if it did so now.
bool note_result(EndpointStates& states, const Endpoint& endpoint, bool failed, Instant now);

}  // namespace meshd
