// SPDX-License-Identifier: Apache-2.0
#include "control/learn.h"

#include <catch2/catch_test_macros.hpp>

#include "control/file_tests.h"
#include "model/config.h"

namespace meshd {
namespace {

SnapshotPtr with_policy(const std::string& policy) {
  auto parsed = model::parse_config(
      "mesh: { name: m, trust_domain: m }\nservices:\n"
      "  web: { instances: [{ node: n1, port: 1 }] }\n  db: { protocol: tcp, instances: [{ node: n1, port: 2 "
      "}] }\n"
      "  shop: { instances: [{ node: n1, any_local: true }] }\n" +
      policy);
  REQUIRE(parsed.model);
  return compile(*parsed.model, imagined_nodes(*parsed.model), {});
}

const std::string kShop = "spiffe://m/ns/default/sa/shop", kNode = "spiffe://m/ns/meshd-system/sa/node.n1";

SeenFlow flow(const std::string& caller, const std::string& service, const std::string& method,
              const std::string& path, const std::string& example) {
  return {caller, service, 80, method, path, example, 1, 100, 200};
}

}  // namespace

TEST_CASE("a learned policy allows every flow that was seen, and nothing beside them") {
  std::vector<SeenFlow> flows{
      flow(kShop, "web", "GET", "/", "/"),
      flow(kShop, "web", "GET", "/users/*", "/users/7"),
      flow(kShop, "web", "GET", "/users/alice", "/users/alice"),
      flow(kShop, "web", "POST", "/users/*", "/users/8"),
      flow(kShop, "web", "GET", "/odd\"name", "/odd\"name"),
      flow(kNode, "web", "GET", "/health", "/health"),
      flow(kShop, "db", "", "", ""),
      flow(kShop, "web", "DELETE", "/deep/**", "/deep/a/b"),
  };
  std::string text = learned_policy("m", flows);
  INFO(text);
  auto learned = with_policy(text);
  CHECK(broken_by(*learned, flows).empty());
  std::vector<SeenFlow> others{
      flow(kNode, "web", "GET", "/", "/"),
      flow(kShop, "web", "POST", "/", "/"),
      flow(kShop, "web", "GET", "/users/*", "/users/7/orders"),
      flow(kShop, "web", "POST", "", "/health"),
      flow(kNode, "db", "", "", ""),
      flow("spiffe://m/ns/default/sa/other", "web", "GET", "/", "/"),
      flow("", "web", "GET", "/", "/"),
      flow(kShop, "web", "GET", "/deep/**", "/deep/a"),
  };
  CHECK(broken_by(*learned, others).size() == others.size());
  // What a wider shape takes is not repeated.
  CHECK_FALSE(text.contains("alice"));
}

TEST_CASE("what no rule can say is left as a comment, and the section stays good") {
  std::string text = learned_policy("m", {flow("spiffe://far/ns/x/sa/y", "web", "GET", "/", "/"),
                                          flow(kShop, "web", "GET", "/back\\slash", "/back\\slash")});
  CHECK(text.contains("# not said: service/shop to web GET /back"));
  CHECK(text.contains("# not said: spiffe://far/ns/x/sa/y to web GET /"));
  with_policy(text);
}

TEST_CASE("a simulation names the line that would break a flow") {
  auto s = with_policy(
      "policy:\n  rules:\n    - { name: shop, allow: { from: [shop], to: web } }\n"
      "    - { name: no-admin, deny: { to: web, paths: [/admin/**] } }\n");
  std::vector<SeenFlow> flows{flow(kShop, "web", "GET", "/x", "/x"),
                              flow(kShop, "web", "GET", "/admin/*", "/admin/1"),
                              flow(kShop, "gone", "GET", "/x", "/x")};
  auto broken = broken_by(*s, flows);
  REQUIRE(broken.size() == 2);
  CHECK(broken[0].flow == &flows[1]);
  CHECK(broken[0].why == "deny by rule no-admin (meshd.yaml:9:7)");
  CHECK(broken[1].why == "there is no service gone");
}

}  // namespace meshd
