// SPDX-License-Identifier: Apache-2.0
#include "control/file_tests.h"

#include <catch2/catch_test_macros.hpp>

namespace meshd {
namespace {

FileTests run(const std::string& tests) {
  auto parsed = model::parse_config(
      "version: 1\n"
      "mesh: { name: t, trust_domain: t.mesh }\n"
      "services:\n"
      "  web: { instances: [{ node: n1, port: 80, tags: { v: a } }, { node: n2, port: 80, tags: { v: b } }] "
      "}\n"
      "  batch: { instances: [{ node: n1, any_local: true }] }\n"
      "routes:\n"
      "  - { name: to-a, service: web, match: { path: { prefix: /a } }, to: [{ tags: { v: a } }] }\n"
      "  - { name: split, service: web, to: [{ tags: { v: a }, weight: 1 }, { tags: { v: b }, weight: 1 }] "
      "}\n"
      "policy:\n"
      "  default: deny\n"
      "  rules: [{ name: batch-web, allow: { from: [service/batch], to: web, methods: [GET] } }]\n"
      "tests:\n" +
      tests);
  REQUIRE(parsed.model);
  return run_file_tests(*parsed.model);
}

}  // namespace

TEST_CASE("expectations that hold pass") {
  auto r =
      run("  - { from: batch, request: 'GET http://web/a/x', expect: { route: to-a, allowed_by: batch-web, "
          "to: { v: a } } }\n"
          "  - { from: batch, request: 'POST http://web/', expect: { denied_by: default, route: split } }\n");
  for (const auto& f : r.failures) UNSCOPED_INFO(f.message);
  CHECK(r.passed == 2);
  CHECK(r.failures.empty());
}

TEST_CASE("an expectation that does not hold says what was expected and what came, at the test's place") {
  auto r =
      run("  - { from: batch, request: 'GET http://web/b', expect: { route: to-a, denied_by: default, to: { "
          "v: b } } }\n");
  CHECK(r.passed == 0);
  REQUIRE(r.failures.size() == 3);
  CHECK(r.failures[0].message.find("expected denied by default, got allowed by rule=batch-web") !=
        std::string::npos);
  CHECK(r.failures[1].message.find("expected route to-a, got route=split") != std::string::npos);
  CHECK(r.failures[2].message.find("got one with {v=a}") != std::string::npos);
  CHECK(r.failures[0].at.line == 13);
}

}  // namespace meshd
