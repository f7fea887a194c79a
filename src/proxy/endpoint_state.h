// SPDX-License-Identifier: Apache-2.0
// endpoint_state.h: what a loop has learnt of an endpoint: lives outside the snapshot and survives its swaps.
#pragma once
#include <memory>
#include <unordered_map>

#include "base/clock.h"
#include "base/ids.h"
#include "base/local_ptr.h"
#include "proxy/bulkhead.h"
#include "proxy/data_loops.h"
#include "proxy/peak_ewma.h"

namespace meshd {

// Results of the last while, in ten slices; by breaker.cc.
struct ResultWindow {
  struct Slice {
    uint32_t good = 0, bad = 0;
  };
  Slice slices[10];
  int64_t slice = 0;  // number of the newest
};

struct EndpointState : LocalCounted {
  uint32_t active = 0;    // requests and connections under way from this loop
  uint32_t failures = 0;  // connects that failed in a row
  Instant avoid_until{};  // after a failed connect: others first until then
  bool down = false;      // health checks or heartbeats say so

  // ---- breaker.cc
  uint32_t errors = 0;      // failures in a row
  uint32_t ejections = 0;   // without a success between them
  Instant ejected_until{};  // 0: it is not; afterwards one request tries it
  bool probing = false;     // that request is under way
  std::unique_ptr<ResultWindow> results;
  bool ejected(Instant now) const { return ejected_until.ns != 0 && (ejected_until > now || probing); }

  // ---- endpoint_set.cc
  bool was_usable = false;
  Instant usable_since{};               // where a slow start begins
  PeakEwma latency;                     // to the head of the response
  std::shared_ptr<NodeLoad> node_load;  // of all loops; null: its service has no limits

  bool usable(Instant now) const { return !down && avoid_until <= now && !ejected(now); }
  // What usable() says may be another answer from now on.
  void changed() {
    if (changes != nullptr) ++*changes;
  }
  // It is not usable, also if it is again before anybody looks: a slow start begins when it is.
  void out() {
    was_usable = false;
    changed();
  }
  uint64_t* changes = nullptr;  // of the loop; null in tests

  // A request goes there.
  void taken(Instant now) {
    ++active;
    if (ejected_until.ns != 0 && ejected_until <= now) probing = true, changed();
  }
  // The endpoint could not be reached: stay away for 0.1 s, doubling up to 5 s.
  void failed(Instant now);
  // The request is over, one way or another.
  void left() {
    --active;
    if (probing) probing = false, changed();
  }
  // A connection was made or used.
  void reached() {
    failures = 0;
    if (avoid_until.ns != 0) avoid_until = {}, changed();
  }
};

class EndpointStates {
 public:
  EndpointState& of(EndpointId id) { return *hold(id); }
  // The same, kept alive also when retain() forgets the endpoint.
  LocalPtr<EndpointState> hold(EndpointId id) {
    LocalPtr<EndpointState>& slot = states_[id];
    if (!slot) {
      slot = LocalPtr(new EndpointState);
      slot->down = down_ && down_->contains(id);
      slot->changes = &changes_;
    }
    return slot;
  }
  // The snapshot has it from now on, unless it is known already: what is new to a loop that had no request for it yet is
  // not therefore new.
  void meet(EndpointId id, Instant now) {
    if (states_.contains(id)) return;
    EndpointState& s = of(id);
    s.usable_since = now;
    s.was_usable = s.usable(now);
  }
  // Null: nothing is known.
  const EndpointState* find(EndpointId id) const {
    auto it = states_.find(id);
    return it == states_.end() ? nullptr : it->second.get();
  }
  // Grows whenever an endpoint becomes usable or ceases to be, but for what only time does.
  uint64_t changes() const { return changes_; }
  // Replaces what health says of all endpoints.
  void set_down(std::shared_ptr<const DownEndpoints> down);
  // Forgets endpoints that the snapshot no longer has and nothing uses.
  void retain(const Snapshot& snapshot);

 private:
  uint64_t changes_ = 0;  // before the states, which point to it
  std::unordered_map<EndpointId, LocalPtr<EndpointState>> states_;
  std::shared_ptr<const DownEndpoints> down_;
};

}  // namespace meshd
