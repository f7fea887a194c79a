// SPDX-License-Identifier: Apache-2.0
// rate_limit.cc: part of stage 4, decide: is there a request left in the budget of the route?
#include "proxy/rate_limit.h"

#include "base/limits.h"
#include "proxy/data_plane.h"

namespace meshd {

std::optional<std::chrono::nanoseconds> RateBudgets::take(const std::string& key,
                                                          const model::RateLimit& limit, Instant now) {
  std::lock_guard lock(mutex_);
  auto it = full_at_.find(key);
  if (it == full_at_.end()) {
    if (full_at_.size() >= kRateKeysMax) make_room(now);
    // More keys than there is room for: what is new shares one budget, of its route.
    it = full_at_.try_emplace(full_at_.size() < kRateKeysMax ? key : key.substr(0, key.find('\0'))).first;
  }
  int64_t full_at = std::max(it->second, now.ns) + limit.interval_ns;
  int64_t early = full_at - now.ns - limit.interval_ns * int64_t{limit.burst};
  if (early > 0) return std::chrono::nanoseconds(early);
  it->second = full_at;
  return std::nullopt;
}

// A budget that is full again says nothing.
void RateBudgets::make_room(Instant now) {
  std::erase_if(full_at_, [now](const auto& entry) { return entry.second <= now.ns; });
}

size_t RateBudgets::size() const {
  std::lock_guard lock(mutex_);
  return full_at_.size();
}

std::optional<std::chrono::nanoseconds> rate_limited(Exchange& x) {
  const Route& route = *x.routing.route;
  if (route.rate_limit == nullptr) return std::nullopt;
  const model::RateLimit& limit = *route.rate_limit;
  std::string key = x.service->name + '/' + route.name;
  if (limit.identity) key.append(1, '\0').append(x.from->uri);
  if (!limit.header.empty()) {
    auto value = x.request->head.find(limit.header);
    key.append(1, '\0').append(value.value_or(std::string_view()));
  }
  return x.plane.rate_budgets().take(key, limit, x.plane.loop().now());
}

}  // namespace meshd
