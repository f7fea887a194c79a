// SPDX-License-Identifier: Apache-2.0
// loop_snapshot.h: one loop's hold on the current snapshot, and what the loop derives from it once instead of per
// request. An Exchange pins it by a count without atomics; the shared snapshot goes when the last loop lets go.
#pragma once
#include <memory>
#include <unordered_map>

#include "base/local_ptr.h"
#include "proxy/endpoint_set.h"
#include "proxy/owner_table.h"
#include "proxy/peer.h"
#include "snapshot/decide.h"
#include "telemetry/access_filter.h"
#include "telemetry/golden.h"

namespace meshd {

class RateBudget;

struct LoopSnapshot : LocalCounted {
  SnapshotPtr shared;
  std::shared_ptr<const OwnerTable> owners;  // local callers → workloads
  AccessFilter log_filter;                   // which requests are logged
  bool log_on = false;

  // The endpoints of an arm, as this loop sees them; made by DataPlane::endpoints().
  std::unordered_map<const Destination*, std::unique_ptr<EndpointSet>> sets;

  const Snapshot& operator*() const { return *shared; }
  const Snapshot* operator->() const { return shared.get(); }

  // The caller's number in this snapshot's rules.
  PrincipalId principal(const Peer& peer) {
    auto [it, fresh] = principals_.try_emplace(&peer);
    if (fresh) it->second = shared->principal(peer.uri);
    return it->second;
  }

  // The golden metrics of this (what, who): `what` is the route (outbound) or the service (inbound).
  GoldenSeries*& golden(const void* what, const Peer* who) { return golden_[{what, who}]; }

  // The metrics of one arm of a split.
  ArmSeries*& arm(const Destination* to) { return arms_[to]; }
  // The budget of a route whose limit has no key; null until it was looked up.
  std::shared_ptr<RateBudget>& budget(const Route& route) { return budgets_[&route]; }

 private:
  struct Key {
    const void* what;
    const void* who;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    size_t operator()(const Key& k) const noexcept {
      return std::hash<const void*>()(k.what) * 31 + std::hash<const void*>()(k.who);
    }
  };
  std::unordered_map<const Peer*, PrincipalId> principals_;
  std::unordered_map<Key, GoldenSeries*, KeyHash> golden_;
  std::unordered_map<const Destination*, ArmSeries*> arms_;
  std::unordered_map<const Route*, std::shared_ptr<RateBudget>> budgets_;
};

using SnapshotRef = LocalPtr<LoopSnapshot>;

}  // namespace meshd
