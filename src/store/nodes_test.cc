// SPDX-License-Identifier: Apache-2.0
// nodes_test.cc: nodes and the certificates issued to them.
#include "store/nodes.h"

#include <catch2/catch_test_macros.hpp>

#include "store/store.h"
#include "store/testing.h"

namespace meshd::store {

TEST_CASE("a node's record comes back, follows its reports, and goes when it is removed") {
  TempDir dir;
  FakeClock clock;
  auto store = Store::open(dir.file(), clock, fake_hash);
  REQUIRE(store);
  Nodes& nodes = (*store)->nodes();
  NodeRecord n2{.name = "n2",
                .address = "127.0.1.2",
                .mesh_port = 15008,
                .zone = "b",
                .spiffe_id = "spiffe://edge.mesh/ns/meshd-system/sa/node.n2",
                .joined_at = clock.unix_now(),
                .version = "0.1.0"};
  REQUIRE(nodes.upsert(n2));
  REQUIRE(nodes.upsert({.name = "n1", .address = "127.0.1.1", .mesh_port = 65535}));
  auto got = nodes.get("n2");
  REQUIRE(got);
  REQUIRE(*got);
  REQUIRE((*got)->address == "127.0.1.2");
  REQUIRE((*got)->mesh_port == 15008);
  REQUIRE((*got)->zone == "b");
  REQUIRE((*got)->spiffe_id == n2.spiffe_id);
  REQUIRE((*got)->joined_at == clock.unix_now());
  REQUIRE((*got)->last_seen == 0);
  REQUIRE((*got)->acked == Revision{0});

  clock.advance(std::chrono::seconds(30));
  REQUIRE(nodes.report({{"n2", {4}, R"({"ok":true})", "0.2.0"}, {"stranger", {4}, "", ""}}));
  got = nodes.get("n2");
  REQUIRE((*got)->last_seen == clock.unix_now());
  REQUIRE((*got)->acked == Revision{4});
  REQUIRE((*got)->state == R"({"ok":true})");
  REQUIRE((*got)->version == "0.2.0");
  REQUIRE((*got)->joined_at == clock.unix_now() - 30);

  auto list = nodes.list();
  REQUIRE(list->size() == 2);
  REQUIRE(list->at(0).name == "n1");
  REQUIRE(list->at(0).mesh_port == 65535);

  n2.address = "127.0.1.9";
  REQUIRE(nodes.upsert(n2));
  REQUIRE((*nodes.get("n2"))->address == "127.0.1.9");
  REQUIRE(nodes.remove("n2") == true);
  REQUIRE(nodes.remove("n2") == false);
  REQUIRE_FALSE(nodes.get("n2")->has_value());
}

TEST_CASE("issued certificates are listed newest first, by node, and pruned when they ended") {
  TempDir dir;
  FakeClock clock;
  auto store = Store::open(dir.file(), clock, fake_hash);
  REQUIRE(store);
  Certificates& certificates = (*store)->certificates();
  for (int i = 0; i < 4; ++i) {
    REQUIRE(certificates.record({.serial = "0" + std::to_string(i),
                                 .spiffe_id = "spiffe://edge.mesh/ns/default/sa/web",
                                 .node = i % 2 ? "n1" : "n2",
                                 .not_before = clock.unix_now() - 300,
                                 .not_after = clock.unix_now() + 100}));
    clock.advance(std::chrono::seconds(40));
  }
  auto again = certificates.record({.serial = "01"});
  REQUIRE_FALSE(again);
  REQUIRE(again.error().code == Errc::conflict);

  auto newest = certificates.list(3);
  REQUIRE(newest->size() == 3);
  REQUIRE(newest->at(0).serial == "03");
  REQUIRE(newest->at(0).issued_at == clock.unix_now() - 40);
  auto of_n2 = certificates.of_node("n2");
  REQUIRE(of_n2->size() == 2);
  REQUIRE(of_n2->at(0).serial == "02");
  REQUIRE(of_n2->at(1).serial == "00");
  REQUIRE(certificates.prune_expired(clock.unix_now()) == 2u);  // 160 s have passed: 00 and 01 ended
  REQUIRE(certificates.list(10)->size() == 2);
}

}  // namespace meshd::store
