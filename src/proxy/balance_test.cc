// SPDX-License-Identifier: Apache-2.0
#include "proxy/balance.h"

#include <catch2/catch_test_macros.hpp>
#include <vector>

namespace meshd {

namespace {

// Endpoints with these weights; ids from 1.
struct Field {
  std::vector<Endpoint> endpoints;
  std::vector<const Endpoint*> pointers;
  EndpointStates states;
  FastRandom random{7};
  uint32_t turn = 0;
  Instant now{1'000'000'000};
  Tried tried;

  explicit Field(std::vector<uint32_t> weights) : endpoints(weights.size()) {
    for (size_t i = 0; i < weights.size(); ++i) {
      endpoints[i].id = EndpointId{i + 1};
      endpoints[i].weight = weights[i];
      pointers.push_back(&endpoints[i]);
    }
  }
  const Endpoint* pick(model::Balance policy) {
    return balance(pointers, policy, states, tried, random, turn, now);
  }
  std::vector<int> pick_many(model::Balance policy, int times) {
    std::vector<int> counts(endpoints.size());
    for (int i = 0; i < times; ++i) ++counts[static_cast<size_t>(pick(policy) - endpoints.data())];
    return counts;
  }
};

}  // namespace

TEST_CASE("round-robin gives each endpoint its weight's share, exactly") {
  Field f({1, 2, 5});
  CHECK(f.pick_many(model::Balance::round_robin, 800) == std::vector{100, 200, 500});
}

TEST_CASE("least-request keeps the load per weight even") {
  Field f({1, 1, 4});
  for (int i = 0; i < 6000; ++i) ++f.states.of(f.pick(model::Balance::least_request)->id).active;
  auto load = [&](uint64_t id) { return f.states.of(EndpointId{id}).active; };
  CHECK((load(1) > 900 && load(1) < 1100));
  CHECK((load(2) > 900 && load(2) < 1100));
  CHECK((load(3) > 3800 && load(3) < 4200));
}

TEST_CASE(
    "an endpoint that health says is down, or that just failed, is chosen only when there is no other") {
  Field f({1, 1});
  auto down = std::make_shared<DownEndpoints>();
  (*down)[EndpointId{1}] = "http 503";
  f.states.set_down(down);
  CHECK(f.pick_many(model::Balance::least_request, 100) == std::vector{0, 100});
  f.states.of(EndpointId{2}).failed(f.now);
  auto both = f.pick_many(model::Balance::least_request, 100);
  CHECK((both[0] > 0 && both[1] > 0));
  f.now = f.now + milliseconds(101);
  CHECK(f.pick_many(model::Balance::least_request, 100) == std::vector{0, 100});
  f.states.set_down(nullptr);
  auto free = f.pick_many(model::Balance::least_request, 100);
  CHECK((free[0] > 0 && free[1] > 0));
}

TEST_CASE("what was tried is not tried again, and nothing is left when all were") {
  Field f({1, 1});
  const Endpoint* first = f.pick(model::Balance::least_request);
  f.tried.push_back(first);
  const Endpoint* second = f.pick(model::Balance::least_request);
  REQUIRE(second != nullptr);
  CHECK(second != first);
  f.tried.push_back(second);
  CHECK(f.pick(model::Balance::least_request) == nullptr);
  CHECK(Field({}).pick(model::Balance::round_robin) == nullptr);
}

TEST_CASE("repeated failures keep an endpoint away longer, at most five seconds; success ends that") {
  EndpointState s;
  Instant now{0};
  int64_t last = 0;
  for (int i = 0; i < 10; ++i) {
    s.failed(now);
    CHECK(s.avoid_until.ns >= last);
    last = s.avoid_until.ns;
  }
  CHECK(last == 5'000'000'000);
  s.reached();
  CHECK(s.usable(now));
}

TEST_CASE("an endpoint with as many requests as it may have takes no more") {
  Field f({1, 1});
  f.states.of(EndpointId{1}).active = 2;
  auto pick = [&] {
    return balance(f.pointers, model::Balance::least_request, f.states, f.tried, f.random, f.turn, f.now, 2);
  };
  CHECK(pick()->id == EndpointId{2});
  f.states.of(EndpointId{2}).active = 2;
  CHECK(pick() == nullptr);
  f.states.of(EndpointId{1}).active = 1;
  CHECK(pick()->id == EndpointId{1});
}

}  // namespace meshd
