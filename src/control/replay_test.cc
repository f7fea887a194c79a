// SPDX-License-Identifier: Apache-2.0
#include "control/replay.h"

#include <catch2/catch_test_macros.hpp>

#include "control/file_tests.h"
#include "model/config.h"

namespace meshd {
namespace {

SnapshotPtr snapshot_of(const std::string& policy, const std::string& arms = "{ tags: { v: a }, weight: 9 }",
                        const std::string& first = "path: { prefix: /v2 }", const std::string& more = "") {
  auto parsed = model::parse_config(
      "mesh: { name: m, trust_domain: mesh.internal }\n"
      "services:\n"
      "  web: { instances: [{ node: n1, port: 1, tags: { v: a } }, { node: n2, port: 1, tags: { v: b } }] }\n"
      "  shop: { instances: [{ node: n1, any_local: true }] }\n"
      "routes:\n"
      "  - { name: first, service: web, match: { " +
      first +
      " }, to: [{ tags: { v: b } }] }\n"
      "  - { name: rest, service: web, to: [" +
      arms + "]" + more + " }\npolicy:\n  default: deny\n  rules:\n" + policy);
  REQUIRE(parsed.model);
  return compile(*parsed.model, imagined_nodes(*parsed.model), {});
}

const std::string kAllow = "    - { name: shop, allow: { from: [shop], to: web } }\n";
const std::string kHead =
    R"({"time":"2026-01-01T00:00:00.000Z","source":"spiffe://mesh.internal/ns/default/sa/shop","service":"web",)";
const std::string kIn = kHead + R"("direction":"inbound",)", kOut = kHead + R"("direction":"outbound",)";

struct Case {
  SnapshotPtr after;
  std::string line;
  std::vector<std::string> kinds;  // of the request's differences
};

}  // namespace

TEST_CASE("a recorded request shows what another file would change of it") {
  auto before = snapshot_of(kAllow);
  std::string no_admin = "    - { name: no-admin, deny: { to: web, paths: [/admin/**] } }\n";
  std::string audit = "    - { name: no-admin, mode: audit, deny: { to: web, paths: [/admin/**] } }\n";
  std::string other = "    - { name: other, allow: { from: [shop], to: web } }\n";
  std::string header = "headers: { x-canary: { exact: \"1\" } }";
  std::string x = R"("method":"GET","path":"/x?q=1")", admin = R"("method":"GET","path":"/admin/1")";
  const Case cases[] = {
      {snapshot_of(kAllow), kIn + x + "}", {}},
      // Where rules stand is no difference.
      {snapshot_of(no_admin + kAllow), kIn + x + "}", {}},
      {snapshot_of(no_admin + kAllow), kIn + admin + "}", {"denied"}},
      {snapshot_of(audit + kAllow), kIn + admin + "}", {"audit"}},
      {snapshot_of(other), kIn + x + "}", {"rule"}},
      {snapshot_of(kAllow), kOut + x + "}", {}},
      {snapshot_of(no_admin + kAllow), kOut + admin + "}", {"denied"}},
      {snapshot_of(kAllow, "{ tags: { v: a } }, { tags: { v: b } }"), kOut + x + "}", {"arms"}},
      // The same shares in other numbers.
      {snapshot_of(kAllow, "{ tags: { v: a }, weight: 3 }"), kOut + x + "}", {}},
      {snapshot_of(kAllow, "{ tags: { v: a }, weight: 9 }", "path: { prefix: /x }"),
       kOut + x + "}",
       {"route"}},
      {snapshot_of(kAllow, "{ tags: { v: a } }", "path: { prefix: /v2 }", ", timeout: { request: 1s }"),
       kOut + x + "}",
       {"actions"}},
      {snapshot_of(kAllow, "{ tags: { v: a } }", header + ", path: { prefix: /v2 }"),
       kOut + R"("method":"GET","path":"/v2/a","headers":{"x-canary":"1"}})",
       {}},
      {snapshot_of(kAllow, "{ tags: { v: a } }", header + ", path: { prefix: /v2 }"),
       kOut + R"("method":"GET","path":"/v2/a","headers":{"x-canary":null}})",
       {"route"}},
      // What was asked decides, not what was sent.
      {snapshot_of(kAllow, "{ tags: { v: a } }", "path: { prefix: /v3 }"),
       kOut + R"("method":"GET","path":"/sent","asked_path":"/v2/a"})",
       {"route"}},
  };
  for (const Case& c : cases) {
    INFO(c.line);
    Replay replay(before, c.after);
    replay.line(c.line);
    Json report = replay.json_of();
    CHECK(int_of(report, "replayed") == 1);
    std::vector<std::string> kinds;
    for (const Json& r : list_of(report, "requests"))
      for (const Json& d : list_of(r, "differences")) kinds.push_back(text_of(d, "kind"));
    CHECK(kinds == c.kinds);
    CHECK(replay.changed() == (c.kinds.empty() ? 0 : 1));
  }
}

TEST_CASE("equal changes are one group that names both places") {
  Replay replay(snapshot_of(kAllow), snapshot_of("    - { name: x, allow: { from: [web], to: web } }\n"));
  for (int i = 0; i < 3; ++i) replay.line(kIn + R"("method":"GET","path":"/)" + std::to_string(i) + "\"}");
  Json report = replay.json_of();
  REQUIRE(list_of(report, "groups").size() == 1);
  const Json& g = list_of(report, "groups")[0];
  CHECK(int_of(g, "count") == 3);
  CHECK(text_of(g, "before") == "allow by rule shop (meshd.yaml:11:7)");
  CHECK(text_of(g, "after") == "deny by default (meshd.yaml:9:3)");
}

TEST_CASE("a line that says too little is counted by what it lacks, not guessed at") {
  auto s = snapshot_of(kAllow),
       header = snapshot_of(kAllow, "{ tags: { v: a } }", "headers: { h: { present: true } }");
  const char* lines[] = {
      "",
      "no json",
      "{}",
      R"({"direction":"inbound","method":"GET","path":"/"})",
      R"({"direction":"inbound","service":"web","method":"GET"})",
      "{\"direction\":\"inbound\",\"service\":\"web\",\"method\":\"GET\",\"path\":\"/\xef\xbf\xbd\"}",
      R"({"direction":"outbound","service":"web","method":"GET","path":"/"})",
  };
  Replay replay(s, header);
  for (const char* line : lines) replay.line(line);
  Json report = replay.json_of();
  CHECK(int_of(report, "read") == 7);
  CHECK(int_of(report, "replayed") == 0);
  CHECK(list_of(report, "not_replayed").size() == 7);
}

}  // namespace meshd
