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

TEST_CASE("each kind of condition is asked") {
  auto s = snapshot_of(
      "services: { web: { instances: [{ node: n1, port: 1 }] }, batch: {} }\n"
      "routes:\n"
      "  - { name: path, service: web, match: { path: { regex: \"/v[0-9]+/.*\" } } }\n"
      "  - { name: value, service: web, match: { headers: { x-id: { regex: \"[a-f0-9]{4}\" } } } }\n"
      "  - { name: exact, service: web, match: { query: { q: { exact: \"a b\" }, seen: { present: true } } } "
      "}\n"
      "  - { name: begin, service: web, match: { query: { q: { prefix: \"a/\" } } } }\n"
      "  - { name: pattern, service: web, match: { query: { q: { regex: \"[0-9 ]+\" }, off: { absent: true } "
      "} } }\n"
      "  - { name: host, service: web, match: { host: [shop.test, \"*.shop.test\"] } }\n"
      "  - { name: caller, service: web, match: { from: [batch, node/n2] } }\n"
      "  - { name: proven, service: web, match: { path: { exact: /who }, from: \"*\" } }\n"
      "  - { name: method, service: web, match: { grpc: { service: shop.Cart, method: Add } } }\n"
      "  - { name: service, service: web, match: { grpc: { service: shop.Cart } } }\n"
      "  - { name: grpc, service: web, match: { grpc: {} } }\n"
      "  - { name: rest, service: web }\n");
  std::map<std::string, std::string, std::less<>> grpc{{"content-type", "application/grpc+proto"}};
  struct {
    Request request;
    const char* route;
  } const cases[] = {
      {{.path = "/v12/x"}, "path"},
      {{.path = "/v12"}, "rest"},
      {{.path = "/a/v12/x"}, "rest"},
      {{.headers = {{"x-id", "00ff"}}}, "value"},
      {{.headers = {{"x-id", "00ff0"}}}, "rest"},
      {{.query = "q=a%20b&seen"}, "exact"},
      {{.query = "seen=1&q=%61%20b"}, "exact"},
      {{.query = "q=a+b&seen"}, "rest"},
      {{.query = "q=a%20b"}, "rest"},
      {{.query = "q=a%2fb"}, "begin"},
      {{.query = "%71=a/"}, "begin"},
      {{.query = "q=x&q=a/"}, "rest"},
      {{.query = "q=1%202"}, "pattern"},
      {{.query = "q=1&off"}, "rest"},
      {{.query = "q=1%zz"}, "rest"},
      {{.host = "SHOP.test:80"}, "host"},
      {{.host = "a.b.shop.test."}, "host"},
      {{.host = "xshop.test"}, "rest"},
      {{.host = "[::1]:80"}, "rest"},
      {{.from = "batch"}, "caller"},
      {{.from = "node/n2"}, "caller"},
      {{.path = "/who"}, "proven"},
      {{.from = "", .path = "/who"}, "rest"},
      {{.method = "POST", .path = "/shop.Cart/Add", .headers = grpc}, "method"},
      {{.method = "POST", .path = "/shop.Cart/Remove", .headers = grpc}, "service"},
      {{.method = "POST", .path = "/shop.Carts/Add", .headers = grpc}, "grpc"},
      {{.method = "GET", .path = "/shop.Cart/Add", .headers = grpc}, "rest"},
      {{.method = "POST", .path = "/shop.Cart/Add", .headers = {{"content-type", "application/grpcx"}}},
       "rest"},
  };
  for (const auto& c : cases) {
    INFO(c.request.method << " " << c.request.host << c.request.path << "?" << c.request.query);
    RequestFacts facts = c.request.facts(*s);
    CHECK(route_request(*s->service("web"), facts).route->name == c.route);
  }
}

TEST_CASE("opaque connections are routed by server name and caller") {
  auto s = snapshot_of(
      "services: { db: { protocol: detect, instances: [{ node: n1, port: 1 }] }, batch: {} }\n"
      "routes:\n"
      "  - { name: batch, service: db, match: { tcp: true, from: [batch] } }\n"
      "  - { name: tls, service: db, match: { sni: \"*.db.test\" } }\n"
      "  - { name: tcp, service: db, match: { tcp: true } }\n"
      "  - { name: http, service: db }\n");
  auto route = [&](Request q) { return route_request(*s->service("db"), q.facts(*s)).route->name; };
  CHECK(route({.from = "batch", .method = "", .server_name = "a.db.test"}) == "batch");
  CHECK(route({.method = "", .server_name = "A.DB.test"}) == "tls");
  CHECK(route({.method = "", .server_name = "db.test"}) == "tcp");
  CHECK(route({.from = "batch"}) == "http");
}

