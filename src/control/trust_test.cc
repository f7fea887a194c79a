// SPDX-License-Identifier: Apache-2.0
// trust_test.cc: what the server says of trust, and what a node makes of it.
#include <catch2/catch_test_macros.hpp>

#include "base/file.h"
#include "control/node_trust.h"
#include "control/recover.h"
#include "control/root_rotation.h"
#include "control/server_kit.h"
#include "control/server_state.h"
#include "tls/verify_svid.h"

namespace meshd {
namespace {

// A server with its trust desk and its rotation; nodes are what the registry was told of them.
struct Desk : TestServer {
  StateDir state{dir / "state"};
  std::unique_ptr<ServerIdentity> identity;
  std::unique_ptr<TrustDesk> trust;
  std::unique_ptr<RootRotation> rotation;
  SpiffeId id = server_id(kDomain, "n1");

  Desk() {
    must(make_private_dir(state.root()));
    must(make_private_dir(state.identities()));
    open();
  }
  void open() {
    identity = std::move(
        *ServerIdentity::load({state, *store, *authority, clock, id, [] { return UnixSeconds{0}; }}));
    trust = std::move(*TrustDesk::load({*store, *authority, clock, id, "n1"}));
    rotation = std::make_unique<RootRotation>(
        RootRotation::Parts{*store, *authority, *registry, *identity, *trust, clock});
    rotation->tick();
  }
  // kill -9, and a new process.
  void killed() {
    rotation.reset();
    trust.reset();
    identity.reset();
    certificates.reset();
    join.reset();
    distributor.reset();
    publisher.reset();
    registry.reset();
    store.reset();
    authority.reset();
    authority.emplace(*Authority::load(dir / "ca", clock.unix_now()));
    begin();
    open();
  }
  void says(const std::string& node, bool renewed = true) {
    registry->hello(node, {.trust_number = trust->number(), .under = renewed ? authority->pin() : "old"});
  }
  RotationPhase phase() const { return authority->rotation().phase; }
  NodeFile node_file(const std::string& name) {
    return {.node = name,
            .address = "127.0.0.1",
            .trust_domain = kDomain,
            .server_id = id.uri(),
            .control = "127.0.0.1:1"};
  }
};

}  // namespace

TEST_CASE("a root rotation waits for every node in each phase, and goes on after kill -9 in any") {
  Desk d;
  d.add_node("n1");
  d.add_node("n2");
  std::string before = d.authority->pin();
  REQUIRE(d.rotation->begin("test", false).has_value());
  d.killed();
  REQUIRE(d.phase() == RotationPhase::distribute);
  REQUIRE(d.rotation->waiting().size() == 2);
  d.says("n1", false);
  d.rotation->tick();
  REQUIRE(d.phase() == RotationPhase::distribute);
  REQUIRE(d.rotation->waiting().at(0).node == "n2");
  d.says("n2", false);

  // Killed right after the switch was written down: the server's own certificate is still of the old root.
  REQUIRE(d.authority->advance_rotation(d.clock.unix_now()).has_value());
  REQUIRE(d.phase() == RotationPhase::switching);
  d.killed();
  REQUIRE(d.phase() == RotationPhase::renew);
  REQUIRE(d.authority->pin() != before);
  auto alone = TrustBundle::make(kDomain, {d.authority->root()}).value();
  REQUIRE(verify_svid(d.identity->identity().chain, alone, {.now = d.clock.unix_now()}).has_value());

  d.says("n1");
  d.says("n2", false);
  d.rotation->tick();
  REQUIRE(d.phase() == RotationPhase::renew);
  d.killed();
  REQUIRE(d.phase() == RotationPhase::renew);
  d.says("n1");
  d.says("n2");
  d.rotation->tick();
  REQUIRE(d.phase() == RotationPhase::retire);
  REQUIRE(d.authority->bundle().roots().size() == 1);
  d.killed();
  REQUIRE(d.phase() == RotationPhase::retire);
  d.says("n1");
  d.says("n2");
  d.rotation->tick();
  REQUIRE(d.phase() == RotationPhase::none);
  REQUIRE(d.store->audit().verify().has_value());
}

TEST_CASE("a forced rotation waits for those who are here, and names the others") {
  Desk d;
  d.add_node("n1");
  d.add_node("n2");
  d.says("n1");
  REQUIRE(d.rotation->begin("test", false).has_value());
  REQUIRE(d.phase() == RotationPhase::distribute);
  d.says("n1", false);
  d.rotation->tick();
  REQUIRE(d.phase() == RotationPhase::distribute);
  REQUIRE(d.rotation->force("test").has_value());
  REQUIRE(d.phase() == RotationPhase::renew);
  bool named = false;
  for (const auto& w : d.rotation->waiting()) named |= w.node == "n2" && w.away && w.skipped;
  REQUIRE(named);
  d.says("n1");
  d.rotation->tick();
  REQUIRE(d.phase() == RotationPhase::retire);
  d.says("n1");
  d.rotation->tick();
  REQUIRE(d.phase() == RotationPhase::none);
}

TEST_CASE("a node takes what its server signed, nothing else, and nothing older") {
  Desk d;
  StateDir at(d.dir / "node");
  must(make_private_dir(at.root()));
  NodeFile file = d.node_file("n2");
  TrustBundle bundle = d.authority->bundle();
  NodeTrust node(at, file);
  SealedTrust first = d.trust->sealed();
  REQUIRE(node.take(first, bundle).has_value());
  REQUIRE(d.trust->deny({.kind = "identity", .value = service_id(kDomain, "web").uri(), .who = "test"})
              .has_value());
  d.clock.advance(seconds(5));
  REQUIRE(d.trust->publish(d.identity->identity()).has_value());
  SealedTrust second = d.trust->sealed();
  REQUIRE(second.number > first.number);
  REQUIRE(node.take(second, bundle).has_value());
  REQUIRE(node.denied()->has_id(service_id(kDomain, "web").uri()));
  REQUIRE(node.take(first, bundle).error().code == Errc::conflict);

  // Signed by a node, or changed in any byte of text or signature.
  Identity other = *make_identity(*d.store, *d.authority, d.clock, node_id(kDomain, "n3"), 0);
  TrustDoc forged = node.doc();
  forged.number += 100;
  forged.denied = {};
  REQUIRE(node.take(*seal_trust(forged, other), bundle).error().code == Errc::identity);
  for (size_t i = 0; i < second.text.size(); ++i) {
    SealedTrust bad = second;
    bad.text[i] = static_cast<char>(bad.text[i] ^ 1);
    REQUIRE_FALSE(node.take(bad, bundle).has_value());
  }
  REQUIRE(node.denied()->ids.size() == 1);

  // From the disk: whole, or its copy; long after the signer's certificate has ended.
  d.clock.advance(seconds(90 * 86400));
  std::string path = at.root() + "/trust";
  std::string good = read_file(path, 1 << 20).value();
  for (size_t i = 0; i < good.size(); i += 7) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 2);
    must(write_file(path, bad));
    NodeTrust again(at, file);
    again.load(bundle);
    REQUIRE(again.number() == second.number);
    REQUIRE(again.denied()->ids.size() == 1);
  }
  must(write_file(path + ".copy", "x"));
  must(write_file(path, "x"));
  NodeTrust none(at, file);
  none.load(bundle);
  REQUIRE(none.number() == 0);
  REQUIRE_FALSE(none.problem().empty());
}

