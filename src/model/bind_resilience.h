// SPDX-License-Identifier: Apache-2.0
// bind_resilience.h: retries, breakers and limits out of the checked tree. Internal to the binder.
#pragma once
#include "model/reader.h"
#include "model/resilience.h"

namespace meshd::model {

// `r` stands at defaults.retries or routes[].retries; what it does not say is taken from `base`.
Retries read_retries(const Reader& r, Retries base);
// Nothing where the key is missing.
std::optional<Breaker> read_breaker(const Reader& service);
// `r` stands at routes[].
std::optional<RateLimit> read_rate_limit(const Reader& route);
EndpointLimits read_limits(const Reader& service);

}  // namespace meshd::model