TEST_CASE("a pattern costs its length, not more") {
  // Backtracking would take 2^30 steps.
  auto regex = model::Regex::compile("(a*)*b");
  REQUIRE(regex);
  CHECK_FALSE(regex->matches(std::string(16 * 1024, 'a')));
  auto text = [](const char* pattern) { return model::Regex::compile(pattern)->literal_prefix(); };
  CHECK(text("/v2/.*") == "/v2/");
  CHECK(text("/a\\.b/c?d") == "/a.b/");
  CHECK(text("/a|/b").empty());
  CHECK(text("/ab*") == "/a");
  CHECK(text("(?i)/a").empty());
  CHECK(text("^/x$") == "/x");
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

TEST_CASE("a split goes to other services and follows any weights") {
  auto s = snapshot_of(
      "services: { web: { instances: [{ node: n1, port: 1 }] }, new: { instances: [{ node: n2, port: 2, "
      "tags: { v: b } "
      "}] } }\n"
      "routes: [{ name: r, service: web, to: [{ weight: 700 }, { service: new, weight: 200 }, { service: "
      "new, tags: { "
      "v: b }, weight: 101 }, { weight: 0 }] }]\n");
  const Route& route = s->service("web")->routes[0];
  REQUIRE(route.status.empty());
  CHECK(route.to[1].service == s->service("new"));
  CHECK(route.to[1].endpoints.at(0)->service == s->service("new"));
  FastRandom random(4);
  int counts[4] = {};
  for (int i = 0; i < 1'000'000; ++i) ++counts[pick_split(route, random.next()) - route.to.data()];
  double total = 1001;
  for (int i : {0, 1, 2})
    CHECK(std::abs(counts[i] / 1e6 - route.to[static_cast<size_t>(i)].weight / total) < 0.01);
  CHECK(counts[3] == 0);
}

TEST_CASE("a sticky split keeps requests of one key together, and its weights") {
  auto s = snapshot_of(
      "services: { web: { instances: [{ node: n1, port: 1 }] } }\n"
      "routes:\n"
      "  - { name: header, service: web, match: { path: { exact: /h } }, sticky: { header: X-User }, to: [{ "
      "weight: 3 }, "
      "{ weight: 1 }] }\n"
      "  - { name: cookie, service: web, match: { path: { exact: /c } }, sticky: { cookie: sid }, to: [{ "
      "weight: 3 }, { "
      "weight: 1 }] }\n"
      "  - { name: query, service: web, match: { path: { exact: /q } }, sticky: { query: id }, to: [{ "
      "weight: 3 }, { "
      "weight: 1 }] }\n"
      "  - { name: source, service: web, sticky: { source: true }, to: [{ weight: 3 }, { weight: 1 }] }\n");
  const ServiceEntry& web = *s->service("web");
  FastRandom random(6);
  for (const Route& route : web.routes) {
    INFO(route.name);
    int second = 0;
    for (int i = 0; i < 20'000; ++i) {
      std::string key = "user-" + std::to_string(i);
      Request q{.path = route.match.path.empty() ? "/" : route.match.path};
      if (route.name == "header") q.headers["x-user"] = key;
      if (route.name == "cookie") q.headers["cookie"] = "a=b; sid=" + key + "; sid=other";
      if (route.name == "query") q.query = "x=1&id=" + key;
      RequestFacts facts = q.facts(*s);
      if (route.name == "source") facts.source = key;
      facts.random = random.next();
      const Destination* arm = route_request(web, facts).to;
      facts.random = random.next();
      REQUIRE(route_request(web, facts).to == arm);
      second += arm == &route.to[1];
    }
    CHECK(std::abs(second / 20'000.0 - 0.25) < 0.01);
    // Without a key it is as chance has it.
    int other = 0;
    for (int i = 0; i < 20'000; ++i) {
      Request q{.path = route.match.path.empty() ? "/" : route.match.path, .random = random.next()};
      other += route_request(web, q.facts(*s)).to == &route.to[1];
    }
    CHECK(std::abs(other / 20'000.0 - 0.25) < 0.02);
  }
}

TEST_CASE("policy judges what is sent: another service, another path") {
  auto s = snapshot_of(
      "services: { web: { instances: [{ node: n1, port: 1 }] }, new: { instances: [{ node: n2, port: 2 }] }, "
      "shop: {} "
      "}\n"
      "routes:\n"
      "  - { name: prefix, service: web, match: { path: { prefix: /old } }, rewrite: { path: { "
      "replace_prefix: /new/ } } "
      "}\n"
      "  - { name: full, service: web, match: { path: { exact: /one } }, rewrite: { path: { replace_full: "
      "/admin } } }\n"
      "  - { name: pattern, service: web, match: { path: { prefix: /u } }, rewrite: { path: { regex: "
      "\"^/u/([a-z.]*)\", "
      "substitution: '/users/\\1/x' } } }\n"
      "  - { name: moved, service: web, match: { path: { prefix: /moved } }, to: [{ service: new }] }\n"
      "  - { name: gone, service: web, match: { path: { prefix: /gone } }, respond: { status: 410 } }\n"
      "policy: { rules: [{ name: new, allow: { to: web, paths: [/new/**, \"/users/*/x\"] } }, { name: moved, "
      "allow: { "
      "to: new } }] }\n");
  auto reason = [&](const char* path) { return decide(*s, Request{.path = path}.facts(*s)).reason; };
  CHECK(reason("/old") == Errc::ok);  // /new/
  CHECK(reason("/old/a") == Errc::ok);
  CHECK(reason("/one") == Errc::denied);
  CHECK(reason("/u/bob") == Errc::ok);
  CHECK(reason("/u/..") == Errc::protocol);
  CHECK(reason("/moved") == Errc::ok);
  CHECK(reason("/gone") == Errc::ok);
  CHECK(reason("/other") == Errc::no_route);  // the calling node says so before anybody judges
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
