// SPDX-License-Identifier: Apache-2.0
#include "proxy/breaker.h"

#include <algorithm>

namespace meshd {
namespace {

constexpr uint32_t kLongerMax = 10;  // times the first ejection

// Whether one more of the service's endpoints may be taken out.
bool may_eject(EndpointStates& states, const ServiceEntry& service, uint32_t permille, Instant now) {
  size_t out = 0;
  for (const Endpoint& e : service.endpoints) out += states.of(e.id).ejected(now);
  return (out + 1) * 1000 <= service.endpoints.size() * permille;
}

}  // namespace

bool note_result(EndpointStates& states, const Endpoint& endpoint, bool failed, Instant now) {
  EndpointState& s = states.of(endpoint.id);
  bool probe = std::exchange(s.probing, false);
  const model::Breaker* breaker = endpoint.service->breaker;
  if (!failed || breaker == nullptr) {
    s.errors = s.ejections = 0;
    s.ejected_until = {};
    return false;
  }
  ++s.errors;
  if (!probe && (s.errors < breaker->consecutive_errors || s.ejected(now))) return false;
  if (!probe && !may_eject(states, *endpoint.service, breaker->max_ejected_permille, now)) return false;
  s.ejections = std::min(s.ejections + 1, kLongerMax);
  s.ejected_until = now + s.ejections * std::chrono::nanoseconds(breaker->eject);
  s.errors = 0;
  return true;
}

}  // namespace meshd
