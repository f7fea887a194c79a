// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "snapshot/testing.h"

namespace meshd::testing {

namespace {

const char* kYaml =
    "services:\n"
    "  web:\n"
    "    listen: 9080\n"
    "    instances:\n"
    "      - { node: n1, port: 8080, tags: { version: v1 } }\n"
    "      - { node: n2, port: 8080, bind: 10.9.9.9, tags: { version: v2 }, unit: web.service }\n"
    "      - { node: n9, port: 8080, tags: { version: v3 } }\n"
    "      - { node: n3, port: 8080, tags: { version: v1 }, weight: 0 }\n"
    "  db: { protocol: tcp, listen: 5432, instances: [{ address: \"10.7.0.1:5432\" }] }\n"
    "  batch: { instances: [{ node: n1, any_local: true }] }\n"
    "routes:\n"
    "  - { name: v3-only, service: web, match: { headers: { x: { present: true } } }, to: [{ tags: { "
    "version: v3 } }] }\n"
    "  - { name: rest, service: web }\n";

}  // namespace

TEST_CASE("a service is found by its name, by host in all its forms, and by listener") {
  auto s = snapshot_of(kYaml);
  const ServiceEntry* web = s->service("web");
  REQUIRE(web);
  CHECK(web->spiffe_id == "spiffe://mesh.mesh/ns/default/sa/web");
  for (const char* host : {"web", "WEB", "web:15080", "web.default", "web.mesh.internal",
                           "Web.Default.Mesh.Internal.:80", "web."}) {
    INFO(host);
    CHECK(s->service_for_host(host) == web);
  }
  for (const char* host :
       {"", ".", "web..", "web.other", "web.mesh.internal.x", "x.web", "[::1]:80", "nix"}) {
    INFO(host);
    CHECK(s->service_for_host(host) == nullptr);
  }
  CHECK(s->service_for_host(std::string(300, 'a')) == nullptr);
  CHECK(s->service_for_listen(9080) == web);
  CHECK(s->service_for_listen(5432)->name == "db");
  CHECK(s->service_for_listen(1) == nullptr);
}

TEST_CASE("endpoints take their address from the registry and keep their id over snapshots") {
  auto s = snapshot_of(kYaml), later = snapshot_of(std::string("# moved\n\n") + kYaml);
  const ServiceEntry* web = s->service("web");
  REQUIRE(web->endpoints.size() == 4);
  const Endpoint& first = web->endpoints[0];
  CHECK(first.address == "10.0.0.1");
  CHECK(first.mesh_port == 15008);
  CHECK(first.app_address == "127.0.0.1");
  CHECK(first.zone == "a");
  CHECK(web->endpoints[1].app_address == "10.9.9.9");
  CHECK(s->endpoint(first.id) == &first);
  CHECK(later->service("web")->endpoints[0].id == first.id);
  CHECK(web->endpoints[1].id != first.id);
  CHECK(s->endpoint_on("n2", "web", 8080) == &web->endpoints[1]);
  CHECK(s->endpoint_on("n2", "web", 0) == &web->endpoints[1]);
  CHECK(s->endpoint_on("n2", "web", 1) == nullptr);
  const Endpoint& db = s->service("db")->endpoints.at(0);
  CHECK(db.outside());
  CHECK(db.address == "10.7.0.1");
  CHECK(db.mesh_port == 0);
}

TEST_CASE("an instance on an unknown node is quarantined and never a candidate; weight 0 neither") {
  auto s = snapshot_of(kYaml);
  const ServiceEntry* web = s->service("web");
  CHECK(web->endpoints[2].status == "node n9 has not joined");
  REQUIRE(s->quarantined.size() == 1);
  CHECK(s->quarantined[0].name == "web");
  Request r;
  auto routing = route_request(*web, r.facts(*s));
  REQUIRE(routing.ok());
  CHECK(routing.candidates.size() == 2);
  // A route to tags that only the unknown node has is no mistake in the file: it has no endpoint now.
  r.headers["x"] = "1";
  auto none = route_request(*web, r.facts(*s));
  CHECK(none.route->name == "v3-only");
  CHECK(none.reason == Errc::no_endpoint);
}

TEST_CASE("a node sees what is placed on it") {
  auto s = snapshot_of(kYaml);
  auto n1 = s->workloads_on("n1");
  REQUIRE(n1.size() == 2);
  CHECK(n1[0].service->name == "web");
  CHECK(n1[0].endpoint == &s->service("web")->endpoints[0]);
  CHECK(n1[1].service->name == "batch");
  CHECK(n1[1].endpoint == nullptr);
  CHECK(n1[1].selectors->any_local);
  CHECK(n1[1].spiffe_id == "spiffe://mesh.mesh/ns/default/sa/batch");
  CHECK(s->workloads_on("n2")[0].selectors->unit == "web.service");
  CHECK(s->workloads_on("nix").empty());
}

TEST_CASE("what does not resolve is quarantined and denies; the rest goes on") {
  auto m = model_of(
      "services: { web: { instances: [{ node: n1, port: 1, tags: { v: a } }] }, api: { instances: [{ node: "
      "n1, port: 2 }] } }\n"
      "routes: [{ name: lost, service: web, match: { path: { prefix: /x } }, to: [{ tags: { v: a } }] }, { "
      "name: rest, service: web }]\n"
      "policy: { rules: [{ name: partly, allow: { from: api, to: [web, api] } }, { name: still, deny: { to: "
      "[web, api], paths: [/x/**] } }, { name: ok, allow: { from: web, to: web } }] }\n");
  // As a server of another version, or a damaged store, might send it.
  m.routes[0].to[0].tags["v"] = "gone";
  m.policy.rules[0].to[1].service = "gone";
  m.policy.rules[1].to[1].service = "gone";
  m.routes.push_back(m.routes[1]);
  m.routes.back().name = "orphan";
  m.routes.back().service = "gone";
  auto s = compile(m, nodes(1), {});
  CHECK(s->quarantined.size() == 4);

  Request lost{.path = "/x"};
  auto d = decide(*s, lost.facts(*s));
  CHECK(d.routing.route->name == "lost");
  CHECK(d.routing.reason == Errc::denied);
  CHECK_FALSE(d.ok());
  // An allow rule with a hole allows nobody; a deny rule with a hole still denies where it can.
  CHECK_FALSE(decide(*s, Request{.from = "api", .path = "/y"}.facts(*s)).ok());
  CHECK(decide(*s, Request{.path = "/x/1"}.facts(*s)).policy.rule->name == "still");
  CHECK(decide(*s, Request{.path = "/y"}.facts(*s)).ok());
}

TEST_CASE("a caller that is gone is allowed nothing more, and what denied it still does") {
  auto m = model_of(
      "services: { web: { instances: [{ node: n1, port: 1 }] }, api: {}, old: {} }\n"
      "routes: [{ name: for-old, service: web, match: { from: [old, api], path: { prefix: /x } } }, "
      "{ name: rest, service: web }]\n"
      "policy: { default: allow, rules: [{ name: both, allow: { from: [old, api], to: web } }, "
      "{ name: never, deny: { from: [old, api], to: web, paths: [/secret/**] } }] }\n");
  std::erase_if(m.services, [](const model::Service& s) { return s.name == "old"; });
  auto s = compile(m, nodes(1), {});
  REQUIRE(s->quarantined.size() == 3);
  CHECK(s->quarantined[0].kind == "route");
  CHECK(s->quarantined[0].name == "for-old");
  CHECK(s->quarantined[1].kind == "rule");
  CHECK(s->quarantined[1].name == "both");
  CHECK(s->quarantined[2].name == "never");
  for (const Quarantined& q : s->quarantined) CHECK(q.status == "there is no service old");
  CHECK(route_request(*s->service("web"), Request{.from = "api", .path = "/x"}.facts(*s)).reason ==
        Errc::denied);
  auto other = decide(*s, Request{.from = "api"}.facts(*s));
  CHECK(other.ok());
  CHECK(other.policy.rule == nullptr);  // by the default: the rule allows nobody
  for (const char* from : {"old", "api"}) {
    auto denied = decide(*s, Request{.from = from, .path = "/secret/1"}.facts(*s));
    CHECK_FALSE(denied.ok());
    CHECK(denied.policy.rule->name == "never");
  }
}

TEST_CASE("a service without routes has one that takes everything") {
  auto s = snapshot_of("services: { web: { instances: [{ node: n1, port: 1 }] } }\n");
  auto r = route_request(*s->service("web"), Request{}.facts(*s));
  CHECK(r.ok());
  CHECK(r.route->name.empty());
  CHECK(r.timeout == std::chrono::seconds(10));
  CHECK(route_text(*s, r) == "route=- at meshd.yaml:1:13");
}

}  // namespace meshd::testing
