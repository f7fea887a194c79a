// SPDX-License-Identifier: Apache-2.0
// decide_cost_test.cc: what a decision costs in a large mesh: no allocation, and little time.
#include <time.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "base/random.h"
#include "snapshot/testing.h"

namespace meshd::testing {
namespace {

constexpr int kMany = 1000;

// One service with a thousand routes, told apart by `route`, and a thousand rules that name it.
template <class F>
SnapshotPtr large(F route) {
  std::string yaml = "services: { web: { instances: [{ node: n1, port: 1 }] }, shop: {} }\nroutes:\n";
  std::string rules;
  for (int i = 0; i < kMany; ++i) {
    std::string n = std::to_string(i);
    yaml += "  - { name: r" + n + ", service: web, match: " + route(n) + " }\n";
    rules += "    - { name: p" + n + ", allow: { from: shop, to: web, paths: [/team" + n + "/**] } }\n";
  }
  return snapshot_of(yaml + "  - { name: rest, service: web }\npolicy:\n  rules:\n" + rules);
}

struct Mesh {
  const char* name;
  SnapshotPtr snapshot;
  Request (*request)(const std::string& n);
};

std::vector<Mesh> meshes() {
  std::vector<Mesh> out;
  out.push_back(
      {"by path prefix",
       large([](const std::string& n) { return "{ path: { prefix: /team" + n + "/v2 } }"; }),
       [](const std::string& n) { return Request{.from = "shop", .path = "/team" + n + "/v2/items/7"}; }});
  out.push_back({"by header", large([](const std::string& n) {
                   return "{ path: { prefix: / }, headers: { x-tenant: { exact: t" + n + " } } }";
                 }),
                 [](const std::string& n) {
                   return Request{.from = "shop", .path = "/team" + n, .headers = {{"x-tenant", "t" + n}}};
                 }});
  out.push_back({"by host", large([](const std::string& n) { return "{ host: h" + n + ".test }"; }),
                 [](const std::string& n) {
                   return Request{.from = "shop", .path = "/team" + n, .host = "h" + n + ".test:80"};
                 }});
  out.push_back(
      {"by path pattern",
       large([](const std::string& n) { return "{ path: { regex: \"/team" + n + "/v[0-9]+/.*\" } }"; }),
       [](const std::string& n) { return Request{.from = "shop", .path = "/team" + n + "/v2/items"}; }});
  return out;
}

uint64_t cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(t.tv_nsec);
}

}  // namespace

TEST_CASE("a decision among a thousand routes and rules allocates nothing") {
  for (const Mesh& mesh : meshes()) {
    INFO(mesh.name);
    for (int i : {0, 1, 499, 999}) {
      Request q = mesh.request(std::to_string(i));
      RequestFacts facts = q.facts(*mesh.snapshot);
      facts.to = mesh.snapshot->service("web");
      // RE2 fills its cache of states the first times.
      for (int warm = 0; warm < 3; ++warm) (void)decide(*mesh.snapshot, facts);
      uint64_t before = allocation_count;
      Decision d = decide(*mesh.snapshot, facts);
      uint64_t after = allocation_count;
      CHECK(after == before);
      REQUIRE(d.routing.route);
      CHECK(d.routing.route->name == "r" + std::to_string(i));
      REQUIRE(d.policy.rule);
      CHECK(d.policy.rule->name == "p" + std::to_string(i));
    }
  }
}

TEST_CASE("a decision among a thousand routes and rules takes two microseconds at most", "[.long]") {
  for (const Mesh& mesh : meshes()) {
    std::vector<Request> requests;
    for (int i = 0; i < kMany; ++i) requests.push_back(mesh.request(std::to_string(i * 7919 % kMany)));
    std::vector<RequestFacts> facts;
    for (const Request& q : requests) {
      facts.push_back(q.facts(*mesh.snapshot));
      facts.back().to = mesh.snapshot->service("web");
    }
    // Batches of all requests, by the processor's time, so that a busy machine does not count.
    std::vector<double> each;
    bool good = true;
    for (int batch = 0; batch < 200; ++batch) {
      uint64_t begin = cpu_ns();
      for (const RequestFacts& f : facts) good &= decide(*mesh.snapshot, f).ok();
      each.push_back(static_cast<double>(cpu_ns() - begin) / kMany);
    }
    std::ranges::sort(each);
    double median = each[each.size() / 2];
    CHECK(good);
    WARN(mesh.name << ": " << median << " ns");
    CHECK(median <= 2000);
  }
}

}  // namespace meshd::testing
