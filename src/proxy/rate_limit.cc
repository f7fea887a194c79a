// SPDX-License-Identifier: Apache-2.0
// rate_limit.cc: part of stage 4, decide: is there a request left in the budget of the route?
#include "proxy/rate_limit.h"

#include <algorithm>

#include "base/limits.h"
#include "proxy/data_plane.h"

namespace meshd {
namespace {

// Of one request at that share of the limit.
int64_t interval_of(const model::RateLimit& limit, double share) {
  constexpr double kLongest = 1e17;  // three years; sums of two still fit
  return static_cast<int64_t>(std::min(static_cast<double>(limit.interval_ns) / share, kLongest));
}

// How much time's worth a full budget holds: the burst, whose parts are as large as the shares; at least one request.
int64_t depth_of(const model::RateLimit& limit, int64_t interval) {
  return std::max(limit.interval_ns * int64_t{limit.burst}, interval);
}

}  // namespace

std::optional<std::chrono::nanoseconds> RateBudget::take(const model::RateLimit& limit, double otherwise,
                                                         Instant now) {
  asked_.fetch_add(1, std::memory_order_relaxed);
  int64_t interval = interval_of(limit, share(otherwise, now));
  int64_t depth = depth_of(limit, interval);
  int64_t was = full_at_.load(std::memory_order_relaxed);
  for (;;) {
    int64_t full_at = std::max(was, now.ns) + interval;
    int64_t early = full_at - now.ns - depth;
    if (early > 0) return std::chrono::nanoseconds(early);
    if (full_at_.compare_exchange_weak(was, full_at, std::memory_order_relaxed)) break;
  }
  passed_.fetch_add(1, std::memory_order_relaxed);
  return std::nullopt;
}

void RateBudget::set_share(const model::RateLimit& limit, double share, Instant until, double otherwise,
                           Instant now) {
  double before = this->share(otherwise, now);
  share_.store(share, std::memory_order_relaxed);
  until_.store(until.ns, std::memory_order_relaxed);
  double after = this->share(otherwise, now);
  if (after == before) return;
  int64_t old_interval = interval_of(limit, before), interval = interval_of(limit, after);
  int64_t old_depth = depth_of(limit, old_interval), depth = depth_of(limit, interval);
  int64_t was = full_at_.load(std::memory_order_relaxed);
  for (;;) {
    int64_t owed = std::max<int64_t>(was - now.ns, 0);
    // May be below none, where the budget was cut down before.
    double saved = static_cast<double>(old_depth - owed) / static_cast<double>(old_interval);
    double left = std::clamp(saved * static_cast<double>(interval), -1e17, static_cast<double>(depth));
    int64_t full_at = now.ns + depth - static_cast<int64_t>(left);
    if (full_at_.compare_exchange_weak(was, full_at, std::memory_order_relaxed)) return;
  }
}

RateBudgetPtr RateBudgets::find(const std::string& name, Instant now) {
  auto it = budgets_.find(name);
  if (it != budgets_.end()) return it->second;
  if (budgets_.size() >= kRateKeysMax) make_room(now);
  // More keys than there is room for: what is new shares one budget, of its route.
  std::string kept = budgets_.size() < kRateKeysMax ? name : name.substr(0, name.find('\0'));
  RateBudgetPtr& slot = budgets_[kept];
  if (!slot) slot = std::make_shared<RateBudget>(std::move(kept));
  return slot;
}

RateBudgetPtr RateBudgets::of(const std::string& name, Instant now) {
  std::lock_guard lock(mutex_);
  return find(name, now);
}

std::optional<std::chrono::nanoseconds> RateBudgets::take(const std::string& key,
                                                          const model::RateLimit& limit, double otherwise,
                                                          Instant now) {
  RateBudgetPtr budget;
  {
    std::lock_guard lock(mutex_);
    budget = find(key, now);
    if (limit.mesh && limit.keyed() && !std::exchange(budget->listed_, true)) active_.push_back(budget);
  }
  return budget->take(limit, otherwise, now);
}

std::vector<RateBudgetPtr> RateBudgets::active() {
  std::lock_guard lock(mutex_);
  for (const RateBudgetPtr& budget : active_) budget->listed_ = false;
  return std::exchange(active_, {});
}

// A budget that is full again, and that nobody holds, says nothing.
void RateBudgets::make_room(Instant now) {
  std::erase_if(budgets_, [now](const auto& entry) {
    return entry.second.use_count() == 1 && entry.second->full(now);
  });
}

size_t RateBudgets::size() const {
  std::lock_guard lock(mutex_);
  return budgets_.size();
}

std::string limit_name(const Route& route) { return route.service->name + '/' + route.name; }

double share_otherwise(const model::RateLimit& limit, const Snapshot& snapshot) {
  return limit.mesh && !snapshot.nodes.empty() ? 1.0 / static_cast<double>(snapshot.nodes.size()) : 1.0;
}

std::optional<std::chrono::nanoseconds> rate_limited(Exchange& x) {
  const Route& route = *x.routing.route;
  if (route.rate_limit == nullptr) return std::nullopt;
  const model::RateLimit& limit = *route.rate_limit;
  Instant now = x.plane.loop().now();
  double otherwise = share_otherwise(limit, **x.snapshot);
  if (!limit.keyed()) {
    // Looked up once per loop and snapshot.
    RateBudgetPtr& budget = x.snapshot->budget(route);
    if (!budget) budget = x.plane.rate_budgets().of(limit_name(route), now);
    return budget->take(limit, otherwise, now);
  }
  std::string key = limit_name(route);
  if (limit.identity) key.append(1, '\0').append(x.from->uri);
  if (!limit.header.empty()) {
    auto value = x.request->head.find(limit.header);
    key.append(1, '\0').append(value.value_or(std::string_view()));
  }
  return x.plane.rate_budgets().take(key, limit, otherwise, now);
}

}  // namespace meshd
