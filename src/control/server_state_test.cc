// SPDX-License-Identifier: Apache-2.0
#include "control/server_state.h"

#include <catch2/catch_test_macros.hpp>

#include "control/server_identity.h"
#include "control/server_kit.h"
#include "tls/verify_svid.h"

namespace meshd {

namespace {

InitOptions options_in(const TestDir& dir) {
  InitOptions o;
  o.state = dir / "s1";
  o.config = dir / "mesh.yaml";
  o.name = "n1";
  o.address = "127.0.1.1";
  return o;
}

}  // namespace

TEST_CASE("init makes a server, its first node, a starter file and a revision") {
  Loop loop;
  TestDir dir;
  FakeClock clock;
  InitOptions options = options_in(dir);
  options.token_lifetime = 60;
  auto made = init_server(options, clock);
  REQUIRE(made);
  CHECK(made->config_valid);
  CHECK(made->rendered.empty());
  CHECK(made->starter_written);
  CHECK(made->trust_domain == "mesh.internal");
  CHECK(made->control == "127.0.1.1:15012");
  CHECK(made->revision.value == 1);

  StateDir state(options.state);
  auto server = load_server_file(state);
  REQUIRE(server);
  CHECK(server->config == dir / "mesh.yaml");
  CHECK(server->control == made->control);
  auto node = load_node_file(state);
  REQUIRE(node);
  CHECK(node->server_id == server_id("mesh.internal", "n1").uri());
  CHECK(node->control == made->control);
  auto bundle = load_bundle(state, node->trust_domain);
  REQUIRE(bundle);
  for (auto name : {kNodeIdentity, kServerIdentity}) {
    auto identity = load_identity(state, name);
    REQUIRE(identity);
    CHECK(verify_svid(identity->chain, *bundle,
                      {.now = clock.unix_now(), .role = PeerRole::server, .ids = {}}));
  }
  auto authority = Authority::load(state.ca(), clock.unix_now());
  REQUIRE(authority);
  CHECK(authority->pin() == made->pin);
  auto token = JoinToken::parse(made->token);
  REQUIRE(token);
  CHECK(token->pin == made->pin);
  auto store = store::Store::open(state.database(), clock, sha256_hex);
  REQUIRE(store);
  CHECK((*store)->nodes().list()->size() == 1);
  CHECK((*store)->revisions().latest()->value().text == *read_file(options.config, 1 << 20));

  auto again = init_server(options, clock);
  REQUIRE(!again);
  CHECK(again.error().code == Errc::conflict);
}

TEST_CASE("a file that is there already is taken: its trust domain, its control address") {
  Loop loop;
  TestDir dir;
  FakeClock clock;
  InitOptions options = options_in(dir);
  std::string text = test_file() + "server: { control: \"127.0.1.1:15999\" }\n";
  REQUIRE(write_file(options.config, text));
  SECTION("as it is") {
    auto made = init_server(options, clock);
    REQUIRE(made);
    CHECK(made->trust_domain == "test.mesh");
    CHECK(made->control == "127.0.1.1:15999");
    CHECK(!made->starter_written);
    CHECK(made->rendered.find("no node 'n2' has joined") != std::string::npos);
    CHECK(*read_file(options.config, 1 << 20) == text);
  }
  SECTION("another trust domain than the one asked for is a conflict, and nothing is made") {
    options.trust_domain = "other.mesh";
    auto made = init_server(options, clock);
    REQUIRE(!made);
    CHECK(made.error().code == Errc::conflict);
    CHECK(!exists(options.state));
  }
  SECTION("a wrong file is told with its findings, and nothing is made") {
    REQUIRE(write_file(options.config, "servces: {}\n"));
    auto made = init_server(options, clock);
    REQUIRE(made);
    CHECK(!made->config_valid);
    CHECK(made->rendered.find("did you mean 'services'?") != std::string::npos);
    CHECK(!exists(options.state));
  }
}

TEST_CASE("options that cannot be are refused and nothing is made") {
  Loop loop;
  TestDir dir;
  FakeClock clock;
  struct Case {
    const char* what;
    void (*spoil)(InitOptions&);
  };
  for (const Case& c : {Case{"a name", [](InitOptions& o) { o.name = "N 1"; }},
                        Case{"an empty name", [](InitOptions& o) { o.name = ""; }},
                        Case{"an address", [](InitOptions& o) { o.address = "host"; }},
                        Case{"a control address", [](InitOptions& o) { o.control = "host:1"; }},
                        Case{"a trust domain", [](InitOptions& o) { o.trust_domain = "A B"; }},
                        Case{"a mesh name", [](InitOptions& o) { o.mesh_name = "a: b"; }},
                        Case{"a port", [](InitOptions& o) { o.mesh_port = 0; }}}) {
    INFO(c.what);
    InitOptions options = options_in(dir);
    c.spoil(options);
    auto made = init_server(options, clock);
    REQUIRE(!made);
    CHECK(made.error().code == Errc::invalid_argument);
    CHECK(!exists(options.state));
    CHECK(!exists(options.config));
  }
}

TEST_CASE("a starter that cannot be written takes the whole state with it") {
  Loop loop;
  TestDir dir;
  FakeClock clock;
  InitOptions options = options_in(dir);
  REQUIRE(write_file(dir / "file", "x"));
  options.config = dir / "file/mesh.yaml";  // below a file
  auto made = init_server(options, clock);
  REQUIRE(!made);
  CHECK(!exists(options.state));
}

TEST_CASE("names of the mesh reach the starter file") {
  Loop loop;
  TestDir dir;
  FakeClock clock;
  InitOptions options = options_in(dir);
  options.mesh_name = "edge";
  options.control = "127.0.1.1:16000";
  auto made = init_server(options, clock);
  REQUIRE(made);
  CHECK(made->trust_domain == "edge.mesh");
  CHECK(made->control == "127.0.1.1:16000");
  CHECK(made->rendered.empty());
}

TEST_CASE("the server renews its certificate at half life and mends a lost one") {
  Loop loop;
  TestDir dir;
  FakeClock clock;
  auto made = init_server(options_in(dir), clock);
  REQUIRE(made);
  StateDir state(dir / "s1");
  auto store = store::Store::open(state.database(), clock, sha256_hex);
  auto authority = Authority::load(state.ca(), clock.unix_now());
  REQUIRE(store);
  REQUIRE(authority);
  SpiffeId id = server_id(made->trust_domain, "n1");
  auto load = [&] {
    return ServerIdentity::load({state, **store, *authority, clock, id, [] { return UnixSeconds{1000}; }});
  };
  auto identity = load();
  REQUIRE(identity);
  CHECK((*identity)->certificate() == load_identity(state, kServerIdentity)->chain.leaf());
  auto before = (*identity)->context();
  (*identity)->tick();
  CHECK((*identity)->context() == before);

  SECTION("when it is due") {
    // The new one is short-lived by `lifetime`, so it replaces the old one only when it lasts longer: near its end.
    clock.advance(seconds(86'400 - 500));
    (*identity)->tick();
    CHECK((*identity)->context() != before);
    CHECK((*identity)->certificate() == load_identity(state, kServerIdentity)->chain.leaf());
    auto second = (*identity)->context();
    clock.advance(seconds(900));
    (*identity)->tick();
    CHECK((*identity)->context() != second);
  }
  SECTION("when it was lost") {
    remove_identity(state, kServerIdentity);
    auto next = load();
    REQUIRE(next);
    CHECK(load_identity(state, kServerIdentity));
  }
  SECTION("when it expired while the server was off") {
    clock.advance(seconds(2 * 86'400));
    auto next = load();
    REQUIRE(next);
    CHECK((*next)->certificate().not_after() > clock.unix_now());
  }
  SECTION("and its node's, which nobody else could") {
    store->reset();
    CHECK(!*revive_node_identity(state, clock));
    clock.advance(seconds(2 * 86'400));
    auto revived = revive_node_identity(state, clock);
    REQUIRE(revived);
    CHECK(*revived);
    CHECK(load_identity(state, kNodeIdentity)->chain.leaf().not_after() > clock.unix_now());
  }
}

}  // namespace meshd
