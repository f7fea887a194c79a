// SPDX-License-Identifier: Apache-2.0
#include "control/identities.h"

#include <catch2/catch_test_macros.hpp>

#include "base/file.h"
#include "control/test_mesh.h"

namespace meshd {
namespace {

constexpr const char* kWebHere = "  web: { instances: [{ node: n1, port: 80 }] }\n";
constexpr const char* kWebThere = "  web: { instances: [{ node: n2, port: 80 }] }\n";

// A server that answers as told.
struct Server {
  TestMesh& mesh;
  FakeClock& clock;
  std::vector<Json> asked;
  std::string refusal;      // of the whole call
  int64_t clock_error = 0;  // what its clock is ahead
  UnixSeconds lifetime = 0;

  Task<Outcome<Json>> ask(Json body) {
    asked.push_back(body);
    if (!refusal.empty()) co_return fail(Errc::refused, refusal);
    co_return mesh.answer(body, clock.unix_now() + clock_error, lifetime);
  }
};

struct Fixture {
  FakeClock clock;
  ClockKeeper time{clock};
  TestMesh mesh{clock.unix_now()};
  Loop loop;
  Server server{mesh, clock};
  std::unique_ptr<Identities> identities = std::move(*Identities::load(mesh.state, mesh.node, time));
  int changes = 0;

  void start() {
    identities->start([this](Json body) { return server.ask(std::move(body)); },
                      [this](const NodeTls&) { ++changes; });
  }
  ~Fixture() {
    identities->stop();
    loop.run_until([&] { return loop.tasks() == 0; });
  }
  void clock_moves(nanoseconds by) {
    clock.advance(by);
    identities->clock_moved();
  }
  void prepare(SnapshotPtr s) {
    spawn(identities->prepare(std::move(s)));
    loop.run_until([&] { return loop.tasks() == 0; });
  }
  const Identities::State* state(std::string_view name) {
    states = identities->states();
    for (const auto& s : states)
      if (s.name == name) return &s;
    return nullptr;
  }
  std::vector<Identities::State> states;
};

}  // namespace

TEST_CASE("a workload that is placed here gets a certificate with a key made here, kept on disk") {
  Fixture f;
  f.start();
  f.prepare(compiled(objects_of(kWebHere)));
  REQUIRE(f.server.asked.size() == 1);
  REQUIRE(to_text(f.server.asked[0]).find("PRIVATE") == std::string::npos);
  REQUIRE(f.changes == 1);
  REQUIRE(f.state("svc.web"));
  CHECK(f.state("svc.web")->state == CertState::good);
  CHECK(f.identities->tls().server->identity(service_id("t.mesh", "web")) != nullptr);
  CHECK(f.identities->tls().server->settings().identities.front().id == node_id("t.mesh", "n1"));
  CHECK(check_private_file(f.mesh.state.key_of("svc.web")));
  auto again = Identities::load(f.mesh.state, f.mesh.node, f.time);
  REQUIRE(again);
  CHECK((*again)->states().size() == 2);
}

TEST_CASE("nothing is asked for what is there already, and a workload that goes away is forgotten") {
  Fixture f;
  f.start();
  f.prepare(compiled(objects_of(kWebHere)));
  f.prepare(compiled(objects_of(kWebHere), 2));
  CHECK(f.server.asked.size() == 1);
  f.identities->settle(*compiled(objects_of(kWebThere), 3));
  CHECK(f.state("svc.web") == nullptr);
  CHECK_FALSE(exists(f.mesh.state.key_of("svc.web")));
  CHECK(f.changes == 2);
  CHECK(f.identities->tls().server->identity(service_id("t.mesh", "web")) == nullptr);
}

TEST_CASE("certificates are renewed at about half life, all in one request") {
  Fixture f;
  f.start();
  f.prepare(compiled(objects_of(kWebHere)));
  std::string before = f.state("node")->serial;
  f.clock_moves(std::chrono::hours(15));
  f.loop.run_until([&] { return f.server.asked.size() == 2 && f.loop.tasks() == 0; });
  CHECK(list_of(f.server.asked[1], "requests").size() == 2);
  CHECK(f.state("node")->serial != before);
  CHECK(f.state("node")->problem.empty());
  CHECK(load_identity(f.mesh.state, kNodeIdentity)->chain.leaf().serial() == f.state("node")->serial);
}

TEST_CASE("a failed or odd renewal never replaces a good certificate, and is tried again") {
  Fixture f;
  f.start();
  std::string before = f.state("node")->serial;
  f.clock_moves(std::chrono::hours(15));
  SECTION("the server cannot be reached") { f.server.refusal = "nobody answers"; }
  SECTION("what it sends ends sooner than what is there") { f.server.lifetime = 3600; }
  SECTION("its clock is far away") { f.server.clock_error = 3600; }
  f.loop.run_until([&] { return !f.server.asked.empty() && f.loop.tasks() == 0; });
  REQUIRE(f.state("node"));
  CHECK(f.state("node")->serial == before);
  CHECK_FALSE(f.state("node")->problem.empty());
  CHECK(f.state("node")->next_try > f.clock.unix_now());
  CHECK(f.changes == 0);

  f.server.refusal.clear();
  f.server.lifetime = 0;
  f.server.clock_error = 0;
  f.clock_moves(std::chrono::minutes(10));
  f.loop.run_until([&] { return f.changes == 1 && f.loop.tasks() == 0; });
  CHECK(f.state("node")->serial != before);
  CHECK(f.state("node")->problem.empty());
}

TEST_CASE("a node without its own certificate cannot start, one with a damaged workload's can") {
  Fixture f;
  f.start();
  f.prepare(compiled(objects_of(kWebHere)));
  REQUIRE(write_file(f.mesh.state.chain_of("svc.web"), "garbage"));
  auto without = Identities::load(f.mesh.state, f.mesh.node, f.time);
  REQUIRE(without);
  CHECK((*without)->states().size() == 1);
  remove_identity(f.mesh.state, kNodeIdentity);
  auto none = Identities::load(f.mesh.state, f.mesh.node, f.time);
  REQUIRE_FALSE(none);
  CHECK(none.error().what.find("meshd join") != std::string::npos);
}

}  // namespace meshd
