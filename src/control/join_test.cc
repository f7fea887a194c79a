// SPDX-License-Identifier: Apache-2.0
#include "control/join.h"

#include <catch2/catch_test_macros.hpp>

#include "control/server_kit.h"
#include "tls/verify_svid.h"

namespace meshd {

namespace {

const std::string kSentence = "unknown, used or expired";

SpiffeId proven(TestServer& server, const Json& answer) {
  auto chain = CertificateChain::from_pem(text_of(answer, "chain"));
  REQUIRE(chain);
  auto bundle = TrustBundle::from_pem(kDomain, text_of(answer, "bundle"));
  REQUIRE(bundle);
  auto id =
      verify_svid(*chain, *bundle, {.now = server.clock.unix_now(), .role = PeerRole::client, .ids = {}});
  REQUIRE(id);
  return *id;
}

}  // namespace

TEST_CASE("a good token makes a node, once") {
  Loop loop;
  TestServer server;
  server.publish(test_file());
  std::string before = server.publisher->content()->sha256;
  JoinToken token = server.token();
  auto answer = server.join_with(token, "n2");
  REQUIRE(answer);
  CHECK(proven(server, *answer) == node_id(kDomain, "n2"));
  CHECK(text_of(*answer, "server_id") == server_id(kDomain, "n1").uri());
  CHECK(server.registry->find("n2")->info.address == "127.0.1.7");
  CHECK(server.publisher->content()->sha256 != before);
  CHECK(server.store->certificates().of_node("n2")->size() == 1);
  CHECK(server.store->audit().list(1)->front().what == "node.join");

  auto again = server.join_with(token, "n3");
  REQUIRE(!again);
  CHECK(again.error().code == Errc::denied);
  CHECK(again.error().what.find(kSentence) != std::string::npos);
  CHECK(server.registry->find("n3") == nullptr);

  server.restart();
  CHECK(server.registry->find("n2") != nullptr);
}

TEST_CASE("unknown, expired, foreign and garbled secrets are refused with one sentence and leave nothing") {
  Loop loop;
  TestServer server;
  JoinToken good = server.token(60);
  JoinToken unknown = JoinToken::make("127.0.0.1:1", good.pin, kDomain);
  JoinToken garbled = good;
  garbled.secret[3] ^= 1;
  JoinToken expired = server.token(5);
  JoinToken for_n9 = server.token(60, "n9");
  server.clock.advance(seconds(6));
  for (const JoinToken& token : {unknown, garbled, expired, for_n9}) {
    auto answer = server.join_with(token, "n2");
    REQUIRE(!answer);
    CHECK(answer.error().code == Errc::denied);
    CHECK(answer.error().what.find(kSentence) != std::string::npos);
  }
  CHECK(server.registry->all().empty());
  CHECK(server.store->nodes().list()->empty());
  CHECK(server.store->certificates().list(10)->empty());
  CHECK(server.join_with(good, "n2"));
}

TEST_CASE("a taken name or a malformed request does not use the token up") {
  Loop loop;
  TestServer server;
  server.add_node("n2");
  JoinToken token = server.token();
  auto taken = server.join_with(token, "n2");
  REQUIRE(!taken);
  CHECK(taken.error().code == Errc::conflict);
  auto malformed = server.join_with(token, "N_3");
  REQUIRE(!malformed);
  CHECK(malformed.error().code == Errc::invalid_argument);
  CHECK(server.join_with(token, "n3"));
}

TEST_CASE("a token made for a node's name lets that machine come back") {
  Loop loop;
  TestServer server;
  server.add_node("n2");
  CHECK(server.join_with(server.token(60, "n2"), "n2"));
  CHECK(server.registry->find("n2")->info.address == "127.0.1.7");
}

TEST_CASE("an address whose joins keep failing has to wait") {
  Loop loop;
  TestServer server;
  JoinToken unknown = JoinToken::make("127.0.0.1:1", "sha256:00", kDomain);
  for (int i = 0; i < kJoinFailures; ++i)
    REQUIRE(server.join_with(unknown, "n2").error().code == Errc::denied);
  JoinToken good = server.token();
  CHECK(server.join_with(good, "n2").error().code == Errc::overload);
  CHECK(server.join_with(good, "n2", "127.0.0.8"));
  server.clock.advance(kJoinPause * 2);
  CHECK(server.join_with(unknown, "n4").error().code == Errc::denied);
}

TEST_CASE("a node gets its own identity and those of services placed on it, and no other") {
  Loop loop;
  TestServer server;
  server.add_node("n1");
  server.add_node("n2");
  server.publish(test_file());
  auto key = KeyPair::generate();
  auto ask = [&](const std::string& node, const std::string& id, const std::string& csr) {
    JsonObject one;
    one["id"] = json(id);
    one["csr"] = json(csr);
    JsonObject body;
    body["requests"] = Json(JsonArray{Json(std::move(one))});
    auto answer = server.certificates->issue(Json(std::move(body)), node);
    REQUIRE(answer);
    CHECK(int_of(*answer, "time") == server.clock.unix_now());
    return list_of(*answer, "certificates").at(0);
  };
  std::string csr = *make_csr(*key);
  struct Case {
    const char* node;
    std::string id;
    bool good;
  };
  for (const Case& c : std::vector<Case>{
           {"n1", node_id(kDomain, "n1").uri(), true},
           {"n1", service_id(kDomain, "web").uri(), true},
           {"n2", service_id(kDomain, "web").uri(), true},
           {"n2", service_id(kDomain, "batch").uri(), true},
           {"n1", service_id(kDomain, "batch").uri(), false},
           {"n1", node_id(kDomain, "n2").uri(), false},
           {"n1", server_id(kDomain, "n1").uri(), false},
           {"n1", "spiffe://other.mesh/ns/default/sa/web", false},
           {"n1", "web", false},
           {"n1", "", false},
       }) {
    INFO(c.node << " asks for " << c.id);
    Json answer = ask(c.node, c.id, csr);
    CHECK(text_of(answer, "chain").empty() != c.good);
    CHECK(text_of(answer, "error").empty() == c.good);
  }
  CHECK(!text_of(ask("n1", node_id(kDomain, "n1").uri(), "no request"), "error").empty());
  CHECK(server.store->certificates().of_node("n1")->size() == 2);
}

}  // namespace meshd
