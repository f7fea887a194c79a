// SPDX-License-Identifier: Apache-2.0
#include "proxy/endpoint_state.h"

#include <algorithm>

namespace meshd {

void EndpointState::failed(Instant now) {
  uint32_t doublings = std::min(failures++, 6u);
  avoid_until = now + std::min<nanoseconds>(milliseconds(100u << doublings), milliseconds(5000));
  out();
}

void EndpointStates::set_down(std::shared_ptr<const DownEndpoints> down) {
  down_ = std::move(down);
  for (auto& [id, state] : states_) {
    state->down = down_ && down_->contains(id);
    if (state->down) state->out();
  }
  ++changes_;
}

void EndpointStates::retain(const Snapshot& snapshot) {
  std::erase_if(states_, [&](const auto& entry) {
    if (entry.second->active != 0 || snapshot.endpoint(entry.first) != nullptr) return false;
    // Requests of an older snapshot may still hold it.
    entry.second->changes = nullptr;
    return true;
  });
}

}  // namespace meshd