TEST_CASE("what is said keeps its number over a restart, and a changed row of what is denied is found") {
  Desk d;
  REQUIRE(d.trust->deny({.kind = "node", .value = "n2", .who = "test"}).has_value());
  REQUIRE(d.trust->publish(d.identity->identity()).has_value());
  uint64_t number = d.trust->number();
  d.killed();
  REQUIRE(d.trust->number() == number);
  REQUIRE(d.trust->denied()->has_id(node_id(kDomain, "n2").uri()));
  REQUIRE(d.trust->lift("node", "n2", "test").has_value());
  REQUIRE(d.trust->lift("node", "n2", "test").error().code == Errc::not_found);
  REQUIRE(d.trust->denied()->empty());

  for (const char* kind : {"serial", "identity", "node", "colour"})
    REQUIRE_FALSE(d.trust->deny({.kind = kind, .value = "../x", .who = "test"}).has_value());
  REQUIRE(d.trust->deny({.kind = "identity", .value = d.id.uri(), .who = "test"}).error().code ==
          Errc::conflict);
  REQUIRE(d.trust->deny({.kind = "node", .value = "n1", .who = "test"}).error().code == Errc::conflict);
  REQUIRE(d.trust->deny({.kind = "serial", .value = d.authority->issuing().serial(), .who = "test"})
              .error()
              .code == Errc::conflict);
  REQUIRE(d.trust->deny({.kind = "serial", .value = d.identity->certificate().serial(), .who = "test"})
              .error()
              .code == Errc::conflict);
}

