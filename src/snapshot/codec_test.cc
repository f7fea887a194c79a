// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <algorithm>

#include "base/file.h"
#include "base/random.h"
#include "snapshot/codec.h"
#include "snapshot/testing.h"

namespace meshd::testing {

namespace {

std::string example() {
  auto text = read_file(MESHD_SOURCE_DIR "/config/meshd.example.yaml", 1 << 20);
  REQUIRE(text);
  return *text;
}
std::vector<Object> objects_of(std::string_view yaml) { return to_objects(model_of(yaml), nodes(3)); }

// A file with every kind of match and principal.
const char* kRich =
    "services: { web: { protocol: http, port: 80, listen: 81, balance: { policy: round-robin, prefer: [node, "
    "zone], slow_start: 1s, panic: 10% }, health: { "
    "tcp: {} }, limits: { max_connections: 1, max_pending: 2, max_requests: 3 },\n"
    "    breaker: { success_rate: { below: 70%, over: 5s, min_requests: 7 }, eject: 1s },\n"
    "    instances: [{ node: n1, port: 1, bind: \"::1\", user: u, cgroup: /c, unit: x, any_local: true, "
    "tags: { a: b }, weight: 0 }] },\n"
    "  x-cookie: { balance: { policy: maglev, key: { cookie: c, ttl: 1h, path: /x } }, breaker: {}, health: "
    "{ grpc: { service: s.S } } },\n"
    "  x-source: { health: { grpc: {} }, protocol: tcp, balance: { policy: ring-hash, key: { source: true } "
    "} } }\n"
    "routes:\n"
    "  - { name: a, service: web, match: { path: { exact: /a }, methods: [GET], headers: { x: { prefix: p }, "
    "y: { absent: true }, z: { present: true }, w: { exact: \"é\\\"\" } } }, timeout: { request: 0s } }\n"
    "  - { name: b, service: web, match: { path: { prefix: /b } }, to: [{ tags: { a: b }, weight: 3 }, { "
    "weight: 0 }] }\n"
    "  - { name: d, service: web, match: { path: { regex: /x.* }, headers: { x: { regex: a+ } }, query: { q: "
    "{ "
    "exact: \"\" }, Q: { absent: true } }, host: [a.test, \"*.b.test\"], from: [web, node/n1, \"*\"], grpc: "
    "{ "
    "service: s.S, method: M } } }\n"
    "  - { name: e, service: web, match: { sni: c.test, tcp: true } }\n"
    "  - { name: f, service: web, match: { grpc: {} } }\n"
    "  - { name: g, service: web, match: { path: { prefix: /g } }, sticky: { cookie: sid }, to: [{ service: "
    "web, weight: "
    "2 }], headers: { request: { set: { a: b }, add: { c: d }, remove: [e] }, response: { remove: f } }, "
    "rewrite: { "
    "host: a.test, path: { replace_prefix: /h } }, cors: { allow_origins: \"https://*.a.test\", "
    "allow_methods: [GET], "
    "allow_headers: [x], expose_headers: [y], allow_credentials: true, max_age: 1h }, fault: { delay: { "
    "time: 1s, "
    "percent: 0.5% }, abort: { status: 503 } }, mirror: { to: { service: web, tags: { a: b } }, percent: 10% "
    "} }\n"
    "  - { name: h, service: web, match: { path: { exact: /h } }, redirect: { status: 308, scheme: https, "
    "host: b.test, "
    "port: 8443, path: { regex: \"/(.)\", substitution: '/\\1' } } }\n"
    "  - { name: i, service: web, match: { path: { exact: /i } }, respond: { status: 404, body: no, "
    "content_type: "
    "text/html } }\n"
    "  - { name: c, service: web }\n"
    "policy: { default: allow, rules: [{ name: r, mode: audit, deny: { from: [\"*\", node/n1, gateway, web], "
    "to: [web], methods: [GET], paths: [/x] } }, { name: s, allow: {} }] }\n"
    "telemetry: { access_log: { output: none, only: status > 1 } }\n";

}  // namespace

TEST_CASE("objects carry the whole model, places too") {
  for (const std::string& yaml : {example(), std::string(kRich), std::string("services: {}\n")}) {
    auto objects = objects_of(yaml);
    auto back = from_objects(objects);
    INFO((back ? "" : back.error().what));
    REQUIRE(back);
    CHECK(to_objects(back->model, back->nodes) == objects);
    CHECK(back->nodes == nodes(3));
    CHECK(std::ranges::is_sorted(objects, {}, [](const Object& o) { return std::pair(o.kind, o.name); }));
    model::Model m = model_of(yaml);
    REQUIRE(back->model.services.size() == m.services.size());
    for (size_t i = 0; i < m.services.size(); ++i) CHECK(back->model.services[i].at == m.services[i].at);
    for (size_t i = 0; i < m.routes.size(); ++i)
      CHECK(back->model.routes[i].service_at == m.routes[i].service_at);
    for (size_t i = 0; i < m.policy.rules.size(); ++i)
      CHECK(back->model.policy.rules[i].at == m.policy.rules[i].at);
    CHECK(back->model.policy.default_at == m.policy.default_at);
    CHECK(back->model.tests.empty());
  }
}

TEST_CASE("a line inserted above changes the layout only") {
  auto before = objects_of(example()), after = objects_of("# a new first line\n" + example());
  Delta d = diff(before, after);
  CHECK(d.removed.empty());
  REQUIRE(d.changed.size() == 1);
  CHECK(d.changed[0].kind == "layout");
  CHECK(from_objects(after)->model.services[0].at.line ==
        from_objects(before)->model.services[0].at.line + 1);
}

TEST_CASE("a difference applied to the old gives the new") {
  FastRandom random(5);
  for (int round = 0; round < 200; ++round) {
    auto list = [&] {
      std::vector<Object> out;
      for (int i = 0; i < 20; ++i)
        if (random.below(2))
          out.push_back({i < 10 ? "route" : "service", "x" + std::to_string(i),
                         "{\"v\":" + std::to_string(random.below(3)) + "}"});
      std::ranges::sort(out, {}, [](const Object& o) { return std::pair(o.kind, o.name); });
      return out;
    };
    auto from = list(), to = list();
    Delta d = diff(from, to);
    CHECK(meshd::apply(from, d) == to);
    CHECK(diff(to, to).empty());
    CHECK(d.changed.size() <= to.size());
  }
}

TEST_CASE("a stored snapshot reads back, and damage is found") {
  StoredSnapshot s{Revision{41}, objects_of(example())};
  std::string text = encode_snapshot(s);
  auto back = decode_snapshot(text);
  REQUIRE(back);
  CHECK(back->revision == Revision{41});
  CHECK(back->objects == s.objects);
  CHECK(text.starts_with("{\"format\":\"meshd-snapshot\",\"objects\":"));

  CHECK_FALSE(decode_snapshot(""));
  CHECK_FALSE(decode_snapshot("{}\n"));
  CHECK_FALSE(decode_snapshot("garbage\n"));
  CHECK_FALSE(decode_snapshot(text.substr(0, text.size() - 1)));
  size_t last_line = text.rfind('\n', text.size() - 2) + 1;
  CHECK_FALSE(decode_snapshot(text.substr(0, last_line)));
  std::string newer = text;
  newer.replace(newer.find("\"version\":1"), 11, "\"version\":2");
  CHECK(decode_snapshot(newer).error().code == Errc::unsupported_version);
}

TEST_CASE("objects that do not fit together are refused with their name") {
  auto objects = objects_of(kRich);
  auto find = [](std::vector<Object>& list, std::string_view kind) -> Object& {
    return *std::ranges::find(list, kind, &Object::kind);
  };
  struct {
    const char* kind;
    const char *from, *to;  // in its JSON
    const char* error;
  } const cases[] = {
      {"rule", "\"effect\":\"deny\"", "\"effect\":\"deny\",\"unless\":1", "rule r: unknown member 'unless'"},
      {"rule", "\"effect\":\"deny\"", "\"effect\":\"shadow\"", "rule r: unknown word 'shadow' for 'effect'"},
      {"rule", "\"effect\":\"deny\",", "", "rule r: member 'effect' has a wrong value"},
      {"service", "\"port\":80}", "\"port\":80000}", "service web: member 'port' has a wrong value"},
      {"service", "\"name\":\"web\"", "\"name\":\"wab\"", "service web: it has another name"},
      {"layout", "[\"web\",", "[\"wab\",", "service wab is missing"},
      {"layout", "\"rules\":[", "\"rules\":[3,", "layout: member 'rules' has a wrong value"},
  };
  for (const auto& c : cases) {
    INFO(c.error);
    auto copy = objects;
    std::string& json = find(copy, c.kind).json;
    REQUIRE(json.contains(c.from));
    json.replace(json.find(c.from), std::string_view(c.from).size(), c.to);
    auto r = from_objects(copy);
    REQUIRE_FALSE(r);
    CHECK(r.error().what == c.error);
  }
  auto unknown = objects;
  unknown.push_back({"gadget", "x", "{}"});
  CHECK(from_objects(unknown).error().what == "objects of kind gadget are unknown to this version");
  auto twice = objects;
  twice.push_back(twice.back());
  CHECK_FALSE(from_objects(twice));
  CHECK_FALSE(from_objects({}));
}

TEST_CASE("damaged snapshots never crash the decoder") {
  FastRandom random(9);
  const std::string text = encode_snapshot({Revision{1}, objects_of(kRich)});
  for (int round = 0; round < 3000; ++round) {
    std::string t = text;
    for (uint32_t n = random.below(4) + 1; n--;)
      t[random.below(static_cast<uint32_t>(t.size()))] = static_cast<char>(random.below(256));
    auto s = decode_snapshot(t);
    if (s)
      if (auto d = from_objects(s->objects)) compile(d->model, d->nodes, s->revision);
  }
}

}  // namespace meshd::testing
