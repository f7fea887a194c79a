// SPDX-License-Identifier: Apache-2.0
// rate_limit.h: budgets of requests over time, shared by a node's loops.
#pragma once
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "model/resilience.h"

namespace meshd {

// One budget per key, by the generic cell rate algorithm (ITU-T I.371): one number says it all, the time at which the
// budget is full again.
class RateBudgets {
 public:
  // Takes one request from the budget of `key`. How long until there is one again; nullopt: it was there.
  std::optional<std::chrono::nanoseconds> take(const std::string& key, const model::RateLimit& limit,
                                               Instant now);
  size_t size() const;

 private:
  void make_room(Instant now);

  mutable std::mutex mutex_;  // held for one look-up; requests without a limit never come here
  std::unordered_map<std::string, int64_t> full_at_;
};

struct Exchange;

// limit: asks the budget of the request's route, if it has one. How long until it may come again; nullopt: it may pass.
std::optional<std::chrono::nanoseconds> rate_limited(Exchange& x);

}  // namespace meshd
