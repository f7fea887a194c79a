// SPDX-License-Identifier: Apache-2.0
#include "snapshot/hash_table.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "base/random.h"
#include "snapshot/testing.h"

namespace meshd::testing {
namespace {

using model::BalancePolicy;

std::vector<HashTable::Entry> entries(size_t n, std::vector<uint32_t> weights = {}) {
  std::vector<HashTable::Entry> out;
  for (size_t i = 0; i < n; ++i)
    out.push_back({endpoint_id("web", "n" + std::to_string(i), "10.0.0." + std::to_string(i), 8080),
                   weights.empty() ? 1 : weights[i % weights.size()]});
  return out;
}

// The endpoint that each of many keys belongs to.
std::vector<EndpointId> owners(const HashTable& table, const std::vector<HashTable::Entry>& of, size_t keys) {
  FastRandom random(11);
  std::vector<EndpointId> out;
  for (size_t i = 0; i < keys; ++i) out.push_back(of[table.owner(table.place(random.next()))].id);
  return out;
}

}  // namespace

TEST_CASE("a million keys spread by weight over a table") {
  constexpr size_t kKeys = 1'000'000;
  for (BalancePolicy policy : {BalancePolicy::maglev, BalancePolicy::ring_hash}) {
    auto all = entries(3, {1, 2, 5});
    HashTable table(policy, all);
    auto got = owners(table, all, kKeys);
    for (const auto& e : all) {
      double share = static_cast<double>(std::ranges::count(got, e.id)) / kKeys, want = e.weight / 8.0;
      CAPTURE(name_of(policy), share, want);
      CHECK(std::abs(share - want) <= 0.01);
      // Maglev's shares are exact but for what chance does to a million keys.
      if (policy == BalancePolicy::maglev) CHECK(std::abs(share / want - 1) <= 0.01);
    }
  }
}

TEST_CASE(
    "when one endpoint goes, hardly a key moves that need not; when it is back, all are where they were") {
  constexpr size_t kKeys = 200'000;
  for (BalancePolicy policy : {BalancePolicy::maglev, BalancePolicy::ring_hash}) {
    for (size_t n : {2u, 3u, 5u, 10u, 16u, 50u, 100u, 500u}) {
      auto all = entries(n);
      auto before = owners(HashTable(policy, all), all, kKeys);
      double worst = 0;
      for (size_t gone : {size_t{0}, n / 2, n - 1}) {
        auto fewer = all;
        fewer.erase(fewer.begin() + static_cast<long>(gone));
        auto after = owners(HashTable(policy, fewer), fewer, kKeys);
        size_t moved = 0;
        for (size_t k = 0; k < kKeys; ++k) moved += before[k] != all[gone].id && before[k] != after[k];
        worst = std::max(worst, static_cast<double>(moved) / kKeys);
      }
      CAPTURE(name_of(policy), n, worst);
      if (policy == BalancePolicy::ring_hash) CHECK(worst == 0);
      CHECK(worst <= 0.02);
    }
  }
}

TEST_CASE("neither the order in the file nor another endpoint's weight changes where keys belong") {
  for (BalancePolicy policy : {BalancePolicy::maglev, BalancePolicy::ring_hash}) {
    auto all = entries(7, {3, 1, 4});
    auto turned = all;
    std::ranges::reverse(turned);
    CHECK(owners(HashTable(policy, all), all, 10'000) == owners(HashTable(policy, turned), turned, 10'000));
  }
}

TEST_CASE("from a key's place every endpoint is reached, in an order that is the key's own") {
  for (BalancePolicy policy : {BalancePolicy::maglev, BalancePolicy::ring_hash}) {
    auto all = entries(5);
    HashTable table(policy, all);
    for (uint64_t hash : {uint64_t{0}, UINT64_MAX, uint64_t{0x8000'0000'0000'0000}}) {
      std::vector<uint32_t> seen;
      uint32_t place = table.place(hash);
      for (size_t i = 0; i < table.places() && seen.size() < 5; ++i, place = table.next(place))
        if (std::ranges::find(seen, table.owner(place)) == seen.end()) seen.push_back(table.owner(place));
      CHECK(seen.size() == 5);
    }
    CHECK(table.find(all[3].id) == 3);
    CHECK_FALSE(table.find(EndpointId{1}));
  }
  CHECK(HashTable(BalancePolicy::maglev, {}).places() == 0);
}

TEST_CASE(
    "the route stage finds a request's place by the key that the service names, and allocates nothing") {
  const char* kFile = R"(
services:
  web:
    balance: { policy: maglev, key: { %s } }
    instances: [{ node: n1, port: 1 }, { node: n2, port: 1 }, { node: n3, port: 1, tags: { v: b } }]
)";
  auto of = [&](const std::string& key) {
    std::string yaml = kFile;
    yaml.replace(yaml.find("%s"), 2, key);
    return snapshot_of(yaml);
  };
  struct Case {
    const char* key;
    Request with, without;
  };
  for (const Case& c : {Case{"header: x-user", Request{.headers = {{"x-user", "u1"}}}, Request{}},
                        Case{"cookie: s", Request{.headers = {{"cookie", "a=b; s=u1"}}},
                             Request{.headers = {{"cookie", "t=u1"}}}},
                        Case{"query: u", Request{.query = "x=1&u=u1"}, Request{.query = "x=1"}}}) {
    CAPTURE(c.key);
    auto s = of(c.key);
    const ServiceEntry& web = *s->service("web");
    RequestFacts facts = c.with.facts(*s);
    uint64_t before = allocation_count;
    Routing with = route_request(web, facts);
    CHECK(allocation_count == before);
    REQUIRE(with.key.table);
    CHECK(with.key.hash == route_request(web, facts).key.hash);
    CHECK(with.key.named == nullptr);
    CHECK(route_request(web, c.without.facts(*s)).key.table == nullptr);
  }
  auto by_source = of("source: true");
  RequestFacts facts = Request().facts(*by_source);
  facts.source = "10.1.1.1";
  CHECK(route_request(*by_source->service("web"), facts).key.table != nullptr);

  auto issued = of("cookie: s, ttl: 1h");
  const ServiceEntry& web = *issued->service("web");
  std::string id;
  for (int shift = 60; shift >= 0; shift -= 4)
    id += "0123456789abcdef"[web.endpoints[1].id.value >> shift & 15];
  for (auto [value, named] : {std::pair{id, &web.endpoints[1]},
                              {"0123456789abcdef", nullptr},
                              {id + "0", nullptr},
                              {"zz", nullptr}}) {
    CAPTURE(value);
    Request q{.headers = {{"cookie", "s=" + value}}};
    Routing r = route_request(web, q.facts(*issued));
    CHECK(r.key.named == named);
    CHECK(r.key.table != nullptr);
  }
}

}  // namespace meshd::testing
