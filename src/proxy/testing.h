// SPDX-License-Identifier: Apache-2.0
// testing.h: endpoints in a field, for tests and measurements of balancing.
#pragma once
#include <memory>
#include <vector>

#include "proxy/balance.h"
#include "snapshot/hash_key.h"

namespace meshd {

namespace testing {
// Of this thread, in the program test_proxy (allocation_count_test.cc).
extern thread_local size_t allocation_count;
}  // namespace testing

// Endpoints with these weights, ids from 1, and everything that a pick needs. Nodes and zones by place().
struct Field {
  std::vector<Endpoint> endpoints;
  std::vector<const Endpoint*> pointers;
  model::Balance balance;
  model::EndpointLimits limits;
  Bulkheads bulkheads;
  EndpointStates states;
  std::unique_ptr<HashTable> table;
  std::unique_ptr<EndpointSet> set;
  FastRandom random{7};
  Instant now{1'000'000'000};
  Tried tried;
  Pick last;

  Field(std::vector<uint32_t> weights, model::Balance how, model::EndpointLimits most = {})
      : endpoints(weights.size()), balance(std::move(how)), limits(most) {
    std::vector<HashTable::Entry> entries;
    for (size_t i = 0; i < weights.size(); ++i) {
      endpoints[i].id = EndpointId{i + 1};
      endpoints[i].weight = weights[i];
      endpoints[i].node = "far";
      pointers.push_back(&endpoints[i]);
      entries.push_back({endpoints[i].id, weights[i]});
    }
    if (model::hashes(balance.policy)) table = std::make_unique<HashTable>(balance.policy, entries);
    swap();
  }
  // As a new snapshot does.
  void swap() {
    set =
        std::make_unique<EndpointSet>(pointers, balance, limits, states, Here{"here", "near"}, &bulkheads, 5);
  }
  struct Part {
    int nearness;
    size_t count;
  };
  // The first so many on this node, in its zone, elsewhere.
  void place(std::initializer_list<Part> parts) {
    size_t i = 0;
    for (const Part& p : parts)
      for (size_t n = 0; n < p.count; ++n, ++i) {
        endpoints[i].node = p.nearness == 0 ? "here" : "far";
        endpoints[i].zone = p.nearness == 1 ? "near" : "away";
      }
    swap();
  }
  void down(const std::vector<uint64_t>& ids) {
    auto list = std::make_shared<DownEndpoints>();
    for (uint64_t id : ids) (*list)[EndpointId{id}] = "http 503";
    states.set_down(list);
  }
  EndpointState& state(const Endpoint* e) { return states.of(e->id); }
  // A policy that hashes gets a key of its own each time.
  const Endpoint* pick() { return pick_key(random.next()); }
  const Endpoint* pick_key(uint64_t key, const Endpoint* named = nullptr) {
    last = meshd::pick(*set, {tried, {table.get(), mix(key + 1), named}}, random, now);
    return last.member != nullptr ? last.member->endpoint : nullptr;
  }
  std::vector<int> pick_many(int times) {
    std::vector<int> counts(endpoints.size());
    for (int i = 0; i < times; ++i) ++counts[static_cast<size_t>(pick() - endpoints.data())];
    return counts;
  }
};

}  // namespace meshd
