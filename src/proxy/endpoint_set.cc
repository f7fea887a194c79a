// SPDX-License-Identifier: Apache-2.0
#include "proxy/endpoint_set.h"

#include <algorithm>

#include "proxy/turns.h"

namespace meshd {
namespace {

constexpr Instant kNever{INT64_MAX};
// In how many steps a weight grows.
constexpr int kSlowStartSteps = 200;

}  // namespace

uint32_t nearness(const Endpoint& e, const model::Balance& balance, Here here) {
  if (e.outside()) return 2;
  if (balance.prefer_node && e.node == here.node) return 0;
  return balance.prefer_zone && !here.zone.empty() && e.zone == here.zone ? 1 : 2;
}

void spread_over(const GroupCount (&groups)[kNearness], double (&shares)[kNearness]) {
  double can[kNearness], sum = 0, left = 1;
  for (uint32_t i = 0; i < kNearness; ++i) {
    can[i] = groups[i].all == 0 ? 0 : std::min(1.0, kOverprovision * groups[i].usable / groups[i].all);
    sum += can[i];
  }
  for (uint32_t i = 0; i < kNearness; ++i) {
    // Where all together cannot take everything, each takes more in proportion.
    shares[i] = sum == 0 ? 0 : sum < 1 ? can[i] / sum : std::min(left, can[i]);
    left -= shares[i];
  }
}

bool is_panic(uint32_t usable, uint32_t all, const model::Balance& balance) {
  return usable == 0 || uint64_t{usable} * 1000 < uint64_t{all} * balance.panic_permille;
}

double slow_start_part(Instant since, milliseconds length, Instant now) {
  if (length.count() <= 0) return 1;
  double part = static_cast<double>((now - since).count()) / static_cast<double>(nanoseconds(length).count());
  return std::clamp(part, kSlowStartLeast, 1.0);
}

EndpointSet::EndpointSet(Endpoints endpoints, const model::Balance& balance,
                         const model::EndpointLimits& limits, EndpointStates& states, Here here,
                         Bulkheads* loads, uint64_t seed)
    : balance_(balance), limits_(limits), states_(states), random_(seed) {
  members_.reserve(endpoints.size());
  for (const Endpoint* e : endpoints) {
    Member m{.endpoint = e, .state = states.hold(e->id), .group = nearness(*e, balance, here)};
    if (loads != nullptr && limits.any() && !m.state->node_load) m.state->node_load = loads->load(e->id);
    members_.push_back(std::move(m));
  }
  // All the memory that there will be: a pick allocates nothing.
  uint32_t counts[kNearness] = {};
  for (const Member& m : members_) ++counts[m.group];
  for (uint32_t i = 0; i <= kNearness; ++i) {
    size_t most = i < kNearness ? counts[i] : members_.size();
    groups_[i].members.reserve(most);
    groups_[i].upto.reserve(most);
    groups_[i].turns.reserve(most);
  }
}

void EndpointSet::refresh(Instant now) {
  if (fresh_ && seen_ == states_.changes() && now < until_) return;
  fresh_ = true;
  seen_ = states_.changes();
  regroup(now);
}

void EndpointSet::regroup(Instant now) {
  until_ = kNever;
  GroupCount counts[kNearness];
  uint32_t usable = 0;
  double weights = 0;
  for (Member& m : members_) {
    EndpointState& s = *m.state;
    m.usable = s.usable(now);
    if (m.usable && !s.was_usable) s.usable_since = now;
    s.was_usable = m.usable;
    double part = m.usable ? slow_start_part(s.usable_since, balance_.slow_start, now) : 1;
    m.weight = m.endpoint->weight * part;
    weights += m.endpoint->weight;
    if (part < 1) until_ = std::min(until_, now + nanoseconds(balance_.slow_start) / kSlowStartSteps);
    if (s.avoid_until > now) until_ = std::min(until_, s.avoid_until);
    if (s.ejected_until > now) until_ = std::min(until_, s.ejected_until);
    ++counts[m.group].all;
    counts[m.group].usable += m.usable;
    usable += m.usable;
  }
  if (!members_.empty()) mean_weight_ = weights / static_cast<double>(members_.size());
  panic_ = is_panic(usable, static_cast<uint32_t>(members_.size()), balance_);
  double shares[kNearness];
  spread_over(counts, shares);
  for (uint32_t i = 0; i <= kNearness; ++i) {
    Group& g = groups_[i];
    g.members.clear();
    g.upto.clear();
    g.turns.clear();
    g.share = i < kNearness ? shares[i] : 0;
  }
  for (uint32_t i = 0; i < members_.size(); ++i) {
    // In a panic nearness is not looked at: a node whose own endpoint is down would get all of it.
    if (panic_)
      add(rest(), i);
    else
      add(members_[i].usable ? groups_[members_[i].group] : rest(), i);
  }
}

void EndpointSet::add(Group& g, uint32_t i) {
  Member& m = members_[i];
  g.members.push_back(i);
  g.upto.push_back(g.total() + m.weight);
  if (balance_.policy != model::BalancePolicy::round_robin) return;
  // Who comes in somewhere in the round, so that loops and nodes do not all begin with the same.
  if (m.turn == 0 || m.turn < g.time || m.turn > g.time + stride(m.weight, mean_weight_))
    m.turn = first_turn(g.time, m.weight, mean_weight_, random_);
  g.turns.push_back(i);
  std::ranges::push_heap(g.turns, Later{members_});
}

}  // namespace meshd
