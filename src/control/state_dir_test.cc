// SPDX-License-Identifier: Apache-2.0
#include "control/state_dir.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

#include "base/file.h"
#include "ca/authority.h"
#include "control/test_dir.h"
#include "tls/csr.h"

namespace meshd {

namespace {

constexpr UnixSeconds kNow = 1'700'000'000;

Identity identity_of(const Authority& authority, const SpiffeId& id) {
  auto key = KeyPair::generate();
  REQUIRE(key);
  auto chain = authority.sign(*make_csr(*key), id, kNow);
  REQUIRE(chain);
  return {id, std::make_shared<const KeyPair>(std::move(*key)), std::move(*chain)};
}

bool same(const Identity& a, const Identity& b) {
  return a.id == b.id && a.chain.leaf() == b.chain.leaf() && a.key->public_key() == b.key->public_key();
}

}  // namespace

TEST_CASE("the admin socket lies in the state directory unless that is the default one") {
  CHECK(StateDir("/var/lib/meshd").admin_socket() == "/run/meshd/admin.sock");
  CHECK(StateDir("/var/lib/meshd/").admin_socket() == "/run/meshd/admin.sock");
  CHECK(StateDir("s1").admin_socket() == "s1/admin.sock");
}

TEST_CASE("node.json comes back as it was written; a damaged or missing one is told") {
  TestDir dir;
  StateDir state(dir.path());
  auto none = load_node_file(state);
  REQUIRE(!none);
  CHECK(none.error().code == Errc::not_found);
  CHECK(none.error().what.find("meshd init") != std::string::npos);
  NodeFile node{"n1", "127.0.1.1", 15008, "a", "test.mesh", "spiffe://test.mesh/x", "127.0.1.1:15012"};
  REQUIRE(save_node_file(state, node));
  auto back = load_node_file(state);
  REQUIRE(back);
  CHECK(back->node == "n1");
  CHECK(back->mesh_port == 15008);
  CHECK(back->control == "127.0.1.1:15012");
  for (const char* text :
       {"", "{", "[]", "{}", R"({"node":"n1","address":"1.1.1.1","trust_domain":"a","mesh_port":70000})"}) {
    REQUIRE(write_file(state.node_file(), text));
    CHECK(load_node_file(state).error().code == Errc::invalid_argument);
  }
}

TEST_CASE("an identity survives a crash between its key and its chain") {
  TestDir dir;
  StateDir state(dir.path());
  REQUIRE(make_private_dir(state.identities()));
  auto authority = Authority::create(state.ca(), "test.mesh", kNow);
  REQUIRE(authority);
  SpiffeId id = node_id("test.mesh", "n1");
  Identity old = identity_of(*authority, id), next = identity_of(*authority, id);
  REQUIRE(save_identity(state, "node", old));
  CHECK(same(*load_identity(state, "node"), old));
  CHECK(!exists(state.key_of("node") + ".prev"));
  struct stat st{};
  REQUIRE(stat(state.key_of("node").c_str(), &st) == 0);
  CHECK((st.st_mode & 0777) == 0600);

  SECTION("the new key without its chain: the old pair is in use, again and again") {
    for (int i = 0; i < 2; ++i) {
      REQUIRE(write_file(state.key_of("node"), next.key->to_pem(), {.mode = 0600, .keep_previous = true}));
      auto back = load_identity(state, "node");
      REQUIRE(back);
      CHECK(same(*back, old));
    }
    REQUIRE(save_identity(state, "node", next));
    CHECK(same(*load_identity(state, "node"), next));
  }
  SECTION("a chain that cannot be written leaves the old pair") {
    std::filesystem::remove(state.chain_of("node"));
    REQUIRE(save_identity(state, "node", old));
    std::string chain = state.chain_of("node");
    std::filesystem::rename(chain, chain + ".kept");
    std::filesystem::create_directory(chain);
    CHECK(!save_identity(state, "node", next));
    std::filesystem::remove(chain);
    std::filesystem::rename(chain + ".kept", chain);
    CHECK(same(*load_identity(state, "node"), old));
  }
  SECTION("a key that others can read is refused") {
    REQUIRE(chmod(state.key_of("node").c_str(), 0644) == 0);
    auto back = load_identity(state, "node");
    REQUIRE(!back);
  }
  SECTION("a key of another certificate is refused") {
    REQUIRE(write_file(state.key_of("node"), next.key->to_pem()));
    auto back = load_identity(state, "node");
    REQUIRE(!back);
    CHECK(back.error().what.find("is not the key of") != std::string::npos);
  }
  SECTION("identities are listed and removed by name") {
    REQUIRE(save_identity(state, service_identity("web"), next));
    CHECK(list_identities(state) == std::vector<std::string>{"node", "svc.web"});
    remove_identity(state, "svc.web");
    CHECK(list_identities(state) == std::vector<std::string>{"node"});
  }
}

TEST_CASE("a state directory appears whole, or not at all") {
  TestDir dir;
  StateDir state(dir / "s1");
  SECTION("without commit nothing stays") {
    {
      auto made = NewState::begin(state);
      REQUIRE(made);
      REQUIRE(write_file(made->staging().node_file(), "{}"));
    }
    CHECK(!exists(state.root()));
  }
  SECTION("a directory that was there before stays, empty") {
    REQUIRE(make_private_dir(state.root()));
    { REQUIRE(NewState::begin(state)); }
    CHECK(std::filesystem::is_empty(state.root()));
  }
  SECTION("commit moves everything, and a second one is a conflict that touches nothing") {
    auto made = NewState::begin(state);
    REQUIRE(made);
    REQUIRE(write_file(made->staging().node_file(), "{}"));
    REQUIRE(write_file(made->staging().bundle(), "x"));
    REQUIRE(made->commit());
    CHECK(state.is_node());
    CHECK(exists(state.bundle()));
    CHECK(exists(state.identities()));
    CHECK(!exists(made->staging().root()));
    auto again = NewState::begin(state);
    REQUIRE(!again);
    CHECK(again.error().code == Errc::conflict);
    CHECK(exists(state.bundle()));
  }
  SECTION("what a killed init left behind is no obstacle") {
    std::filesystem::create_directories(dir / "s1/.new/identities");
    std::filesystem::permissions(dir / "s1", std::filesystem::perms::owner_all);
    REQUIRE(write_file(dir / "s1/.new/mesh.db", "half"));
    auto made = NewState::begin(state);
    REQUIRE(made);
    CHECK(!exists(made->staging().database()));
  }
  SECTION("an authority without its node is never built over") {
    REQUIRE(make_private_dir(state.root()));
    REQUIRE(make_private_dir(state.ca()));
    auto made = NewState::begin(state);
    REQUIRE(!made);
    CHECK(made.error().code == Errc::conflict);
    CHECK(exists(state.ca()));
  }
  SECTION("a directory of another owner or open to others is refused") {
    REQUIRE(mkdir(state.root().c_str(), 0755) == 0);
    auto made = NewState::begin(state);
    REQUIRE(!made);
    CHECK(made.error().what.find("chmod 0700") != std::string::npos);
    if (geteuid() != 0) return;
    REQUIRE(chmod(state.root().c_str(), 0700) == 0);
    REQUIRE(chown(state.root().c_str(), 12345, 12345) == 0);
    auto foreign = NewState::begin(state);
    REQUIRE(!foreign);
    CHECK(foreign.error().code == Errc::permission);
    CHECK(exists(state.root()));
  }
}

}  // namespace meshd
