// SPDX-License-Identifier: Apache-2.0
#include "proxy/authenticate.h"

#include <catch2/catch_test_macros.hpp>

#include "jwt/testing.h"

namespace meshd {
namespace {

constexpr UnixSeconds kNow = 1'700'000'000;

SnapshotPtr snapshot_with(std::string keys) {
  model::Model m;
  m.jwt.push_back({.name = "corp", .issuer = "https://login.test/", .audiences = {"edge"}});
  m.jwt[0].key_set = std::move(keys);
  return compile(m, {}, Revision{1});
}

struct Desk {
  testing::TestIssuer issuer;
  std::vector<std::string> wanted;
  TokenVerifiers verifiers;
  TokenDesk desk{[this](const std::string& name) { wanted.push_back(name); }};
  Instant now{1'000'000'000};

  Desk() { follow(issuer.jwks()); }
  void follow(std::string keys) { desk.follow(verifiers.of(*snapshot_with(std::move(keys)))); }
  std::string token(std::string_view more = "") const {
    return issuer.token(R"({"iss":"https://login.test/","aud":"edge","exp":1700000600)" + std::string(more) +
                        "}");
  }
  // "valid", "none", or the fault.
  std::string look(std::initializer_list<std::string> fields) {
    RequestHead head;
    for (const std::string& f : fields) head.add("authorization", f);
    ShownToken shown = desk.look(head, kNow, now);
    REQUIRE(shown.looked);
    REQUIRE_FALSE((shown.token && shown.fault));
    if (shown.fault) return std::string(name_of(*shown.fault));
    return shown.token ? "valid" : "none";
  }
};

}  // namespace

TEST_CASE("a bearer token is found as RFC 6750 writes it, and other schemes are not ours") {
  Desk d;
  std::string t = d.token();
  CHECK(d.look({"Bearer " + t}) == "valid");
  CHECK(d.look({"bearer " + t}) == "valid");
  CHECK(d.look({"BEARER   " + t}) == "valid");
  CHECK(d.look({}) == "none");
  CHECK(d.look({"Basic dTpw"}) == "none");
  CHECK(d.look({"Bearerx " + t}) == "none");
  CHECK(d.look({t}) == "none");
  CHECK(d.look({""}) == "none");
  for (std::string bad : {std::string("Bearer"), std::string("Bearer "), "Bearer " + t + ", Bearer " + t,
                          "Bearer " + t + " x", "Bearer\t" + t + " "}) {
    INFO(bad.substr(0, 20));
    CHECK(d.look({bad}) != "valid");
  }
  CHECK(d.look({"Bearer"}) == "malformed");
}

TEST_CASE("two authorization fields are refused whatever they say") {
  Desk d;
  std::string t = "Bearer " + d.token();
  CHECK(d.look({t, t}) == "malformed");
  CHECK(d.look({"Basic dTpw", t}) == "malformed");
  CHECK(d.look({t, "Basic dTpw"}) == "malformed");
  CHECK(d.look({"Basic dTpw", "Basic dTpw"}) == "malformed");
}

TEST_CASE("newer keys are asked for when a token names an unknown one, once a second") {
  Desk d;
  testing::TestIssuer rolled("k2");
  auto other = [&](int n) {
    return "Bearer " + rolled.token(R"({"iss":"https://login.test/","aud":"edge","exp":1700000600,"n":)" +
                                    std::to_string(n) + "}");
  };
  CHECK(d.look({other(1)}) == "unknown-key");
  CHECK(d.wanted == std::vector<std::string>{"corp"});
  CHECK(d.look({other(1)}) == "unknown-key");
  CHECK(d.look({other(2)}) == "unknown-key");
  CHECK(d.wanted.size() == 1);
  d.now = d.now + kKeysWantedEvery;
  CHECK(d.look({other(1)}) == "unknown-key");
  CHECK(d.wanted.size() == 2);
  // The keys come: what was refused is looked at again.
  d.follow(R"({"keys":[)" + rolled.jwk() + "," + d.issuer.jwk() + "]}");
  CHECK(d.look({other(1)}) == "valid");
  CHECK(d.look({"Bearer " + d.token()}) == "valid");
  CHECK(d.wanted.size() == 2);
  CHECK(d.look({"Bearer x.y.z"}) == "malformed");
  CHECK(d.wanted.size() == 2);
}

TEST_CASE("without keys nothing is valid, and they are asked for") {
  Desk d;
  d.follow("");
  CHECK(d.look({"Bearer " + d.token()}) == "no-keys");
  CHECK(d.wanted.size() == 1);
  d.follow("no keys at all");
  CHECK(d.look({"Bearer " + d.token()}) == "no-keys");
}

TEST_CASE("a verifier stays the same object while its issuers and keys do") {
  Desk d;
  auto first = d.verifiers.of(*snapshot_with("a"));
  CHECK(d.verifiers.of(*snapshot_with("a")) == first);
  CHECK(d.verifiers.of(*snapshot_with("b")) != first);
}

}  // namespace meshd
