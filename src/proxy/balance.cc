// SPDX-License-Identifier: Apache-2.0
// balance.cc: stage 5 of 8. Which endpoint takes this request?
// Reads the decision's candidates and key, and the loop's endpoint states. Writes nothing but the turns of round-robin.
#include "proxy/balance.h"

#include <algorithm>

#include "proxy/turns.h"
#include "snapshot/hash_key.h"

namespace meshd {
namespace {

using model::BalancePolicy;
using Group = EndpointSet::Group;
using Member = EndpointSet::Member;

constexpr int kDraws = 4;
// Places of a table that are looked at one after the other; beyond, all members are, in an order of the key's own.
constexpr int kWalk = 128;
// Virtual time begins anew long before it would run over.
constexpr uint64_t kTimeMax = uint64_t{1} << 60;

class Picking {
 public:
  Picking(EndpointSet& set, const PickFor& ask, FastRandom& random, Instant now)
      : set_(set), ask_(ask), random_(random), now_(now), policy_(set.balance().policy) {}

  Pick run() {
    if (set_.panic()) return {from(set_.rest()), true, full_};
    Group& first = choose_group();
    Member* m = from(first);
    for (uint32_t i = 0; m == nullptr && i < kNearness; ++i)
      if (&set_.group(i) != &first) m = from(set_.group(i));
    // Who is full is alive: its requests wait or fail, they are not sent to who is dead.
    if (m == nullptr && !full_) m = from(set_.rest());
    return {m, false, full_};
  }

 private:
  Member& at(const Group& g, size_t i) { return set_.members()[g.members[i]]; }

  bool eligible(const Member& m) {
    for (const Endpoint* t : ask_.tried)
      if (t == m.endpoint) return false;
    const NodeLoad* load = m.state->node_load.get();
    if (load == nullptr || !load->full(set_.limits(), ask_.own_connection)) return true;
    full_ = true;
    return false;
  }

  bool hashes() const { return ask_.key.table != nullptr && model::hashes(policy_); }

  Group& choose_group() {
    // What belongs to a key stays in one group.
    double at = hashes() ? static_cast<double>(mix(ask_.key.hash) >> 11) * 0x1p-53 : 2;
    for (uint32_t i = 0; i + 1 < kNearness; ++i) {
      double share = set_.group(i).share;
      if (share >= 1) return set_.group(i);
      if (share <= 0) continue;
      if (at > 1) at = random_.unit();
      if (at < share) return set_.group(i);
      at -= share;
    }
    return set_.group(kNearness - 1);
  }

  Member* from(Group& g) {
    if (g.members.empty()) return nullptr;
    if (hashes()) return by_key(g);
    if (g.members.size() == 1) return eligible(at(g, 0)) ? &at(g, 0) : nullptr;
    switch (policy_) {
      case BalancePolicy::round_robin: return in_turn(g);
      case BalancePolicy::random: return drawn(g);
      default: return better_of_two(g);
    }
  }

  // By weight.
  size_t draw(const Group& g) {
    double at = random_.unit() * g.total();
    auto it = std::upper_bound(g.upto.begin(), g.upto.end(), at);
    return std::min<size_t>(static_cast<size_t>(it - g.upto.begin()), g.upto.size() - 1);
  }

  Member* drawn(Group& g) {
    for (int i = 0; i < kDraws; ++i)
      if (Member& m = at(g, draw(g)); eligible(m)) return &m;
    return best(g);
  }

  Member* better_of_two(Group& g) {
    size_t a = draw(g), b = draw(g);
    for (int i = 1; a == b && i < kDraws; ++i) b = draw(g);
    if (a == b) b = (a + 1) % g.members.size();
    Member &x = at(g, a), &y = at(g, b);
    bool can_x = eligible(x), can_y = eligible(y);
    if (can_x && can_y) return better(y, x) ? &y : &x;
    if (can_x || can_y) return can_x ? &x : &y;
    return best(g);
  }

  // Of all that are left the cheapest; of equals, and where cost does not count, a draw by weight.
  Member* best(Group& g) {
    Member* found = nullptr;
    double least = 0, weights = 0;
    bool by_cost = policy_ != BalancePolicy::random;
    for (uint32_t i : g.members) {
      Member& m = set_.members()[i];
      if (!eligible(m)) continue;
      double c = by_cost ? cost(m).then : 0;
      if (found == nullptr || c < least) {
        found = &m, least = c, weights = m.weight;
      } else if (c == least) {
        weights += m.weight;
        if (random_.unit() * weights < m.weight) found = &m;
      }
    }
    return found;
  }

  // What is under way for each unit of weight, against the mean: as it is, and with one more; times the latency where
  // that counts.
  struct Cost {
    double now, then;
  };
  Cost cost(const Member& m) const {
    double one = set_.mean_weight() / m.weight, load = m.state->active * one;
    if (policy_ != BalancePolicy::ewma) return {load, load + one};
    return {m.state->latency.cost(load, now_), m.state->latency.cost(load + one - 1, now_)};
  }
  // Whether `y` is to be preferred to `x`, which was drawn before it: it costs less now, and would still with one more.
  // By the first alone, requests that come at once would find every light endpoint idle and take it; by the second alone
  // light ones would get nothing where nobody is busy. Of equal weights both say the same.
  bool better(const Member& y, const Member& x) const {
    Cost of_y = cost(y), of_x = cost(x);
    return of_y.now < of_x.now && of_y.then < of_x.then;
  }

  Member* in_turn(Group& g) {
    if (g.time > kTimeMax) rebase(g);
    for (size_t i = 0; i < g.turns.size(); ++i) {
      std::ranges::pop_heap(g.turns, Later{set_.members()});
      Member& m = set_.members()[g.turns.back()];
      g.time = m.turn;
      m.turn += stride(m.weight, set_.mean_weight());
      std::ranges::push_heap(g.turns, Later{set_.members()});
      if (eligible(m)) return &m;
    }
    // Who is heavy has several turns before the others have one.
    return best(g);
  }

  void rebase(Group& g) {
    for (uint32_t i : g.members) set_.members()[i].turn -= g.time;
    g.time = 0;
  }

  Member* by_key(Group& g) {
    auto is_of = [&](const Member& m) {
      return &g == &set_.rest() ? set_.panic() || !m.usable : m.usable && &set_.group(m.group) == &g;
    };
    if (ask_.key.named != nullptr)
      if (auto named = ask_.key.table->find(ask_.key.named->id))
        if (Member& m = set_.members()[*named]; is_of(m) && eligible(m)) return &m;
    const HashTable& table = *ask_.key.table;
    uint32_t place = table.place(ask_.key.hash);
    for (int i = 0; i < kWalk; ++i, place = table.next(place))
      if (Member& m = set_.members()[table.owner(place)]; is_of(m) && eligible(m)) return &m;
    Member* found = nullptr;
    uint64_t highest = 0;
    for (uint32_t i : g.members) {
      Member& m = set_.members()[i];
      uint64_t score = mix(ask_.key.hash ^ m.endpoint->id.value);
      if ((found == nullptr || score > highest) && eligible(m)) found = &m, highest = score;
    }
    return found;
  }

  EndpointSet& set_;
  const PickFor& ask_;
  FastRandom& random_;
  Instant now_;
  BalancePolicy policy_;
  bool full_ = false;
};

}  // namespace

Pick pick(EndpointSet& set, const PickFor& ask, FastRandom& random, Instant now) {
  set.refresh(now);
  return Picking(set, ask, random, now).run();
}

}  // namespace meshd
