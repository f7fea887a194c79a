// SPDX-License-Identifier: Apache-2.0
// rate_limit.h: budgets of requests over time, shared by a node's loops.
//
// A limit of the whole mesh is cut into shares, one per node; whoever knows better than "as many as there are nodes"
// (control/limit_leases.h) sets a budget's share while loops take from it.
#pragma once
#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "model/resilience.h"

namespace meshd {

// One budget by the generic cell rate algorithm (ITU-T I.371): one number says it all, the time at which the budget is
// full again. Loops take from it without a lock.
class RateBudget {
 public:
  explicit RateBudget(std::string name) : name_(std::move(name)) {}

  // Takes one request. How long until there is one again; nullopt: it was there. `otherwise` is the share of the limit
  // while none is set, in (0, 1].
  std::optional<std::chrono::nanoseconds> take(const model::RateLimit& limit, double otherwise, Instant now);
  // By one thread only: this node's share, 0: the one that take() is given. From `until` on it is never more than that,
  // even if nobody comes to say so. Requests that were saved up stay as many: moving a share about makes none.
  void set_share(const model::RateLimit& limit, double share, Instant until, double otherwise, Instant now);

  const std::string& name() const { return name_; }
  // The share in use.
  double share(double otherwise, Instant now) const {
    double set = share_.load(std::memory_order_relaxed);
    if (set <= 0) return otherwise;
    return now.ns < until_.load(std::memory_order_relaxed) ? set : std::min(set, otherwise);
  }
  uint64_t asked() const { return asked_.load(std::memory_order_relaxed); }
  uint64_t passed() const { return passed_.load(std::memory_order_relaxed); }
  bool full(Instant now) const { return full_at_.load(std::memory_order_relaxed) <= now.ns; }

 private:
  friend class RateBudgets;
  const std::string name_;
  std::atomic<int64_t> full_at_{0};
  std::atomic<double> share_{0};  // 0: none is set
  std::atomic<int64_t> until_{0};
  std::atomic<uint64_t> asked_{0}, passed_{0};
  bool listed_ = false;  // in RateBudgets::active_
};
using RateBudgetPtr = std::shared_ptr<RateBudget>;

class RateBudgets {
 public:
  // The budget of this name, made if there is none. A name is a limit's, or begins with it and a NUL.
  RateBudgetPtr of(const std::string& name, Instant now);
  // Takes one request from the budget of `key`.
  std::optional<std::chrono::nanoseconds> take(const std::string& key, const model::RateLimit& limit,
                                               double otherwise, Instant now);
  // Budgets of mesh-wide limits with a key that take() was called for since the last time.
  std::vector<RateBudgetPtr> active();
  size_t size() const;

 private:
  RateBudgetPtr find(const std::string& name, Instant now);
  void make_room(Instant now);

  mutable std::mutex mutex_;  // held for one look-up; requests without a keyed limit never come here
  std::unordered_map<std::string, RateBudgetPtr> budgets_;
  std::vector<RateBudgetPtr> active_;
};

struct Exchange;
struct Route;
class Snapshot;

// The name of the route's limit: "SERVICE/ROUTE".
std::string limit_name(const Route& route);
// The share of a limit that this node has where nobody says otherwise: all of its own, an equal part of the mesh's.
double share_otherwise(const model::RateLimit& limit, const Snapshot& snapshot);

// limit: asks the budget of the request's route, if it has one. How long until it may come again; nullopt: it may pass.
std::optional<std::chrono::nanoseconds> rate_limited(Exchange& x);

}  // namespace meshd
