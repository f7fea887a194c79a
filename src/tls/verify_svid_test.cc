// SPDX-License-Identifier: Apache-2.0
#include "tls/verify_svid.h"

#include <catch2/catch_test_macros.hpp>

#include "tls/forge_test.h"

namespace meshd {
namespace {

Result<SpiffeId> verify(const World& w, PeerRole role = PeerRole::server, std::vector<SpiffeId> ids = {}) {
  auto chain = w.chain();
  if (!chain) return fail(chain.error());
  return verify_svid(*chain, w.bundle(), {.now = kNow, .role = role, .ids = std::move(ids)});
}

}  // namespace

TEST_CASE("a good SVID gives its id on both sides") {
  World w;
  for (PeerRole role : {PeerRole::server, PeerRole::client}) {
    auto id = verify(w, role);
    INFO((id ? "" : id.error().why));
    REQUIRE(id.has_value());
    REQUIRE(id->uri() == "spiffe://td.example/ns/a/sa/b");
  }
}

TEST_CASE("DNS names beside the one URI are allowed, as X509-SVID says") {
  World w;
  w.leaf.extensions[kNames] = alt_names({{'D', "b.a"}, {'U', "spiffe://td.example/ns/a/sa/b"}});
  REQUIRE(verify(w).has_value());
}

TEST_CASE("each malformed SVID is refused on both sides") {
  for (const Malformed& m : malformed()) {
    World w;
    m.spoil(w);
    for (PeerRole role : {PeerRole::server, PeerRole::client}) {
      auto id = verify(w, role);
      INFO(m.what);
      UNSCOPED_INFO((id ? "accepted" : id.error().why));
      REQUIRE_FALSE(id.has_value());
    }
  }
}

TEST_CASE("an id of exactly 2048 bytes is still good") {
  World w;
  w.leaf.extensions[kNames] =
      alt_names({{'U', "spiffe://td.example/ns/a/sa/" + std::string(2048 - 28, 'b')}});
  REQUIRE(verify(w).has_value());
}

TEST_CASE("a certificate for one side of a connection is refused on the other") {
  World w;
  w.leaf.extensions[kExtended] = extended_usage(true, false);
  REQUIRE(verify(w, PeerRole::server).has_value());
  REQUIRE_FALSE(verify(w, PeerRole::client).has_value());
  w.leaf.extensions[kExtended] = extended_usage(false, true);
  REQUIRE_FALSE(verify(w, PeerRole::server).has_value());
  REQUIRE(verify(w, PeerRole::client).has_value());
}

TEST_CASE("an intermediate below one with path length 0 is refused") {
  World w;
  KeyPair lower_key = KeyPair::generate().value();
  Spec lower = {"lower", "issuing", w.issuing.validity, lower_key.public_key().der(), w.issuing.extensions};
  w.leaf.issuer = "lower";
  CertificateChain chain({Certificate::from_der(write(w.leaf, lower_key)).value(),
                          Certificate::from_der(write(lower, w.issuing_key)).value(),
                          Certificate::from_der(write(w.issuing, w.root_key)).value()});
  REQUIRE_FALSE(verify_svid(chain, w.bundle(), {.now = kNow}).has_value());

  SECTION("also when it is self-issued, which RFC 5280 would not count") {
    lower.subject = "issuing";
    w.leaf.issuer = "issuing";
    CertificateChain same({Certificate::from_der(write(w.leaf, lower_key)).value(),
                           Certificate::from_der(write(lower, w.issuing_key)).value(),
                           Certificate::from_der(write(w.issuing, w.root_key)).value()});
    REQUIRE_FALSE(verify_svid(same, w.bundle(), {.now = kNow}).has_value());
  }
}

TEST_CASE("a leaf signed by another leaf is refused") {
  World w;
  KeyPair thief_key = KeyPair::generate().value();
  Spec thief = w.leaf;
  thief.subject = "thief";
  thief.spki = thief_key.public_key().der();
  w.leaf.issuer = "thief";
  CertificateChain chain({Certificate::from_der(write(w.leaf, thief_key)).value(),
                          Certificate::from_der(write(thief, w.issuing_key)).value(),
                          Certificate::from_der(write(w.issuing, w.root_key)).value()});
  REQUIRE_FALSE(verify_svid(chain, w.bundle(), {.now = kNow}).has_value());
}

TEST_CASE("another root with the same name is refused") {
  World ours, theirs;
  REQUIRE_FALSE(verify_svid(theirs.chain().value(), ours.bundle(), {.now = kNow}).has_value());
  SECTION("also when it is sent along") {
    CertificateChain chain = theirs.chain().value();
    chain.push(theirs.bundle().roots().front());
    REQUIRE_FALSE(verify_svid(chain, ours.bundle(), {.now = kNow}).has_value());
  }
}

TEST_CASE("a self-signed leaf in the bundle's place is refused") {
  World w;
  w.leaf.issuer = w.leaf.subject = "root";
  CertificateChain chain({Certificate::from_der(write(w.leaf, w.leaf_key)).value()});
  REQUIRE_FALSE(verify_svid(chain, w.bundle(), {.now = kNow}).has_value());
}

TEST_CASE("the root itself is no workload") {
  World w;
  CertificateChain chain({w.bundle().roots().front()});
  REQUIRE_FALSE(verify_svid(chain, w.bundle(), {.now = kNow}).has_value());
}

TEST_CASE("an empty chain is refused") {
  REQUIRE_FALSE(verify_svid({}, World().bundle(), {.now = kNow}).has_value());
}

TEST_CASE("only an expected id passes") {
  World w;
  SpiffeId b{"td.example", "/ns/a/sa/b"}, c{"td.example", "/ns/a/sa/c"};
  REQUIRE(verify(w, PeerRole::server, {c, b}).has_value());
  auto refused = verify(w, PeerRole::server, {c});
  REQUIRE_FALSE(refused.has_value());
  REQUIRE(refused.error().code == Errc::identity);
  REQUIRE(refused.error().side == Side::upstream);
  REQUIRE(std::string_view(refused.error().why) == "the peer is not who was expected");
}

TEST_CASE("times are judged by the given clock, not the machine's") {
  World w;
  auto chain = w.chain().value();
  REQUIRE(verify_svid(chain, w.bundle(), {.now = kNow + 1000}).has_value());
  auto late = verify_svid(chain, w.bundle(), {.now = kNow + 1001});
  REQUIRE_FALSE(late.has_value());
  REQUIRE_FALSE(verify_svid(chain, w.bundle(), {.now = kNow - 1001}).has_value());
}

TEST_CASE("both roots vouch while they rotate") {
  World before, after;
  auto both =
      TrustBundle::make("td.example", {before.bundle().roots().front(), after.bundle().roots().front()});
  REQUIRE(verify_svid(before.chain().value(), both.value(), {.now = kNow}).has_value());
  REQUIRE(verify_svid(after.chain().value(), both.value(), {.now = kNow}).has_value());
}

TEST_CASE("a flipped bit anywhere in the leaf is refused or changes nothing that was signed") {
  World w;
  std::string good = write(w.leaf, w.issuing_key);
  Certificate issuing = Certificate::from_der(write(w.issuing, w.root_key)).value();
  TrustBundle bundle = w.bundle();
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1 << (at % 8));
    auto leaf = Certificate::from_der(bad);
    if (!leaf) continue;
    INFO("byte " << at);
    REQUIRE_FALSE(verify_svid(CertificateChain({*leaf, issuing}), bundle, {.now = kNow}).has_value());
  }
}

}  // namespace meshd