TEST_CASE("a node whose certificate has ended comes back by its key, and nobody else does") {
  Desk d;
  d.add_node("n2");
  RecoverDesk desk(
      {*d.store, *d.authority, *d.registry, *d.trust, d.clock, d.id, [] { return UnixSeconds{60}; }});
  Identity held = *make_identity(*d.store, *d.authority, d.clock, node_id(kDomain, "n2"), 60);
  Identity other = *make_identity(*d.store, *d.authority, d.clock, node_id(kDomain, "n3"), 60);
  Identity service = *make_identity(*d.store, *d.authority, d.clock, service_id(kDomain, "batch"), 60);
  d.clock.advance(seconds(3600));
  std::string csr = make_csr(*KeyPair::generate()).value();
  UnixSeconds now = d.clock.unix_now();
  auto ask = [&](const Identity& who, UnixSeconds at) { return *recovery_request(who, csr, d.id.uri(), at); };
  auto answer = desk.recover(ask(held, now), "10.0.0.1");
  REQUIRE(answer.has_value());
  auto chain = CertificateChain::from_pem(text_of(list_of(*answer, "certificates").at(0), "chain")).value();
  REQUIRE(*verify_svid(chain, d.authority->bundle(), {.now = now}) == held.id);

  REQUIRE(desk.recover(ask(other, now), "").error().code == Errc::denied);    // not in the mesh
  REQUIRE(desk.recover(ask(service, now), "").error().code == Errc::denied);  // not a node
  REQUIRE(desk.recover(ask(held, now - 301), "").error().code == Errc::invalid_argument);
  Identity thief = held;
  thief.key = std::make_shared<const KeyPair>(KeyPair::generate().value());
  REQUIRE(desk.recover(ask(thief, now), "").error().code == Errc::denied);
  Json changed = ask(held, now);
  changed.get<JsonObject>()["csr"] = json(make_csr(*KeyPair::generate()).value());
  REQUIRE(desk.recover(changed, "").error().code == Errc::denied);
  REQUIRE(desk.recover(*recovery_request(held, csr, "spiffe://other.mesh/x", now), "").error().code ==
          Errc::denied);
  REQUIRE(desk.recover(Json(JsonObject{}), "").error().code == Errc::denied);
  REQUIRE(d.trust->deny({.kind = "serial", .value = held.chain.leaf().serial(), .who = "test"}).has_value());
  REQUIRE(desk.recover(ask(held, now), "").error().code == Errc::denied);
  REQUIRE(d.trust->lift("serial", held.chain.leaf().serial(), "test").has_value());
  d.clock.advance(seconds(kRecoverWindow));
  REQUIRE(desk.recover(ask(held, d.clock.unix_now()), "").error().code == Errc::denied);
}

}  // namespace meshd
