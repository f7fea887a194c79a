// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "snapshot/testing.h"

namespace meshd::testing {

namespace {

const char* kYaml =
    "services:\n"
    "  web: { instances: [{ node: n1, port: 1 }] }\n"
    "  api: { instances: [{ node: n1, port: 2 }] }\n"
    "  db: { protocol: tcp, instances: [{ node: n1, port: 3 }] }\n"
    "policy:\n"
    "  default: deny\n"
    "  rules:\n"
    "    - { name: gw-to-web, allow: { from: [gateway], to: web, methods: [GET, POST] } }\n"
    "    - { name: web-to-api, allow: { from: [service/web], to: api } }\n"
    "    - { name: node-anywhere, allow: { from: node/n2 } }\n"
    "    - { name: all-read-health, allow: { from: [\"*\"], paths: [/healthz] } }\n"
    "    - { name: api-reads-db, allow: { from: api, to: db, methods: [GET] } }\n"
    "    - { name: web-to-db, allow: { from: web, to: db } }\n"
    "    - { name: no-debug, deny: { to: web, paths: [/debug/**] } }\n"
    "    - { name: n2-no-delete, deny: { from: node/n2, methods: [DELETE] } }\n";

std::string verdict(const Snapshot& s, const Request& r) {
  auto a = authorize(s, *s.service_for_host(r.host), r.facts(s));
  return (a.allowed() ? "allow " : "deny ") + policy_text(s, a);
}

}  // namespace

TEST_CASE("deny rules come before allow rules, and those before the default") {
  auto s = snapshot_of(kYaml);
  struct {
    Request request;
    const char* verdict;
  } const cases[] = {
      {{.from = "gateway"}, "allow rule=gw-to-web at meshd.yaml:8:7"},
      {{.from = "gateway", .method = "DELETE"}, "deny default at meshd.yaml:6:3"},
      {{.from = "gateway", .path = "/debug/x"}, "deny rule=no-debug at meshd.yaml:14:7"},
      {{.from = "gateway", .host = "api"}, "deny default at meshd.yaml:6:3"},
      {{.from = "web", .host = "api"}, "allow rule=web-to-api at meshd.yaml:9:7"},
      {{.from = "api"}, "deny default at meshd.yaml:6:3"},
      {{.from = "api", .path = "/healthz"}, "allow rule=all-read-health at meshd.yaml:11:7"},
      {{.from = "unheard-of", .path = "/healthz"}, "allow rule=all-read-health at meshd.yaml:11:7"},
      {{.from = "", .path = "/healthz"}, "deny default at meshd.yaml:6:3"},
      {{.from = "", .path = "/debug/"}, "deny rule=no-debug at meshd.yaml:14:7"},
      {{.from = "node/n2", .host = "api"}, "allow rule=node-anywhere at meshd.yaml:10:7"},
      {{.from = "node/n2", .method = "DELETE", .host = "api"}, "deny rule=n2-no-delete at meshd.yaml:15:7"},
      {{.from = "node/n1", .host = "api"}, "deny default at meshd.yaml:6:3"},
      // A service named like a node is not that node.
      {{.from = "n2", .host = "api"}, "deny default at meshd.yaml:6:3"},
      // Opaque TCP: no method, no path.
      {{.from = "web", .method = "", .path = "", .host = "db"}, "allow rule=web-to-db at meshd.yaml:13:7"},
      {{.from = "api", .method = "", .path = "", .host = "db"}, "deny default at meshd.yaml:6:3"},
      {{.from = "node/n2", .method = "", .path = "", .host = "db"},
       "deny rule=n2-no-delete at meshd.yaml:15:7"},
  };
  for (const auto& c : cases) {
    INFO(c.request.from << " " << c.request.method << " " << c.request.host << c.request.path);
    CHECK(verdict(*s, c.request) == c.verdict);
  }
}

TEST_CASE("without any policy everything is denied") {
  auto s = snapshot_of("services: { web: {} }\n");
  CHECK(verdict(*s, Request{}) == "deny default");
}

TEST_CASE("with default allow a deny of everyone also stops callers without identity") {
  auto s = snapshot_of(
      "services: { web: {} }\npolicy: { default: allow, rules: [{ name: none, deny: { from: \"*\", paths: "
      "[/x] } }] }\n");
  CHECK(verdict(*s, Request{.from = "", .path = "/x"}).starts_with("deny rule=none"));
  CHECK(verdict(*s, Request{.from = "web", .path = "/x"}).starts_with("deny rule=none"));
  CHECK(verdict(*s, Request{.from = "", .path = "/y"}).starts_with("allow default"));
}

TEST_CASE("an audit rule decides nothing and says what it would have decided") {
  auto s = snapshot_of(
      "services: { web: {}, api: {} }\n"
      "policy: { rules: [\n"
      "  { name: watch, mode: audit, deny: { paths: [/a/**] } },\n"
      "  { name: stop, deny: { paths: [/a/b, /s] } },\n"
      "  { name: go, allow: { from: web } },\n"
      "  { name: maybe, mode: audit, allow: { from: [api, web] } }] }\n");
  auto judge = [&](Request r) { return authorize(*s, *s->service("web"), r.facts(*s)); };
  auto a = judge({.path = "/a"});
  CHECK(a.allowed());
  CHECK(a.rule->name == "go");
  REQUIRE(a.audit_rule);
  CHECK(a.audit_rule->name == "watch");
  CHECK(a.audit_verdict == model::Effect::deny);
  CHECK(judge({.path = "/a/b"}).audit_rule->name == "watch");
  CHECK(judge({.path = "/s"}).audit_rule == nullptr);
  CHECK(judge({.path = "/x"}).audit_rule == nullptr);
  auto b = judge({.from = "api", .path = "/x"});
  CHECK_FALSE(b.allowed());
  REQUIRE(b.audit_rule);
  CHECK(b.audit_rule->name == "maybe");
  CHECK(b.audit_verdict == model::Effect::allow);
}

TEST_CASE("a rule with jwt holds only for a valid token of its issuer, with its claims") {
  auto s = snapshot_of(
      "services: { web: {}, api: {}, db: { protocol: tcp } }\n"
      "jwt:\n"
      "  corp: { issuer: https://login.test/, audiences: [edge] }\n"
      "  partner: { issuer: https://partner.test/, audiences: [edge] }\n"
      "policy: { rules: [\n"
      "  { name: no-guests, deny: { to: [web, db], jwt: { issuer: corp, claims: { role: guest } } } },\n"
      "  { name: admins, allow: { from: web, to: web, paths: [/admin/**], jwt: { issuer: corp, claims: { "
      "role: admin "
      "} } } },\n"
      "  { name: anybody, allow: { from: web, to: [web, db], paths: [/free] } },\n"
      "  { name: later, mode: audit, allow: { to: api, jwt: { issuer: partner } } }] }\n");
  auto token = [](const char* issuer, const char* role) { return model::Token{{issuer}, {{"role", role}}}; };
  auto judge = [&](Request r) { return authorize(*s, *s->service(r.host), r.facts(*s)); };
  auto rule = [](const Authorization& a) { return a.rule ? a.rule->name : "default"; };
  struct {
    Request request;
    const char* rule;
    bool allowed, missing;
  } const cases[] = {
      {{.path = "/admin/x", .token = token("corp", "admin")}, "admins", true, false},
      {{.path = "/admin/x"}, "default", false, true},
      {{.path = "/admin/x", .token = token("corp", "user")}, "default", false, false},
      {{.path = "/admin/x", .token = token("partner", "admin")}, "default", false, false},
      {{.path = "/admin/x", .token = token("corp", "guest")}, "no-guests", false, false},
      // Without the rest of the rule a token would not help.
      {{.path = "/else"}, "default", false, false},
      {{.from = "api", .path = "/admin/x"}, "default", false, false},
      {{.path = "/free"}, "anybody", true, false},
      {{.path = "/free", .token = token("corp", "guest")}, "no-guests", false, false},
      {{.host = "api"}, "default", false, false},
      // Opaque: what cannot be looked at is denied by what denies, and not allowed by what allows.
      {{.method = "", .path = "", .host = "db"}, "no-guests", false, false},
      {{.method = "", .path = "", .host = "web"}, "no-guests", false, false},
  };
  for (const auto& c : cases) {
    INFO(c.request.from << " " << c.request.host << c.request.path);
    auto a = judge(c.request);
    CHECK(rule(a) == c.rule);
    CHECK(a.allowed() == c.allowed);
    CHECK(a.token_missing == c.missing);
  }
  CHECK(s->service("web")->issuers == std::vector<std::string>{"corp"});
  CHECK(s->service("web")->tokens_judged);
  CHECK(s->service("api")->issuers == std::vector<std::string>{"partner"});
  CHECK_FALSE(s->service("api")->tokens_judged);
  CHECK(judge({.host = "api", .token = token("partner", "x")}).audit_rule->name == "later");
}

TEST_CASE("path patterns match by segment") {
  struct {
    const char *pattern, *path;
    bool holds;
  } const cases[] = {
      {"/a", "/a", true},
      {"/a", "/a/", false},
      {"/a", "/ab", false},
      {"/", "/", true},
      {"/debug/**", "/debug", true},
      {"/debug/**", "/debug/", true},
      {"/debug/**", "/debug/x/y", true},
      {"/debug/**", "/debugx", false},
      {"/**", "/", true},
      {"/**", "/x/y", true},
      {"/*", "/", true},
      {"/*", "/x", true},
      {"/*", "/x/y", false},
      {"/*/x", "/a/x", true},
      {"/*/x", "/a/b/x", false},
      {"/**/x", "/a/b/x", true},
      {"/**/x", "/x", true},
      {"/**/x", "/a/xx", false},
      {"/a/**/b/**/c", "/a/1/b/2/3/c", true},
      {"/a/**/b/**/c", "/a/1/2/c", false},
      {"/v*/x", "/v1/x", true},
      {"/v*/x", "/w1/x", false},
      {"/*.css", "/a.css", true},
      {"/*a*b*", "/xaybz", true},
      {"/*a*b*", "/xbya", false},
      {"/a/**", "*", false},
      {"/a", "", false},
  };
  for (const auto& c : cases) {
    INFO(c.pattern << " on " << c.path);
    CHECK(path_matches_pattern(c.path, c.pattern) == c.holds);
  }
}

TEST_CASE("a hostile path costs no more than its length") {
  std::string path = "/", pattern = "/";
  for (int i = 0; i < 2000; ++i) path += "a/";
  for (int i = 0; i < 30; ++i) pattern += "**/a*a*a*b/";
  CHECK_FALSE(path_matches_pattern(path, pattern));
}

}  // namespace meshd::testing
