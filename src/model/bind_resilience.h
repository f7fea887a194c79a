// SPDX-License-Identifier: Apache-2.0
// bind_resilience.h: retries and rate limits out of the checked tree. Internal to the binder.
#pragma once
#include "model/reader.h"
#include "model/resilience.h"

namespace meshd::model {

// `r` stands at defaults.retries or routes[].retries; what it does not say is taken from `base`.
Retries read_retries(const Reader& r, Retries base);
// `r` stands at routes[].
std::optional<RateLimit> read_rate_limit(const Reader& route);

}  // namespace meshd::model
