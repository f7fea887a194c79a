// SPDX-License-Identifier: Apache-2.0
#include "proxy/balance.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <vector>

#include "proxy/testing.h"

namespace meshd {
namespace {

using model::BalancePolicy;
using std::chrono::seconds;

constexpr BalancePolicy kAll[] = {BalancePolicy::least_request, BalancePolicy::round_robin,
                                  BalancePolicy::random,        BalancePolicy::ewma,
                                  BalancePolicy::ring_hash,     BalancePolicy::maglev};

}  // namespace

TEST_CASE("over a million decisions every policy gives each endpoint its weight's share") {
  for (BalancePolicy policy : kAll) {
    Field f({1, 2, 5}, {.policy = policy});
    constexpr int kTimes = 1'000'000;
    std::vector<int> got = f.pick_many(kTimes);
    for (size_t i = 0; i < got.size(); ++i) {
      double share = double{1} * got[i] / kTimes, want = f.endpoints[i].weight / 8.0;
      CAPTURE(name_of(policy), share, want);
      CHECK(std::abs(share - want) <= 0.01);
      // A ring's shares are as even as its points.
      if (policy != BalancePolicy::ring_hash) CHECK(std::abs(share / want - 1) <= 0.01);
    }
  }
}

TEST_CASE("round-robin is smooth: nobody waits longer than its weight says") {
  Field f({1, 2, 5}, {.policy = BalancePolicy::round_robin});
  std::vector<int> last(3, 0), longest(3, 0);
  for (int i = 1; i <= 8000; ++i) {
    auto e = static_cast<size_t>(f.pick() - f.endpoints.data());
    longest[e] = std::max(longest[e], i - last[e]);
    last[e] = i;
  }
  CHECK(longest[0] <= 10);
  CHECK(longest[1] <= 6);
  CHECK(longest[2] <= 4);
}

TEST_CASE("least-request keeps the load per weight even") {
  Field f({1, 1, 4}, {});
  for (int i = 0; i < 6000; ++i) ++f.state(f.pick()).active;
  auto load = [&](uint64_t id) { return f.states.of(EndpointId{id}).active; };
  CHECK((load(1) > 900 && load(1) < 1100));
  CHECK((load(2) > 900 && load(2) < 1100));
  CHECK((load(3) > 3800 && load(3) < 4200));
}

TEST_CASE(
    "an endpoint that health says is down, or that just failed, is chosen only when there is no other") {
  for (BalancePolicy policy : kAll) {
    CAPTURE(name_of(policy));
    Field f({1, 1}, {.policy = policy});
    f.down({1});
    CHECK(f.pick_many(100) == std::vector{0, 100});
    CHECK_FALSE(f.last.panic);
    f.states.of(EndpointId{2}).failed(f.now);
    auto both = f.pick_many(100);
    CHECK((both[0] > 0 && both[1] > 0));
    CHECK(f.last.panic);
    f.now = f.now + milliseconds(101);
    CHECK(f.pick_many(100) == std::vector{0, 100});
    f.down({});
    auto free = f.pick_many(100);
    CHECK((free[0] > 0 && free[1] > 0));
  }
}

TEST_CASE("requests that come at once do not all find a light endpoint idle") {
  for (BalancePolicy policy : {BalancePolicy::least_request, BalancePolicy::ewma}) {
    CAPTURE(name_of(policy));
    Field f({1, 10}, {.policy = policy});
    for (const Endpoint& e : f.endpoints) f.state(&e).latency.observe(milliseconds(1), f.now);
    int light = 0;
    for (int burst = 0; burst < 5000; ++burst) {
      std::vector<const Endpoint*> under_way;
      for (int i = 0; i < 4; ++i) {
        under_way.push_back(f.pick());
        f.state(under_way.back()).taken(f.now);
        light += under_way.back() == &f.endpoints[0];
      }
      for (const Endpoint* e : under_way) f.state(e).left();
    }
    CHECK(light < 20'000 / 11 * 1.1);
    CHECK(light > 20'000 / 11 * 0.7);
  }
}

TEST_CASE("below the panic threshold all endpoints are used") {
  Field f({1, 1, 1, 1, 1}, {.panic_permille = 500});
  f.down({1, 2});
  CHECK(f.pick_many(100)[0] == 0);
  CHECK_FALSE(f.last.panic);
  f.down({1, 2, 3});
  auto got = f.pick_many(500);
  CHECK(f.last.panic);
  CHECK(std::ranges::min(got) > 0);
}

TEST_CASE("what was tried is not tried again, and nothing is left when all were") {
  for (BalancePolicy policy : kAll) {
    CAPTURE(name_of(policy));
    Field f({1, 1, 1}, {.policy = policy});
    for (int i = 0; i < 3; ++i) {
      const Endpoint* e = f.pick();
      REQUIRE(e != nullptr);
      for (const Endpoint* t : f.tried) CHECK(t != e);
      f.tried.push_back(e);
    }
    CHECK(f.pick() == nullptr);
    CHECK_FALSE(f.last.full);
    CHECK(Field({}, {.policy = policy}).pick() == nullptr);
  }
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

TEST_CASE("an endpoint with as much as its limits allow takes no more, and who is down is no way out") {
  for (BalancePolicy policy : kAll) {
    CAPTURE(name_of(policy));
    Field f({1, 1, 1}, {.policy = policy}, {.requests = 2});
    f.down({3});
    for (int i = 0; i < 4; ++i) {
      const Endpoint* e = f.pick();
      REQUIRE(e != nullptr);
      CHECK(e->id != EndpointId{3});
      CHECK(f.state(e).node_load->take(f.limits, true));
    }
    CHECK(f.pick() == nullptr);
    CHECK(f.last.full);
    f.states.of(EndpointId{1}).node_load->leave(true);
    CHECK(f.pick()->id == EndpointId{1});
  }
}

TEST_CASE("a limit of connections binds requests that have one of their own, and is the node's") {
  model::EndpointLimits limits{.connections = 1};
  Bulkheads node;
  auto load = node.load(EndpointId{1});
  CHECK(node.load(EndpointId{1}) == load);  // another loop's
  CHECK(load->take(limits, true));
  CHECK_FALSE(load->take(limits, true));
  CHECK(load->take(limits, false));
  CHECK(load->requests == 2);
  load->leave(true);
  CHECK(load->take(limits, true));
}

TEST_CASE("the same key goes to the same endpoint, and when that is out to the same other one") {
  for (BalancePolicy policy : {BalancePolicy::ring_hash, BalancePolicy::maglev}) {
    CAPTURE(name_of(policy));
    Field f({1, 1, 1, 1}, {.policy = policy});
    std::vector<const Endpoint*> before;
    for (uint64_t k = 0; k < 200; ++k) before.push_back(f.pick_key(k));
    f.down({2});
    std::vector<const Endpoint*> meanwhile;
    for (uint64_t k = 0; k < 200; ++k) {
      meanwhile.push_back(f.pick_key(k));
      CHECK(meanwhile.back()->id != EndpointId{2});
      if (before[k]->id != EndpointId{2}) CHECK(meanwhile.back() == before[k]);
      CHECK(f.pick_key(k) == meanwhile.back());
    }
    Field again({1, 1, 1, 1}, {.policy = policy});
    again.down({2});
    for (uint64_t k = 0; k < 200; ++k) CHECK(again.pick_key(k)->id == meanwhile[k]->id);
    f.down({});
    for (uint64_t k = 0; k < 200; ++k) CHECK(f.pick_key(k) == before[k]);
  }
}

TEST_CASE("who a cookie names goes first, as long as it is usable") {
  Field f({1, 1, 1}, {.policy = BalancePolicy::maglev});
  for (const Endpoint& e : f.endpoints) CHECK(f.pick_key(7, &e) == &e);
  const Endpoint* other = f.pick_key(7);
  const Endpoint& named = f.endpoints[other == &f.endpoints[0] ? 1 : 0];
  f.down({named.id.value});
  CHECK(f.pick_key(7, &named) == other);
}

TEST_CASE("a slower endpoint costs more by its latency, at once; what is not asked is forgotten with time") {
  PeakEwma e;
  Instant now{1'000'000'000};
  CHECK(e.cost(0, now) == 0);
  CHECK(e.cost(1, now) > 1e12);  // one finds out, the others wait
  e.observe(milliseconds(10), now);
  CHECK(e.value(now) == 10e6);
  e.observe(milliseconds(100), now);
  CHECK(e.value(now) == 100e6);  // a peak counts whole
  e.observe(milliseconds(10), now + milliseconds(100));
  CHECK((e.value(now + milliseconds(100)) > 98e6 && e.value(now + milliseconds(100)) < 100e6));
  CHECK(e.cost(3, now + milliseconds(100)) == 4 * e.value(now + milliseconds(100)));
  double later = e.value(now + seconds(20)) / e.value(now + milliseconds(100));
  CHECK((later > 0.13 && later < 0.14));  // exp(-19.9 / 10)
  PeakEwma failing;
  failing.observe(milliseconds(10), now);
  failing.observe_failure(milliseconds(1), now + milliseconds(1));
  CHECK(failing.value(now + milliseconds(1)) > 9.9e6);
  failing.observe_failure(milliseconds(500), now + milliseconds(2));
  CHECK(failing.value(now + milliseconds(2)) == 500e6);
}

TEST_CASE("ewma leaves a slow endpoint nearly alone") {
  Field f({1, 1, 1}, {.policy = BalancePolicy::ewma});
  // 1000 requests a second for 20 s; each ends after its endpoint's time.
  struct Done {
    Instant at;
    const Endpoint* e;
    bool operator<(const Done& o) const { return at > o.at; }
  };
  std::vector<Done> under_way;
  std::vector<int> got(3);
  for (int i = 0; i < 20'000; ++i) {
    f.now = f.now + milliseconds(1);
    while (!under_way.empty() && under_way.front().at <= f.now) {
      std::pop_heap(under_way.begin(), under_way.end());
      EndpointState& s = f.state(under_way.back().e);
      s.left();
      s.latency.observe(under_way.back().e == &f.endpoints[2] ? milliseconds(20) : milliseconds(2), f.now);
      under_way.pop_back();
    }
    const Endpoint* e = f.pick();
    ++got[static_cast<size_t>(e - f.endpoints.data())];
    f.state(e).taken(f.now);
    under_way.push_back({f.now + (e == &f.endpoints[2] ? milliseconds(20) : milliseconds(2)), e});
    std::push_heap(under_way.begin(), under_way.end());
  }
  CAPTURE(got);
  CHECK(got[2] <= 600);
  CHECK(got[2] > 0);
}

TEST_CASE("an endpoint that is usable again, or new, ramps from a tenth of its weight to all of it") {
  for (BalancePolicy policy : {BalancePolicy::least_request, BalancePolicy::round_robin,
                               BalancePolicy::random, BalancePolicy::ewma}) {
    CAPTURE(name_of(policy));
    Field f({1, 1}, {.policy = policy, .slow_start = seconds(30)});
    // All are new: they share as ever.
    auto even = f.pick_many(20'000);
    CHECK(std::abs(even[0] - 10'000) < 500);
    f.now = f.now + seconds(60);
    f.down({1});
    f.pick_many(10);
    f.down({});
    Instant begin = f.now;
    double last = 0;
    for (int at : {0, 3, 6, 12, 18, 24, 30, 40}) {
      f.now = begin + seconds(at);
      double part = std::clamp(at / 30.0, 0.1, 1.0), want = part / (1 + part);
      double share = f.pick_many(50'000)[0] / 50'000.0;
      CAPTURE(at, share, want);
      CHECK(std::abs(share - want) < 0.01);
      CHECK(share > last - 0.01);
      last = share;
    }
  }
}

TEST_CASE("an endpoint that was down ramps also where nobody asked for it meanwhile") {
  Field f({1, 1}, {.policy = BalancePolicy::random, .slow_start = seconds(30)});
  f.pick_many(10);
  f.now = f.now + seconds(60);
  f.down({1});
  f.down({});
  CHECK(f.pick_many(10'000)[0] < 1100);
}

TEST_CASE(
    "to a loop that has its first request for them late, endpoints that were there before are not new") {
  Field f({1, 1}, {.policy = BalancePolicy::random, .slow_start = seconds(30)});
  for (Endpoint& e : f.endpoints) {
    e.id.value += 10;
    f.states.meet(e.id, f.now);
  }
  f.now = f.now + seconds(60);
  f.down({11});
  f.swap();
  f.pick_many(10);
  f.down({});
  CHECK(f.pick_many(10'000)[0] < 1100);
}

TEST_CASE("near endpoints take what they can, and pass on the rest in proportion") {
  struct Case {
    std::vector<uint64_t> down;
    double node, zone, other;
  };
  // Endpoints 1, 2 on this node, 3 to 6 in its zone, 7 to 10 elsewhere.
  for (const Case& c :
       {Case{{}, 1, 0, 0}, Case{{1}, .7, .3, 0}, Case{{1, 2}, 0, 1, 0}, Case{{1, 2, 3}, 0, 1, 0},
        Case{{1, 2, 3, 4}, 0, .7, .3}, Case{{1, 2, 3, 4, 5, 6}, 0, 0, 1},
        Case{{1, 2, 3, 4, 5, 6, 7, 8}, 0, 0, 1}, Case{{1, 2, 4, 5, 6, 8, 9, 10}, 0, .5, .5}}) {
    Field f(std::vector<uint32_t>(10, 1), {.prefer_node = true, .prefer_zone = true});
    f.place({{0, 2}, {1, 4}, {2, 4}});
    f.down(c.down);
    auto got = f.pick_many(20'000);
    auto sum = [&](size_t from, size_t to) {
      int n = 0;
      for (size_t i = from; i < to; ++i) n += got[i];
      return n / 20'000.0;
    };
    CAPTURE(c.down, got);
    CHECK(std::abs(sum(0, 2) - c.node) < 0.02);
    CHECK(std::abs(sum(2, 6) - c.zone) < 0.02);
    CHECK(std::abs(sum(6, 10) - c.other) < 0.02);
  }
}

TEST_CASE("without a preference for nodes, the zone comes first; outside the mesh nothing is near") {
  model::Balance zone{.prefer_zone = true}, node{.prefer_node = true};
  Endpoint e;
  e.node = "n1", e.zone = "a";
  CHECK(nearness(e, zone, {"n1", "a"}) == 1);
  CHECK(nearness(e, zone, {"n1", "b"}) == 2);
  CHECK(nearness(e, node, {"n1", "b"}) == 0);
  CHECK(nearness(e, node, {"n2", "a"}) == 2);
  Endpoint no_zone;
  no_zone.node = "n3";
  CHECK(nearness(no_zone, zone, {"n1", ""}) == 2);
  Endpoint outside;
  CHECK(nearness(outside, node, {"", ""}) == 2);
}

TEST_CASE("what a loop has learnt of an endpoint outlives the set of a snapshot") {
  Field f({1, 1}, {.policy = BalancePolicy::ewma});
  f.state(&f.endpoints[0]).latency.observe(seconds(1), f.now);
  f.state(&f.endpoints[1]).latency.observe(milliseconds(1), f.now);
  CHECK(f.pick_many(100)[0] == 0);
  f.swap();
  CHECK(f.pick_many(100)[0] == 0);
}

TEST_CASE("a pick allocates nothing, whatever happens meanwhile") {
  for (BalancePolicy policy : kAll) {
    CAPTURE(name_of(policy));
    Field f(std::vector<uint32_t>(100, 3), {.policy = policy, .slow_start = seconds(1)});
    f.pick();
    size_t before = testing::allocation_count;
    for (uint64_t i = 0; i < 1000; ++i) {
      f.now = f.now + milliseconds(1);
      if (i % 10 == 0) f.states.of(EndpointId{i / 10 + 1}).failed(f.now);
      f.pick();
      f.pick_key(i);
    }
    CHECK(testing::allocation_count == before);
  }
}

}  // namespace meshd
