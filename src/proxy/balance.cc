// SPDX-License-Identifier: Apache-2.0
// balance.cc: stage 5 of 8. Which endpoint takes this request?
// Reads the decision's candidates and the loop's endpoint states. Writes nothing but the round-robin turn.
#include "proxy/balance.h"

namespace meshd {
namespace {

bool was_tried(const Tried& tried, const Endpoint* e) {
  for (const Endpoint* t : tried)
    if (t == e) return true;
  return false;
}

struct Choice {
  const Endpoint* endpoint;
  EndpointState* state;
};
using Choices = SmallVector<Choice, 16>;

// Two distinct draws by weight; the one with less under way per unit of weight wins.
const Endpoint* least_request(const Choices& choices, FastRandom& random) {
  if (choices.size() == 1) return choices[0].endpoint;
  auto n = static_cast<uint32_t>(choices.size());
  uint32_t a = random.below(n);
  uint32_t b = random.below(n - 1);
  if (b >= a) ++b;
  const Choice& x = choices[a];
  const Choice& y = choices[b];
  // (active + 1) / weight, compared without division.
  uint64_t x_load = (uint64_t{x.state->active} + 1) * y.endpoint->weight;
  uint64_t y_load = (uint64_t{y.state->active} + 1) * x.endpoint->weight;
  return x_load <= y_load ? x.endpoint : y.endpoint;
}

const Endpoint* round_robin(const Choices& choices, uint32_t& turn) {
  uint64_t total = 0;
  for (const Choice& c : choices) total += c.endpoint->weight;
  if (total == 0) return choices[turn++ % choices.size()].endpoint;  // all are weighted out: any is as good
  uint64_t place = turn++ % total;
  for (const Choice& c : choices) {
    if (place < c.endpoint->weight) return c.endpoint;
    place -= c.endpoint->weight;
  }
  return choices[0].endpoint;
}

}  // namespace

const Endpoint* balance(Endpoints candidates, model::Balance policy, EndpointStates& states,
                        const Tried& tried, FastRandom& random, uint32_t& turn, Instant now,
                        uint32_t active_max) {
  Choices usable, rest;
  for (const Endpoint* e : candidates) {
    if (was_tried(tried, e)) continue;
    EndpointState& s = states.of(e->id);
    if (active_max != 0 && s.active >= active_max) continue;
    (s.usable(now) ? usable : rest).push_back({e, &s});
  }
  const Choices& choices = usable.empty() ? rest : usable;
  if (choices.empty()) return nullptr;
  if (choices.size() == 1) return choices[0].endpoint;
  return policy == model::Balance::round_robin ? round_robin(choices, turn) : least_request(choices, random);
}

}  // namespace meshd
