// SPDX-License-Identifier: Apache-2.0
#include "tls/verified_chains.h"

#include <catch2/catch_test_macros.hpp>

#include "tls/peers_test.h"

namespace meshd {
namespace {

struct Counted {
  Outcomes outcomes;
  size_t verified, known;
};

Counted shake_counted(Loop& loop, const Mesh& mesh, const Identity& web, const Identity& db) {
  VerifiedChainCounts before = verified_chain_counts();
  Outcomes o =
      shake(loop, *TlsContext::client(mesh.settings({web})), *TlsContext::server(mesh.settings({db})));
  VerifiedChainCounts after = verified_chain_counts();
  return {std::move(o), after.verified - before.verified, after.known - before.known};
}

}  // namespace

TEST_CASE("a chain's signatures are verified once, and who it is each time") {
  Mesh mesh;
  Identity web = mesh.service("web"), db = mesh.service("db");
  Loop loop;
  Counted first = shake_counted(loop, mesh, web, db);
  REQUIRE(first.outcomes.client);
  REQUIRE(first.outcomes.server);
  CHECK(first.verified == 2);  // each side the other's
  CHECK(first.known == 0);
  Counted second = shake_counted(loop, mesh, web, db);
  REQUIRE(second.outcomes.client);
  REQUIRE(second.outcomes.server);
  CHECK(second.verified == 0);
  CHECK(second.known == 2);
  CHECK((*second.outcomes.client)->peer_id() == db.id);
  CHECK((*second.outcomes.server)->peer_id() == web.id);

  Counted other = shake_counted(loop, mesh, mesh.service("web"), db);
  REQUIRE(other.outcomes.server);
  CHECK(other.verified == 1);  // the same name, another certificate
  CHECK(other.known == 1);
}

TEST_CASE("a known chain that has expired since is refused") {
  Mesh mesh;
  Identity web = mesh.identity(service_id("td.example", "web"), 600), db = mesh.service("db");
  Loop loop;
  REQUIRE(shake_counted(loop, mesh, web, db).outcomes.server);
  // A caller whose clock stands still goes on showing it.
  FakeClock still;
  still.set_unix(mesh.clock.unix_now());
  TlsSettings asking = mesh.settings({web});
  asking.clock = &still;
  mesh.clock.advance(milliseconds(601'000));
  VerifiedChainCounts before = verified_chain_counts();
  Outcomes o = shake(loop, *TlsContext::client(std::move(asking)), *TlsContext::server(mesh.settings({db})));
  CHECK(verified_chain_counts().known > before.known);
  REQUIRE_FALSE(o.server);
  CHECK(std::string(o.server.error().why) == "the peer's certificate has expired");
}

TEST_CASE("a known chain is not known under other roots") {
  Mesh mesh, foreign;
  Identity web = mesh.service("web"), db = mesh.service("db");
  Loop loop;
  REQUIRE(shake_counted(loop, mesh, web, db).outcomes.server);
  TlsSettings settings = foreign.settings({foreign.service("db")});
  VerifiedChainCounts before = verified_chain_counts();
  TlsSettings asking = mesh.settings({web});
  asking.bundle = foreign.bundle;
  Outcomes o = shake(loop, *TlsContext::client(std::move(asking)), *TlsContext::server(std::move(settings)));
  REQUIRE_FALSE(o.server);
  CHECK(std::string(o.server.error().why) == "the peer's certificate is not signed by a trusted CA");
  CHECK(verified_chain_counts().known == before.known);
}

TEST_CASE("a chain that was refused is not known") {
  Mesh mesh, foreign;
  Identity web = foreign.service("web"), db = mesh.service("db");
  Loop loop;
  for (int i = 0; i < 2; ++i) {
    TlsSettings asking = foreign.settings({web});
    asking.bundle = mesh.bundle;
    VerifiedChainCounts before = verified_chain_counts();
    Outcomes o =
        shake(loop, *TlsContext::client(std::move(asking)), *TlsContext::server(mesh.settings({db})));
    REQUIRE_FALSE(o.server);
    CHECK(verified_chain_counts().verified > before.verified);
  }
}

}  // namespace meshd
