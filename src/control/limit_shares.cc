// SPDX-License-Identifier: Apache-2.0
#include "control/limit_shares.h"

#include <algorithm>
#include <vector>

#include "control/limit_leases.h"

namespace meshd {
namespace {

// Of a limit that is wanted whole, so much is spread over all nodes: one that was idle begins with its part of it.
constexpr int64_t kSpread = kWholeShare / 20;

std::string limit_of(const std::string& budget) {
  // A name of the file has no '#'.
  return budget.substr(0, budget.find('#'));
}

// a * b / c of shares, without overflow.
int64_t portion(int64_t a, int64_t b, int64_t c) {
  return c <= 0 ? 0 : static_cast<int64_t>(static_cast<__int128>(a) * b / c);
}

}  // namespace

int64_t LimitShares::equal_part() const { return kWholeShare / nodes_; }

int64_t LimitShares::in_use(const Part& part) const {
  return std::max(part.acting ? part.acting : equal_part(), part.offered);
}

void LimitShares::follow(const SnapshotPtr& snapshot) {
  snapshot_ = snapshot;
  nodes_ = std::max<int64_t>(static_cast<int64_t>(snapshot->nodes.size()), 1);
  limits_.clear();
  for (const auto& service : snapshot->services)
    for (const Route& route : service->routes)
      if (route.rate_limit != nullptr && route.rate_limit->mesh)
        limits_[limit_name(route)] = route.rate_limit;
  for (auto it = budgets_.begin(); it != budgets_.end();) {
    auto limit = limits_.find(limit_of(it->first));
    bool keyed = it->first.find('#') != std::string::npos;
    if (limit != limits_.end() && limit->second->keyed() == keyed) {
      it->second.limit = limit->second;
      ++it;
    } else {
      keys_ -= keyed;
      it = budgets_.erase(it);
    }
  }
  swept_ = {};
}

void LimitShares::forget(const std::string& node) {
  sides_.erase(node);
  drop_lent(node);
  swept_ = {};
}

void LimitShares::drop_lent(const std::string& node) {
  for (auto& [name, budget] : budgets_) budget.parts.erase(node);
}

// Sums anew: who reports, what each budget is asked for, and what of it may be in use.
void LimitShares::sweep(Instant now) {
  swept_ = now;
  present_ = 0;
  for (auto& [node, side] : sides_) {
    if (now < side.until || now - side.heard < kLeaseLife) {
      ++present_;
      continue;
    }
    drop_lent(node);
    side.under_way = false;
  }
  for (auto it = budgets_.begin(); it != budgets_.end();) {
    Budget& budget = it->second;
    budget.demand = 0;
    budget.committed = (nodes_ - static_cast<int64_t>(budget.parts.size())) * equal_part();
    for (const auto& [node, part] : budget.parts) {
      budget.demand += part.demand;
      budget.committed += in_use(part);
    }
    if (budget.demand > 0) budget.used = now;
    // A key that nobody asks for any more: once all have their equal part again, nobody needs to be told of it.
    bool equal = std::ranges::all_of(budget.parts,
                                     [&](const auto& entry) { return in_use(entry.second) == equal_part(); });
    if (budget.limit->keyed() && now - budget.used > kKeyIdle && equal) {
      --keys_;
      it = budgets_.erase(it);
    } else {
      ++it;
    }
  }
}

int64_t LimitShares::committed(const std::string& budget, Instant now) const {
  auto it = budgets_.find(budget);
  if (it == budgets_.end()) return equal_part() * nodes_;
  int64_t sum = nodes_ * equal_part();
  for (const auto& [node, part] : it->second.parts) {
    auto side = sides_.find(node);
    if (side != sides_.end() && now < side->second.until) sum += in_use(part) - equal_part();
  }
  return sum;
}

std::optional<Json> LimitShares::report(const std::string& node, const Json& line, Instant now) {
  if (limits_.empty() || snapshot_->node(node) == nullptr) return std::nullopt;
  NodeSide& side = sides_[node];
  side.heard = now;
  settle(node, side, int_of(line, "acts"), now);
  take_demand(node, line, now);
  if (now - swept_ >= kLeaseInterval) sweep(now);
  if (now - begun_ < kLeaseLife || side.under_way) return std::nullopt;
  return grant(node, side, {int_of(line, "at")}, now);
}

// What the node acts on says which of its shares are in use.
void LimitShares::settle(const std::string& node, NodeSide& side, int64_t acts, Instant now) {
  if (side.under_way && acts != side.number && now < side.until) return;  // it may not have it yet
  side.under_way = false;
  bool taken = acts == side.number && acts != 0 && now < side.until;
  for (auto& [name, budget] : budgets_) {
    auto it = budget.parts.find(node);
    if (it == budget.parts.end()) continue;
    Part& part = it->second;
    int64_t before = in_use(part);
    part.acting = taken ? part.offered : 0;
    if (!taken) part.offered = 0;
    budget.committed += in_use(part) - before;
  }
}

void LimitShares::take_demand(const std::string& node, const Json& line, Instant now) {
  for (auto& [name, budget] : budgets_)
    if (auto it = budget.parts.find(node); it != budget.parts.end()) it->second.demand = 0;
  const Json& all = member(line, "limits");
  if (!all.is<JsonObject>()) return;
  for (const auto& [name, rate] : all.get<JsonObject>()) {
    auto it = budgets_.find(name);
    if (it == budgets_.end()) {
      auto limit = limits_.find(limit_of(name));
      bool keyed = name.find('#') != std::string::npos;
      if (limit == limits_.end() || limit->second->keyed() != keyed) continue;
      if (keyed && (keys_ >= kLeasedKeysMax || name.size() != limit->first.size() + 17)) continue;
      keys_ += keyed;
      it = budgets_.try_emplace(name).first;
      it->second.limit = limit->second;
      it->second.used = now;
      it->second.committed = nodes_ * equal_part();
    }
    constexpr int64_t kMost = 1'000'000'000;  // a million requests a second from one node
    int64_t milli = rate.is<int64_t>() ? std::clamp<int64_t>(rate.get<int64_t>(), 0, kMost) : 0;
    // milli-requests per second times seconds per request, as a share.
    int64_t share = portion(milli, it->second.limit->interval_ns, 1000);
    it->second.parts[node].demand = std::min(share, kWholeShare * 1000);
  }
}

// Demand is met where it can be and the rest is spread; where it cannot, shares are in proportion to it. What is set
// aside for nodes that do not report is nobody's.
int64_t LimitShares::target(const Budget& budget, const Part& part) const {
  int64_t whole = std::min(kWholeShare, equal_part() * present_);
  int64_t spread = portion(whole, kSpread, kWholeShare), shared = whole - spread;
  if (budget.demand <= shared) return part.demand + (whole - budget.demand) / present_;
  return portion(shared, part.demand, budget.demand) + spread / present_;
}

Json LimitShares::grant(const std::string& node, NodeSide& side, Instant of, Instant now) {
  JsonObject set, line;
  for (auto& [name, budget] : budgets_) {
    Part& part = budget.parts[node];
    int64_t mine = in_use(part);
    int64_t room = kWholeShare - (budget.committed - mine);
    part.offered = std::clamp<int64_t>(std::min(target(budget, part), room), 1, kWholeShare);
    budget.committed += in_use(part) - mine;
    set[name] = json(part.offered);
  }
  side.number = std::max(side.number, now.ns) + 1;  // of a server after this one they differ
  side.under_way = true;
  side.until = now + kLeaseLife;
  line["type"] = json("shares");
  line["number"] = json(side.number);
  line["of"] = json(of.ns);
  line["set"] = Json(std::move(set));
  return Json(std::move(line));
}

}  // namespace meshd
