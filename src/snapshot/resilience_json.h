// SPDX-License-Identifier: Apache-2.0
// resilience_json.h: retries, breakers, limits and balancing as parts of the objects that nodes receive. Internal to object_json.
#pragma once
#include "model/resilience.h"
#include "snapshot/object_json.h"

namespace meshd {

Json write_retries(const model::Retries& retries);
model::Retries read_retries(const Json& j, ReadError& error);
Json write_rate_limit(const model::RateLimit& limit);
model::RateLimit read_rate_limit(const Json& j, ReadError& error);
Json write_breaker(const model::Breaker& breaker);
model::Breaker read_breaker(const Json& j, ReadError& error);
Json write_balance(const model::Balance& balance);
model::Balance read_balance(const Json& j, ReadError& error);
Json write_limits(const model::EndpointLimits& limits);
model::EndpointLimits read_limits(const Json& j, ReadError& error);

}  // namespace meshd
