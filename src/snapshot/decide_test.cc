// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "snapshot/testing.h"

namespace meshd::testing {

namespace {

const char* kYaml =
    "services:\n"
    "  web: { listen: 9080, instances: [{ node: n1, port: 1, tags: { v: a } }, { node: n2, port: 1, tags: { "
    "v: b } }] }\n"
    "  api: { instances: [] }\n"
    "  db: { protocol: tcp, listen: 5432, instances: [{ address: \"10.0.0.9:5432\" }] }\n"
    "routes:\n"
    "  - { name: canary, service: web, match: { headers: { x-canary: { exact: \"1\" } } }, to: [{ tags: { v: "
    "b } }] }\n"
    "  - { name: files, service: web, match: { path: { prefix: /files/of/a/long/name/that/needs/no/copy }, "
    "methods: [GET] } }\n"
    "  - { name: split, service: web, to: [{ tags: { v: a }, weight: 9 }, { tags: { v: b } }] }\n"
    "policy:\n"
    "  rules:\n"
    "    - { name: go, allow: { from: [web, api], to: [web, api], paths: [/**, /a/*/b] } }\n"
    "    - { name: no, deny: { paths: [/debug/**] } }\n"
    "    - { name: db, allow: { from: api, to: db } }\n";

}  // namespace

TEST_CASE("a decision names service, route, arm, endpoints and rule with their places") {
  auto s = snapshot_of(kYaml);
  Request r{.path = "/x", .host = "web.mesh.internal:80", .headers = {{"x-canary", "1"}}};
  auto d = decide(*s, r.facts(*s));
  REQUIRE(d.ok());
  CHECK(d.service->name == "web");
  CHECK(route_text(*s, d.routing) == "route=canary at meshd.yaml:6:5");
  CHECK(policy_text(*s, d.policy) == "rule=go at meshd.yaml:11:7");
  REQUIRE(d.routing.candidates.size() == 1);
  CHECK(d.routing.candidates[0]->node == "n2");
  CHECK(d.routing.to->at == SourcePos{6, 90});
}

TEST_CASE("a decision says why not") {
  auto s = snapshot_of(kYaml);
  CHECK(decide(*s, Request{.host = "nix"}.facts(*s)).reason == Errc::not_found);
  CHECK(decide(*s, Request{.path = "/debug/x"}.facts(*s)).reason == Errc::denied);
  CHECK(decide(*s, Request{.host = "api"}.facts(*s)).reason == Errc::no_endpoint);
  // The denied request still shows where it would have gone.
  CHECK(decide(*s, Request{.path = "/debug/x"}.facts(*s)).routing.route->name == "split");
}

TEST_CASE("the listener decides the service, whatever the host says") {
  auto s = snapshot_of(kYaml);
  Request r{.host = "db"};
  RequestFacts f = r.facts(*s);
  f.to = s->service_for_listen(9080);
  CHECK(decide(*s, f).service->name == "web");
}

TEST_CASE("deciding allocates nothing") {
  auto s = snapshot_of(kYaml);
  Request requests[] = {
      {.path = "/x", .host = "web.default.mesh.internal:15080", .headers = {{"x-canary", "1"}}},
      {.path = "/files/of/a/long/name/that/needs/no/copy/at/all"},
      {.path = "/debug/of/a/long/name/that/needs/no/copy/at/all"},
      {.from = "api", .method = "", .path = "", .host = "db"},
      {.from = "", .host = "a-name-that-no-service-has.mesh.internal"},
      {.path = std::string(3000, '/')},
  };
  for (Request& r : requests) {
    RequestFacts f = r.facts(*s);
    std::string id = "spiffe://mesh.mesh/ns/default/sa/web";
    size_t before = allocation_count;
    Decision d = decide(*s, f);
    PrincipalId p = s->principal(id);
    size_t after = allocation_count;
    CHECK(after == before);
    CHECK(p >= PrincipalId{kFirstPrincipal});
    CHECK((d.service != nullptr || d.reason == Errc::not_found));
  }
}

}  // namespace meshd::testing
