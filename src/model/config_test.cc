// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <algorithm>

#include "base/file.h"
#include "model/config.h"
#include "model/diagnostics.h"

namespace meshd::model {

using std::literals::chrono_literals::operator""ms;
using std::literals::chrono_literals::operator""s;
using std::literals::chrono_literals::operator""min;
using std::literals::chrono_literals::operator""h;

namespace {

std::string all_of(const ParsedConfig& p) {
  std::string out;
  for (const auto& d : p.diagnostics)
    out += d.code + " " + std::to_string(d.at.line) + ":" + std::to_string(d.at.column) + " " + d.message +
           (d.hint.empty() ? "" : " | " + d.hint) + "\n";
  return out;
}

}  // namespace

TEST_CASE("the example file has nothing to complain about and reads as values") {
  auto text = read_file(MESHD_SOURCE_DIR "/config/meshd.example.yaml", 1 << 20);
  REQUIRE(text);
  auto p = parse_config(*text, "/etc/meshd/meshd.yaml");
  INFO(render(p.diagnostics, "meshd.example.yaml", *text));
  REQUIRE(p.diagnostics.empty());
  REQUIRE(p.model);
  const Model& m = *p.model;
  CHECK(m.file == "meshd.yaml");
  CHECK(m.mesh.trust_domain == "edge-eu.mesh");
  CHECK(m.mesh.http_port == 15080);
  CHECK(m.mesh.leaf_lifetime == 24h);
  CHECK(m.defaults.timeout.idle == 5min);
  REQUIRE(m.services.size() == 5);
  const Service& web = m.services[0];
  CHECK(web.name == "web");
  CHECK(web.at == SourcePos{19, 3});
  CHECK(web.listen == 9080);
  REQUIRE(web.instances.size() == 2);
  CHECK(web.instances[1].tags.at("version") == "v2");
  CHECK(web.instances[1].at == SourcePos{24, 9});
  CHECK(web.instances[1].address == "127.0.0.1");
  CHECK(web.health->path == "/healthz");
  CHECK(m.services[1].health->kind == HealthKind::grpc);
  CHECK(m.services[1].health->grpc_service == "edge.Api");
  CHECK(m.services[2].instances[0].address == "10.0.0.20");
  CHECK(m.services[2].instances[0].port == 5432);
  CHECK(m.services[2].instances[0].node.empty());
  CHECK(m.services[3].instances[0].port == 0);
  CHECK(m.services[4].instances[0].any_local);
  REQUIRE(m.routes.size() == 3);
  CHECK(m.routes[0].match.headers.at(0).name == "x-canary");
  CHECK(m.routes[1].to.at(1).weight == 5);
  CHECK(m.routes[1].request_timeout == 3s);
  CHECK(m.policy.default_at == SourcePos{62, 3});
  REQUIRE(m.policy.rules.size() == 6);
  CHECK(m.policy.rules[3].effect == Effect::deny);
  CHECK(m.policy.rules[3].paths.at(0) == "/debug/**");
  CHECK(m.policy.rules[3].at == SourcePos{67, 7});
  CHECK(m.policy.rules[4].mode == PolicyMode::audit);
  REQUIRE(m.tests.size() == 4);
  CHECK(m.tests[3].to.at("version") == "v2");
  auto nodes = nodes_named(m);
  REQUIRE(nodes.size() == 3);
  CHECK(nodes[2].name == "n3");
}

TEST_CASE("a small file has sensible defaults") {
  auto p = parse_config("services:\n  web:\n");
  REQUIRE(p.model);
  CHECK(p.model->mesh.trust_domain == "mesh.mesh");
  CHECK(p.model->policy.default_effect == Effect::deny);
  CHECK(p.model->defaults.timeout.request == 10s);
  CHECK(p.model->telemetry.access_log.output == "stdout");
  CHECK(p.model->services.at(0).protocol == Protocol::http);
}

TEST_CASE("one wrong line gives one finding, with code, place and hint") {
  const std::string services =
      "services:\n  web: { instances: [{ node: n1, port: 80, tags: { version: v1 } }] }\n  db: { protocol: "
      "tcp, instances: [{ address: \"10.0.0.1:5432\" }] }\n";
  struct {
    std::string_view text;   // before the services
    std::string_view found;  // all findings
  } const cases[] = {
      {"mehs: {}\n", "MD1004 1:1 unknown key 'mehs' at the top | did you mean 'mesh'?\n"},
      {"mesh: { nmae: x }\n", "MD1004 1:9 unknown key 'nmae' in mesh | did you mean 'name'?\n"},
      {"mesh: []\n", "MD1005 1:7 'mesh' has a value of the wrong kind | it takes a map\n"},
      {"mesh: { name: [x] }\n",
       "MD1005 1:15 'mesh.name' has a value of the wrong kind | it takes a name (lower-case letters, digits "
       "and inner hyphens, at most 63)\n"},
      {"mesh: { name: }\n",
       "MD1005 1:9 'mesh.name' has no value | it takes a name (lower-case letters, digits and inner hyphens, "
       "at most 63)\n"},
      {"mesh: { name: Web_1 }\n",
       "MD1013 1:15 'Web_1' is not a name (lower-case letters, digits and inner hyphens, at most 63), in "
       "mesh.name\n"},
      {"mesh: { http_port: 70000 }\n", "MD1011 1:20 70000 is out of range, in mesh.http_port | 1 to 65535\n"},
      {"mesh: { http_port: \"80\" }\n",
       "MD1005 1:20 this is text, not a number, in mesh.http_port | without quotes: 80\n"},
      {"mesh: { mtls: stritc }\n",
       "MD1012 1:15 'stritc' is not one of strict or permissive, in mesh.mtls | did you mean 'strict'?\n"},
      {"mesh: { mtls: permissive }\n",
       "MD1021 1:15 'permissive' is not supported in this version, in mesh.mtls\n"},
      {"mesh: { interception: transparent }\n",
       "MD1020 1:23 'transparent' is not supported in this version, in mesh.interception\n"},
      {"defaults: { timeout: { request: 5 } }\n",
       "MD1010 1:33 '5' is not a duration with its unit, such as 250ms, 5s, 10m, 24h or 30d, in "
       "defaults.timeout.request | write 5s or 5ms\n"},
      {"defaults: { timeout: { connect: 1h } }\n",
       "MD1011 1:33 '1h' is out of range, in defaults.timeout.connect | 1ms to 5m\n"},
      {"defaults: { retries: { budget: 20 } }\n",
       "MD1010 1:32 '20' "
       "is not a percentage, such as 20%, in defaults.retries.budget | write 20%\n"},
      {"egress: { default: deny }\n", "MD1020 1:1 'egress' is not supported in this version | take it out\n"},
      {"version: 2\n", "MD1011 1:10 2 is out of range, in version | 1 to 1\n"},
      {"policy: { rules: [{ name: a }] }\n", "MD1006 1:19 a rule needs allow or deny\n"},
      {"policy: { rules: [{ name: a, allow: {}, deny: {} }] }\n",
       "MD1006 1:19 a rule has either allow or deny, not both\n"},
      {"policy: { rules: [{ allow: {} }] }\n", "MD1006 1:19 key 'name' is missing in policy.rules[0]\n"},
      {"policy: { rules: [{ name: a, allow: { from: [web, wep] } }] }\n",
       "MD2001 1:51 unknown service 'wep' | did you mean 'web'?\n"},
      {"policy: { rules: [{ name: a, allow: { from: [user/x] } }] }\n",
       "MD1014 1:46 'user/x' is not a caller | write service/NAME, node/NAME, gateway or *\n"},
      {"policy: { rules: [{ name: a, allow: { from: [] } }] }\n",
       "MD1006 1:39 an empty list | leave the key out to mean any\n"},
      {"policy: { rules: [{ name: a, allow: { methods: [get] } }] }\n",
       "MD1014 1:49 'get' is not an HTTP method, in policy.rules[a].allow.methods | did you mean 'GET'? "
       "Methods are case-sensitive\n"},
      {"policy: { rules: [{ name: a, deny: { paths: /x** } }] }\n",
       "MD1014 1:45 '/x**' is not a path pattern, in policy.rules[a].deny.paths | ** stands alone between "
       "slashes: /debug/**\n"},
      {"policy: { rules: [{ name: a, allow: { to: db, methods: [GET] } }] }\n",
       "MD2011 1:43 rule a looks at HTTP, but db is opaque tcp: it never allows\n"},
      {"policy: { rules: [{ name: a, allow: {} }, { name: a, deny: {} }] }\n",
       "MD2009 1:43 a second rule named 'a' | first at line 1\n"},
      {"policy: { rules: [{ name: a, allow: { jwt: { issuer: x } } }] }\n",
       "MD2010 1:46 jwt has no issuer named 'x'\n"},
      {"policy: { rules: [{ name: a, allow: }] }\n",
       "MD1005 1:30 'policy.rules[a].allow' has a value of the wrong kind | it takes a map\n"},
      {"routes: [{ name: a, service: wbe }]\n", "MD2001 1:21 unknown service 'wbe' | did you mean 'web'?\n"},
      {"routes: [{ name: a, service: web, to: [{ tags: { version: v2 } }] }]\n",
       "MD2002 1:40 no instance of web has the tag version: v2 | did you mean 'v1'?\n"},
      {"routes: [{ name: a, service: web, to: [{ weight: 0 }] }]\n",
       "MD2003 1:40 the weights of route a sum to zero | no request could go anywhere\n"},
      {"routes: [{ name: a, service: web, rate_limit: { rate: 200 } }]\n",
       "MD1010 1:55 '200' is not a rate with its unit, such as 200/s, in routes[a].rate_limit.rate | write "
       "200/s\n"},
      {"routes: [{ name: a, service: web, match: { path: { prefix: /a } } }]\n",
       "MD2007 1:10 requests to web that none of its routes matches are refused | add a route for web "
       "without match\n"},
      {"routes: [{ name: a, service: web }, { name: b, service: web, match: { methods: [GET] } }]\n",
       "MD2006 1:37 route b is never reached: a takes all that it matches | line 1\n"},
      {"routes: [{ name: a, service: web, match: { headers: { x: {} } } }, { name: b, service: web }]\n",
       "MD1006 1:55 a match of a value takes one of exact, prefix, regex, present, absent\n"},
      {"routes: [{ name: a, service: web, match: { path: { regex: (a } } }, { name: b, service: web }]\n",
       "MD1014 1:59 '(a' is not a regular expression: missing ): (a\n"},
      {"routes: [{ name: a, service: web, match: { headers: { x: { regex: \"(a{1000}){1000}\" } } } }, { "
       "name: b, "
       "service: web }]\n",
       "MD1014 1:67 '(a{1000}){1000}' is not a regular expression: invalid repetition size: {1000}\n"},
      {"routes: [{ name: a, service: web, match: { query: { x: { regex: \"(\\\\w{30}){30}\" } } } }, { name: "
       "b, "
       "service: web }]\n",
       "MD1014 1:65 '(\\w{30}){30}' is not a regular expression: it compiles to more than 2000 "
       "instructions\n"},
      {"routes: [{ name: a, service: web, match: { host: [\"*\", \"a.test:80\"] } }, { name: b, service: web "
       "}]\n",
       "MD1014 1:51 '*' is not a host name | such as shop.example.com, or *.example.com for all below; "
       "without a "
       "port\nMD1014 1:56 'a.test:80' is not a host name | such as shop.example.com, or *.example.com for "
       "all "
       "below; without a port\n"},
      {"routes: [{ name: a, service: web, match: { from: [wep] } }, { name: b, service: web }]\n",
       "MD2001 1:51 unknown service 'wep' | did you mean 'web'?\n"},
      {"routes: [{ name: a, service: web, match: { from: [] } }, { name: b, service: web }]\n",
       "MD1006 1:44 an empty list | leave the key out to mean any\nMD2006 1:58 route b is never reached: a "
       "takes "
       "all that it matches | line 1\n"},
      {"routes: [{ name: a, service: web, match: { tcp: true } }, { name: b, service: web }]\n",
       "MD2011 1:10 route a looks at opaque connections, but web is HTTP: it never matches\n"},
      {"routes: [{ name: a, service: web, match: { sni: a.test, methods: [GET] } }, { name: b, service: web "
       "}]\n",
       "MD2011 1:10 route a looks at HTTP and at opaque connections, which nothing is both: it never "
       "matches\n"},
      {"routes: [{ name: a, service: web, match: { from: [\"*\"], grpc: { service: s } } }, { name: b, "
       "service: web, "
       "match: { from: [web], grpc: { service: s, method: m } } }, { name: c, service: web }]\n",
       "MD2006 1:83 route b is never reached: a takes all that it matches | line 1\n"},
      {"telemetry: { access_log: { only: \"status > x\" } }\n",
       "MD1014 1:34 'status > x' is not a filter: expected a number after 'status', at character 10 | such "
       "as \"status >= 400 or duration > 1s\"\n"},
      {"tests: [{ from: web, request: \"GET http://db/\", expect: { denied_by: nix } }]\n",
       "MD2010 1:9 a test expects rule 'nix', which does not exist\n"},
      {"tests: [{ from: web, request: \"GET http://db/\", expect: {} }]\n",
       "MD1006 1:49 a test expects nothing | one of route, denied_by, allowed_by, to\n"},
  };
  for (const auto& c : cases) {
    INFO(c.text);
    auto p = parse_config(std::string(c.text) + services);
    CHECK(all_of(p) == c.found);
    CHECK(p.model.has_value() == (count(p.diagnostics).errors == 0));
  }
}

TEST_CASE("instances that share a place, a listener or unidentified callers are refused") {
  auto p = parse_config(
      "services:\n"
      "  a:\n"
      "    listen: 9000\n"
      "    instances: [{ node: n1, port: 80, any_local: true }, { node: n1, port: 80 }, { port: 1 }, { node: "
      "n1, address: \"1.2.3.4:5\" }]\n"
      "  b:\n"
      "    listen: 9000\n"
      "    instances: [{ node: n1, any_local: true }, { address: \"1.2.3.4:5\", port: 5 }]\n"
      "  c: { listen: 15080 }\n"
      "  gateway: {}\n"
      "  Bad_name: {}\n");
  CHECK_FALSE(p.model);
  CHECK(all_of(p) ==
        "MD2004 4:58 port 80 of node n1 is already an instance of a | line 4\n"
        "MD1006 4:82 an instance needs a node or an address\n"
        "MD1006 4:95 an instance has either a node or an address, not both\n"
        "MD2005 6:5 port 9000 is already the listener of a | line 3\n"
        "MD2008 7:17 the unidentified callers of node n1 are already a | line 4\n"
        "MD1004 7:72 an address outside the mesh has no 'port' | the port is part of the address\n"
        "MD2005 8:8 port 15080 is mesh.http_port, which routes by Host | choose another port\n"
        "MD1013 9:3 'gateway' is reserved: it is the identity of the mesh's gateways | choose another name\n"
        "MD1013 10:3 'Bad_name' is not a name (lower-case letters, digits and inner hyphens, at most 63), in "
        "services\n");
}

TEST_CASE("all errors of a file are reported at once, in file order") {
  auto p = parse_config(
      "mesh: { nam: x }\nservices:\n  web: { port: 0, lissten: 1 }\nroutes:\n  - { name: r, service: wob "
      "}\npolicy: { default: maybe }\n");
  REQUIRE(p.diagnostics.size() == 5);
  CHECK(count(p.diagnostics).errors == 5);
  CHECK(std::ranges::is_sorted(p.diagnostics, {}, &Diagnostic::at));
}

TEST_CASE("a report has an end, whatever the file") {
  std::string text = "services:\n";
  for (int i = 0; i < 5000; ++i) text += "  BAD" + std::to_string(i) + ": { x: 1 }\n";
  auto p = parse_config(text);
  CHECK(p.diagnostics.size() == Findings::kMax + 1);
  CHECK(p.diagnostics.back().message == "and 9800 more findings");
}

TEST_CASE("files that are not a map are refused") {
  for (const char* text : {"", "# nothing\n", "x", "- a\n", "null\n", "[]"}) {
    auto p = parse_config(text);
    CHECK_FALSE(p.model);
    CHECK(p.diagnostics.size() == 1);
  }
}

TEST_CASE("what does not fit together in balancing and limits is an error at its place") {
  struct Case {
    const char* service;
    const char* want;
  };
  for (const Case& c : {
           Case{"balance: { key: { header: x } }",
                "MD1014 3:19 least-request looks at no key | policy: maglev, or ring-hash"},
           Case{"balance: { policy: maglev }",
                "MD1014 3:19 maglev needs a key | key: { header: NAME }, { cookie: NAME }, { query: NAME } "
                "or { source: "
                "true }"},
           Case{"balance: { policy: ring-hash, key: {} }",
                "MD1006 3:38 key takes one of header, cookie, query, source: true"},
           Case{"balance: { policy: ring-hash, key: { header: x, query: y } }",
                "MD1006 3:38 key takes one of header, cookie, query, source: true"},
           Case{"balance: { policy: maglev, key: { header: x, ttl: 1h } }",
                "MD1014 3:53 'ttl' is a cookie's | cookie: NAME"},
           Case{"balance: { policy: maglev, key: { cookie: x, path: /a } }",
                "MD1014 3:53 without ttl the cookie is not ours to set | ttl: 1h, or 0s for as long as the "
                "browser runs"},
           Case{"balance: { policy: maglev, key: { cookie: x, ttl: 1h, path: /a;b } }",
                "MD1014 3:62 '/a;b' cannot be a cookie's path"},
           Case{"balance: { policy: maglev, key: { cookie: 'a b' } }", "MD1013 3:50 'a b' is not a name"},
           Case{"balance: { policy: maglev, key: { header: x }, slow_start: 5s }",
                "MD1014 3:55 with maglev the key says where a request goes: nothing ramps | take it out, or "
                "choose "
                "another policy"},
           Case{"protocol: tcp, balance: { policy: maglev, key: { header: x } }",
                "MD1014 3:50 opaque tcp shows no header, cookie or query | key: { source: true }"},
           Case{"balance: { prefer: [rack] }",
                "MD1012 3:28 'rack' is not one of node or zone, in services.a.balance.prefer"},
           Case{"protocol: tcp, limits: { max_requests: 5 }",
                "MD1014 3:33 opaque tcp has connections, no requests | max_connections"},
           Case{"protocol: grpc, limits: { max_connections: 5 }",
                "MD1014 3:34 HTTP/2 requests share connections | max_requests"},
           Case{"limits: { max_pending: 5 }",
                "MD1014 3:18 without another limit nothing waits | max_connections or max_requests"},
           Case{"protocol: tcp, limits: { max_connections: 1, max_pending: 5 }",
                "MD1014 3:53 opaque connections do not wait"},
           Case{"breaker: { success_rate: { below: 0% } }",
                "MD1014 3:35 no rate is below 0% | such as below: 80%"},
       }) {
    auto p = parse_config(std::string("version: 1\nservices:\n  a: { ") + c.service + " }\n", "meshd.yaml");
    CAPTURE(c.service);
    CHECK_FALSE(p.model);
    CHECK(all_of(p) == std::string(c.want) + "\n");
  }
}

TEST_CASE("balancing, limits and breakers read as values") {
  auto p = parse_config(
      "services:\n"
      "  a: { balance: { policy: ewma, prefer: zone, slow_start: 30s, panic: 50% }, breaker: { eject: 5s } "
      "}\n"
      "  b: { balance: { policy: maglev, key: { cookie: At, ttl: 1h } }, breaker: { success_rate: {} } }\n"
      "  c: { balance: { policy: ring-hash, key: { header: X-User } }, limits: { max_connections: 3, "
      "max_pending: 0 } }\n",
      "meshd.yaml");
  INFO(all_of(p));
  REQUIRE(p.model);
  const auto& s = p.model->services;
  CHECK(
      s[0].balance ==
      Balance{.policy = BalancePolicy::ewma, .prefer_zone = true, .slow_start = 30s, .panic_permille = 500});
  CHECK(s[0].breaker->consecutive_errors == 5);
  CHECK(s[0].breaker->rate_below_permille == 0);
  CHECK(s[1].balance.key.key == Sticky::cookie);
  CHECK((s[1].balance.key.name == "At" && s[1].balance.key.issue && s[1].balance.key.ttl == 1h &&
         s[1].balance.key.path == "/"));
  CHECK(s[1].breaker->consecutive_errors == 0);
  CHECK((s[1].breaker->rate_below_permille == 800 && s[1].breaker->rate_over == 10s &&
         s[1].breaker->rate_requests_min == 20));
  CHECK((s[2].balance.key.name == "x-user" && !s[2].balance.key.issue));
  CHECK((s[2].limits.connections == 3 && s[2].limits.requests == 0 && s[2].limits.any()));
}

}  // namespace meshd::model
