// SPDX-License-Identifier: Apache-2.0
// bind_balance.h: how a service's endpoints are chosen and what they are given at most, as values.
#pragma once
#include "model/diagnostics.h"
#include "model/reader.h"

namespace meshd::model {

// `r` stands at the service. What does not fit together is found here, at its place.
Balance bind_balance(const Reader& r, Protocol protocol, Findings& findings);
EndpointLimits bind_limits(const Reader& r, Protocol protocol, Findings& findings);
std::optional<Breaker> bind_breaker(const Reader& r, Findings& findings);

}  // namespace meshd::model
