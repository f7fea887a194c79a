// SPDX-License-Identifier: Apache-2.0
// endpoint_state.h: what a loop has learnt of an endpoint: lives outside the snapshot and survives its swaps.
#pragma once
#include <memory>
#include <unordered_map>

#include "base/clock.h"
#include "base/ids.h"
#include "proxy/data_loops.h"

namespace meshd {

struct EndpointState {
  uint32_t active = 0;    // requests and connections under way from this loop
  uint32_t failures = 0;  // connects that failed in a row
  Instant avoid_until{};  // after a failed connect: others first until then
  bool down = false;      // health checks or heartbeats say so

  // ---- breaker.cc
  uint32_t errors = 0;      // failures in a row
  uint32_t ejections = 0;   // without a success between them
  Instant ejected_until{};  // 0: it is not; afterwards one request tries it
  bool probing = false;     // that request is under way
  bool ejected(Instant now) const { return ejected_until.ns != 0 && (ejected_until > now || probing); }

  bool usable(Instant now) const { return !down && avoid_until <= now && !ejected(now); }
  // A request goes there.
  void taken(Instant now) {
    ++active;
    if (ejected_until.ns != 0 && ejected_until <= now) probing = true;
  }
  // The endpoint could not be reached: stay away for 0.1 s, doubling up to 5 s.
  void failed(Instant now);
  // The request is over, one way or another.
  void left() {
    --active;
    probing = false;
  }
  // A connection was made or used.
  void reached() {
    failures = 0;
    avoid_until = {};
  }
};

class EndpointStates {
 public:
  EndpointState& of(EndpointId id) {
    std::unique_ptr<EndpointState>& slot = states_[id];
    if (!slot) {
      slot = std::make_unique<EndpointState>();
      slot->down = down_ && down_->contains(id);
    }
    return *slot;
  }
  // Replaces what health says of all endpoints.
  void set_down(std::shared_ptr<const DownEndpoints> down);
  // Forgets endpoints that the snapshot no longer has and nothing uses.
  void retain(const Snapshot& snapshot);

 private:
  std::unordered_map<EndpointId, std::unique_ptr<EndpointState>> states_;
  std::shared_ptr<const DownEndpoints> down_;
};

}  // namespace meshd
