// SPDX-License-Identifier: Apache-2.0
#include "control/limit_leases.h"

#include <algorithm>
#include <cmath>

#include "tls/digest.h"

namespace meshd {
namespace {

constexpr double kSmoothing = 0.3;  // weight of the newest interval: half of a change is seen after two

double seconds_of(nanoseconds d) { return static_cast<double>(d.count()) * 1e-9; }

}  // namespace

std::string wire_name(const std::string& budget) {
  size_t end = budget.find('\0');
  if (end == std::string::npos) return budget;
  return budget.substr(0, end) + '#' + sha256_hex(budget.substr(end)).substr(0, 16);
}

void LimitLeases::follow(const SnapshotPtr& snapshot) {
  Instant now = clock_.now();
  snapshot_ = snapshot;
  limits_.clear();
  for (const auto& service : snapshot->services)
    for (const Route& route : service->routes)
      if (route.rate_limit != nullptr && route.rate_limit->mesh) limits_[limit_name(route)] = &route;

  for (auto it = held_.begin(); it != held_.end();) {
    Held& held = it->second;
    auto limit = limits_.find(it->first.substr(0, it->first.find('\0')));
    bool keyed = it->first.find('\0') != std::string::npos;
    if (limit != limits_.end() && limit->second->rate_limit->keyed() == keyed) {
      held.limit = limit->second->rate_limit;
      ++it;
      continue;
    }
    // It may be a limit of this node alone from now on.
    held.budget->set_share(*held.limit, 0, {}, 1, now);
    keys_ -= keyed;
    it = held_.erase(it);
  }
  for (const auto& [name, route] : limits_)
    if (!route->rate_limit->keyed()) hold(budgets_->of(name, now), *route->rate_limit, now);
  if (!limits_.empty() && !timer_.armed()) {
    ticked_ = now;
    rearm();
  }
}

void LimitLeases::hold(RateBudgetPtr budget, const model::RateLimit& limit, Instant now) {
  auto [it, fresh] = held_.try_emplace(budget->name());
  if (!fresh) return;
  keys_ += budget->name().find('\0') != std::string::npos;
  it->second = {std::move(budget), &limit, {}, 0, 0, now};
  it->second.wire = wire_name(it->first);
  it->second.asked = it->second.budget->asked();
}

void LimitLeases::rearm() { timer_.start(kLeaseInterval); }

void LimitLeases::tick() {
  if (limits_.empty()) return;
  Instant now = clock_.now();
  double passed = std::max(seconds_of(now - ticked_), 1e-3);
  ticked_ = now;
  if (state(now) == State::none) {
    shares_.clear();
    acts_on_ = 0;
  }
  take_up_keys(now);
  for (auto it = held_.begin(); it != held_.end();) {
    Held& held = it->second;
    uint64_t asked = held.budget->asked();
    double rate = static_cast<double>(asked - held.asked) / passed;
    if (asked != held.asked) held.used = now;
    held.asked = asked;
    held.demand += kSmoothing * (rate - held.demand);
    if (it->first.find('\0') != std::string::npos && now - held.used > kKeyIdle) {
      held.budget->set_share(*held.limit, 0, {}, share_otherwise(*held.limit, *snapshot_), now);
      --keys_;
      it = held_.erase(it);
      continue;
    }
    apply(held, now);
    ++it;
  }
  report(now);
  rearm();
}

// Keys that were asked for since the last tick; those beyond the bound keep their equal part.
void LimitLeases::take_up_keys(Instant now) {
  for (RateBudgetPtr& budget : budgets_->active()) {
    size_t end = budget->name().find('\0');
    if (end == std::string::npos || keys_ >= kLeasedKeysMax) continue;
    auto limit = limits_.find(budget->name().substr(0, end));
    if (limit != limits_.end() && limit->second->rate_limit->keyed())
      hold(std::move(budget), *limit->second->rate_limit, now);
  }
}

LimitLeases::State LimitLeases::state(Instant now) const {
  if (acts_on_ == 0) return State::none;
  if (now < until_) return State::leased;
  return now < until_ + 2 * kLeaseLife ? State::lapsed : State::none;
}

// 0: as much as anybody has who was told nothing.
double LimitLeases::share_of(const Held& held, Instant now) const {
  State is = state(now);
  auto lent = shares_.find(held.wire);
  if (is == State::none || lent == shares_.end()) return 0;
  double share = static_cast<double>(lent->second) / kWholeShare;
  if (is == State::leased) return share;
  return share < share_otherwise(*held.limit, *snapshot_) ? share : 0;
}

void LimitLeases::apply(Held& held, Instant now) {
  held.budget->set_share(*held.limit, share_of(held, now), until_, share_otherwise(*held.limit, *snapshot_),
                         now);
}

void LimitLeases::report(Instant now) {
  JsonObject demand;
  for (const auto& [name, held] : held_) demand[held.wire] = json(std::llround(held.demand * 1000));
  JsonObject line;
  line["type"] = json("demand");
  line["at"] = json(now.ns);
  line["acts"] = json(state(now) == State::leased ? acts_on_ : int64_t{0});
  line["limits"] = Json(std::move(demand));
  send_(Json(std::move(line)));
}

void LimitLeases::granted(const Json& line) {
  Instant now = clock_.now(), of{int_of(line, "of")};
  int64_t number = int_of(line, "number");
  // An answer to a report of another life, or one that took too long to be worth anything.
  if (limits_.empty() || number <= 0 || of > now || now - of >= kLeaseLife) return;
  shares_.clear();
  const Json& set = member(line, "set");
  if (set.is<JsonObject>())
    for (const auto& [name, share] : set.get<JsonObject>())
      if (share.is<int64_t>() && share.get<int64_t>() > 0 && share.get<int64_t>() <= kWholeShare)
        shares_[name] = share.get<int64_t>();
  acts_on_ = number;
  until_ = of + kLeaseLife;
  for (auto& [name, held] : held_) apply(held, now);
}

JsonArray LimitLeases::list() const {
  JsonArray out;
  if (!snapshot_) return out;
  Instant now = clock_.now();
  auto rounded = [](double d) { return Json(std::round(d * 1000) / 1000); };
  for (const auto& service : snapshot_->services) {
    for (const Route& route : service->routes) {
      if (route.rate_limit == nullptr) continue;
      const model::RateLimit& limit = *route.rate_limit;
      std::string name = limit_name(route);
      double rate = 1e9 / static_cast<double>(limit.interval_ns);
      JsonObject o;
      o["name"] = json(name);
      o["scope"] = json(limit.mesh ? "mesh" : "node");
      o["rate"] = rounded(rate);
      o["burst"] = json(int64_t{limit.burst});
      std::string key = limit.header.empty() ? "" : "header " + limit.header;
      if (limit.identity) key += key.empty() ? "identity" : ", identity";
      if (!key.empty()) o["key"] = json(key);
      double share = share_otherwise(limit, *snapshot_);
      o["lease"] = json(!limit.mesh                   ? "none"
                        : state(now) == State::leased ? "leased"
                        : state(now) == State::lapsed ? "lapsed"
                                                      : "equal part");
      if (limit.mesh && state(now) == State::leased)
        o["lease_ms"] = json(std::chrono::duration_cast<milliseconds>(until_ - now).count());
      double demand = 0;
      int64_t asked = 0, passed = 0, held_keys = 0;
      for (const auto& [budget, held] : held_) {
        if (budget.substr(0, budget.find('\0')) != name) continue;
        demand += held.demand;
        asked += static_cast<int64_t>(held.budget->asked());
        passed += static_cast<int64_t>(held.budget->passed());
        ++held_keys;
        if (!limit.keyed()) share = held.budget->share(share, now);
      }
      if (limit.mesh) {
        o["demand"] = rounded(demand);
        o["asked"] = json(asked);
        o["passed"] = json(passed);
        if (limit.keyed()) o["keys"] = json(held_keys);
      }
      o["share"] = rounded(share);
      o["here"] = rounded(rate * share);
      out.push_back(Json(std::move(o)));
    }
  }
  return out;
}

}  // namespace meshd
