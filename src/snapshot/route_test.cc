// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "base/random.h"
#include "snapshot/testing.h"

namespace meshd::testing {

TEST_CASE("a path prefix is matched by segments") {
  struct {
    const char *path, *prefix;
    bool holds;
  } const cases[] = {
      {"/", "/", true},        {"/x", "/", true},       {"/v2", "/v2", true}, {"/v2/", "/v2", true},
      {"/v2/x", "/v2", true},  {"/v2x", "/v2", false},  {"/v", "/v2", false}, {"/v2", "/v2/", true},
      {"/v2/x", "/v2/", true}, {"/v2x", "/v2/", false}, {"*", "/", false},    {"", "/", false},
  };
  for (const auto& c : cases) {
    INFO(c.path << " under " << c.prefix);
    CHECK(path_has_prefix(c.path, c.prefix) == c.holds);
  }
}

TEST_CASE("the first route in order that matches takes the request") {
  auto s = snapshot_of(
      "services: { web: { instances: [{ node: n1, port: 1 }] } }\n"
      "routes:\n"
      "  - { name: exact, service: web, match: { path: { exact: /a/b } } }\n"
      "  - { name: post, service: web, match: { path: { prefix: /a }, methods: [POST, PUT] } }\n"
      "  - { name: canary, service: web, match: { headers: { X-Canary: { exact: \"1\" } } } }\n"
      "  - { name: beta, service: web, match: { headers: { x-user: { prefix: beta- }, x-off: { absent: true "
      "} } } }\n"
      "  - { name: seen, service: web, match: { path: { prefix: /s/ }, headers: { x-user: { present: true } "
      "} } }\n"
      "  - { name: a, service: web, match: { path: { prefix: /a } } }\n"
      "  - { name: root, service: web, match: { path: { prefix: / } } }\n");
  struct {
    Request request;
    const char* route;
  } const cases[] = {
      {{.path = "/a/b"}, "exact"},
      {{.method = "POST", .path = "/a/b"}, "exact"},
      {{.method = "POST", .path = "/a/c"}, "post"},
      {{.method = "PUT", .path = "/a"}, "post"},
      {{.method = "POST", .path = "/ab"}, "root"},
      {{.path = "/a/c", .headers = {{"x-canary", "1"}}}, "canary"},
      {{.path = "/a/c", .headers = {{"x-canary", "2"}}}, "a"},
      {{.headers = {{"x-user", "beta-1"}}}, "beta"},
      {{.headers = {{"x-user", "beta-1"}, {"x-off", ""}}}, "root"},
      {{.path = "/s", .headers = {{"x-user", ""}}}, "seen"},
      {{.path = "/s/t"}, "root"},
      {{.path = "/"}, "root"},
      {{.method = "OPTIONS", .path = "*"}, nullptr},
  };
  for (const auto& c : cases) {
    INFO(c.request.method << " " << c.request.path);
    auto r = route_request(*s->service("web"), c.request.facts(*s));
    if (!c.route) {
      CHECK(r.reason == Errc::no_route);
      continue;
    }
    REQUIRE(r.route);
    CHECK(r.route->name == c.route);
  }
}

TEST_CASE("opaque TCP meets no condition on HTTP, also not that a field be absent") {
  auto s = snapshot_of(
      "services: { db: { protocol: tcp, instances: [{ node: n1, port: 1 }] } }\n"
      "routes:\n"
      "  - { name: a, service: db, match: { headers: { x: { absent: true } } } }\n"
      "  - { name: b, service: db, match: { path: { prefix: / } } }\n"
      "  - { name: c, service: db }\n");
  RequestFacts tcp;
  auto r = route_request(*s->service("db"), tcp);
  CHECK(r.route->name == "c");
  CHECK(r.timeout.count() == 0);
}

TEST_CASE("a split follows its weights") {
  auto s = snapshot_of(
      "services: { web: { instances: [{ node: n1, port: 1, tags: { v: a } }, { node: n2, port: 1, tags: { v: "
      "b } }] } }\n"
      "routes: [{ name: r, service: web, to: [{ tags: { v: a }, weight: 95 }, { tags: { v: b }, weight: 5 }, "
      "{ weight: 0 }] }]\n");
  const Route& route = s->service("web")->routes[0];
  FastRandom random(3);
  int counts[3] = {};
  for (int i = 0; i < 1'000'000; ++i) ++counts[pick_split(route, random.next()) - route.to.data()];
  CHECK(std::abs(counts[0] - 950'000) < 1500);
  CHECK(std::abs(counts[1] - 50'000) < 1500);
  CHECK(counts[2] == 0);
  CHECK(pick_split(route, 0) == &route.to[0]);
  CHECK(pick_split(route, UINT64_MAX) == &route.to[1]);
}

TEST_CASE("the route's timeout comes before the default") {
  auto s = snapshot_of(
      "defaults: { timeout: { request: 4s } }\n"
      "services: { web: { instances: [{ node: n1, port: 1 }] } }\n"
      "routes: [{ name: a, service: web, match: { path: { prefix: /a } }, timeout: { request: 0s } }, { "
      "name: b, service: web }]\n");
  CHECK(route_request(*s->service("web"), Request{.path = "/a"}.facts(*s)).timeout.count() == 0);
  CHECK(route_request(*s->service("web"), Request{}.facts(*s)).timeout.count() == 4000);
}

TEST_CASE("prefixes too deep for the index are still found") {
  std::string deep, yaml = "services: { web: { instances: [{ node: n1, port: 1 }] } }\nroutes:\n";
  for (int i = 0; i < 50; ++i) deep += "/s";
  yaml += "  - { name: deep, service: web, match: { path: { prefix: " + deep +
          " } } }\n  - { name: rest, service: web }\n";
  auto s = snapshot_of(yaml);
  CHECK(route_request(*s->service("web"), Request{.path = deep + "/x"}.facts(*s)).route->name == "deep");
  CHECK(route_request(*s->service("web"), Request{.path = "/s/s"}.facts(*s)).route->name == "rest");
}

}  // namespace meshd::testing
