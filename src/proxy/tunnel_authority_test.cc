// SPDX-License-Identifier: Apache-2.0
#include "proxy/tunnel_authority.h"

#include <catch2/catch_test_macros.hpp>

#include "snapshot/testing.h"

namespace meshd {
namespace {

SnapshotPtr mesh() {
  return testing::snapshot_of(
      "services:\n"
      "  web: { port: 80, instances: [{ node: n1, port: 8080 }, { node: n2, port: 8080 }] }\n"
      "  db: { protocol: tcp, port: 5432, instances: [{ node: n1, port: 5432 }] }\n");
}

}  // namespace

TEST_CASE("a tunnel's authority names a service and a port, or an address and a port of this node") {
  struct Case {
    const char *authority, *service;
    uint16_t port;
  };
  auto snapshot = mesh();
  for (const Case& c : std::vector<Case>{{"web:8080", "web", 8080},
                                         {"WEB.default.mesh.internal:8080", "web", 8080},
                                         {"web:1", "web", 1},
                                         {"10.0.0.1:5432", "db", 5432},
                                         {"[fd00::1]:8080", "web", 8080},
                                         {"10.0.0.1:9", "", 9},
                                         {"nobody:80", "nobody", 80}}) {
    INFO(c.authority);
    auto end = parse_tunnel(c.authority, *snapshot, "n1");
    REQUIRE(end);
    CHECK(end->service == c.service);
    CHECK(end->port == c.port);
  }
  CHECK(parse_tunnel("10.0.0.2:5432", *snapshot, "n2")->service.empty());
}

TEST_CASE("a tunnel's authority has one reading or none") {
  auto snapshot = mesh();
  for (std::string_view bad :
       {"", ":", "web", "web:", ":8080", "web:0", "web:65536", "web:8080 ", "web:+80", "web:80:8080",
        "web/x:8080", "a@web:8080", "[::1:8080", "::1:8080", "we%62:8080"}) {
    INFO(bad);
    CHECK(!parse_tunnel(bad, *snapshot, "n1"));
  }
  CHECK(!parse_tunnel(std::string_view("[::1\0]:8080", 11), *snapshot, "n1"));
}

}  // namespace meshd
