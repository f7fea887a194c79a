// SPDX-License-Identifier: Apache-2.0
// Certificates, their issuing, and bundles, each judged by reading back and by verify_svid.
#include "tls/issue.h"

#include <catch2/catch_test_macros.hpp>
#include <set>

#include "tls/pem.h"
#include "tls/trust_bundle.h"
#include "tls/verify_svid.h"

namespace meshd {
namespace {

constexpr UnixSeconds kNow = 1'760'000'000;

struct Hierarchy {
  Issuer root, issuing;

  static Hierarchy make(const std::string& trust_domain = "td.example") {
    auto root_key = std::make_shared<const KeyPair>(KeyPair::generate(Curve::p384).value());
    auto key = std::make_shared<const KeyPair>(KeyPair::generate().value());
    Certificate root =
        issue_root(*root_key, {trust_domain, trust_domain + " root", valid_for(kNow, kRootLifetime)}).value();
    Issuer top{root_key, root};
    Certificate issuing = issue_intermediate(top, key->public_key(),
                                             {trust_domain, "issuing 1", valid_for(kNow, kIssuingLifetime)})
                              .value();
    return {top, {key, issuing}};
  }
  TrustBundle bundle(const std::string& trust_domain = "td.example") const {
    return TrustBundle::make(trust_domain, {root.certificate}).value();
  }
};

}  // namespace

TEST_CASE("a leaf issued under a fresh root verifies on both sides") {
  Hierarchy h = Hierarchy::make();
  KeyPair key = KeyPair::generate().value();
  SpiffeId id = service_id("td.example", "web");
  auto leaf = issue_leaf(h.issuing, key.public_key(), {id, valid_for(kNow, kLeafLifetime)});
  REQUIRE(leaf.has_value());
  CertificateChain chain({*leaf, h.issuing.certificate});
  for (PeerRole role : {PeerRole::server, PeerRole::client}) {
    auto found = verify_svid(chain, h.bundle(), {.now = kNow, .role = role, .ids = {id}});
    INFO((found ? "" : found.error().why));
    REQUIRE(found.has_value());
  }
}

TEST_CASE("a leaf says what the design says, and no more") {
  Hierarchy h = Hierarchy::make();
  KeyPair key = KeyPair::generate().value();
  Certificate leaf =
      issue_leaf(h.issuing, key.public_key(), {node_id("td.example", "n1"), valid_for(kNow, 3600)}).value();
  REQUIRE(leaf.not_before() == kNow - 300);
  REQUIRE(leaf.not_after() == kNow + 3600);
  REQUIRE(leaf.uris() == std::vector<std::string>{"spiffe://td.example/ns/meshd-system/sa/node.n1"});
  REQUIRE_FALSE(leaf.is_ca());
  REQUIRE(leaf.subject().empty());
  REQUIRE(leaf.public_key().value() == key.public_key());
  // 128 bits, positive.
  REQUIRE(leaf.serial().size() == 32);
  REQUIRE(leaf.serial() < "8");
  // Critical: constraints {CA:false}, usage {digitalSignature}, and the name, because there is no subject.
  std::string der(leaf.der());
  REQUIRE(der.find(std::string("\x55\x1d\x13\x01\x01\xff\x04\x02\x30\x00", 10)) != std::string::npos);
  REQUIRE(der.find("\x55\x1d\x0f\x01\x01\xff\x04\x04\x03\x02\x07\x80") != std::string::npos);
  REQUIRE(der.find("\x55\x1d\x11\x01\x01\xff\x04") != std::string::npos);
  // Key identifiers of its own key and of its issuer's.
  REQUIRE(der.find("\x55\x1d\x0e\x04") != std::string::npos);
  REQUIRE(der.find("\x55\x1d\x23\x04") != std::string::npos);
}

TEST_CASE("serial numbers do not repeat") {
  Hierarchy h = Hierarchy::make();
  PublicKey key = KeyPair::generate()->public_key();
  std::set<std::string> seen;
  for (int i = 0; i < 20; ++i)
    seen.insert(issue_leaf(h.issuing, key, {service_id("td.example", "web"), valid_for(kNow, 60)})->serial());
  REQUIRE(seen.size() == 20);
}

TEST_CASE("root and issuing certificate are CAs of the trust domain, the latter for leaves only") {
  Hierarchy h = Hierarchy::make();
  REQUIRE(h.root.certificate.is_ca());
  REQUIRE(h.root.certificate.subject() == "O=meshd, CN=td.example root");
  REQUIRE(h.root.certificate.uris() == std::vector<std::string>{"spiffe://td.example"});
  REQUIRE(h.root.certificate.not_after() - kNow == kRootLifetime);
  REQUIRE(h.issuing.certificate.is_ca());
  REQUIRE_FALSE(h.root.certificate.path_length().has_value());
  REQUIRE(h.issuing.certificate.path_length() == 0);
  // An issuing certificate may not make another; that the verifier heeds it too stands in verify_svid_test.cc.
  PublicKey key = KeyPair::generate()->public_key();
  CaSpec spec{"td.example", "x", valid_for(kNow, 60)};
  REQUIRE_FALSE(issue_intermediate(h.issuing, key, spec).has_value());
  // One that may have a single CA below it makes that one, and not one that may have more.
  spec.path_length = 1;
  auto middle_key = std::make_shared<const KeyPair>(KeyPair::generate().value());
  Issuer middle{middle_key, issue_intermediate(h.root, middle_key->public_key(), spec).value()};
  REQUIRE(middle.certificate.path_length() == 1);
  REQUIRE_FALSE(issue_intermediate(middle, key, spec).has_value());
  spec.path_length = 0;
  REQUIRE(issue_intermediate(middle, key, spec)->path_length() == 0);
}

TEST_CASE("nothing outlives its issuer") {
  Hierarchy h = Hierarchy::make();
  PublicKey key = KeyPair::generate()->public_key();
  auto leaf = issue_leaf(h.issuing, key, {service_id("td.example", "web"), valid_for(kNow, 400 * 86400LL)});
  REQUIRE(leaf->not_after() == h.issuing.certificate.not_after());
}

TEST_CASE("what must not be issued is not") {
  Hierarchy h = Hierarchy::make();
  PublicKey key = KeyPair::generate()->public_key();
  Validity day = valid_for(kNow, 86400);
  REQUIRE_FALSE(issue_leaf(h.issuing, key, {service_id("other.example", "web"), day}).has_value());
  REQUIRE_FALSE(issue_leaf(h.issuing, key, {SpiffeId{"td.example", "/a/../b"}, day}).has_value());
  REQUIRE_FALSE(issue_leaf(h.issuing, key, {SpiffeId{"td.example", ""}, day}).has_value());
  REQUIRE_FALSE(issue_leaf(h.issuing, key, {service_id("td.example", "web"), {kNow, kNow}}).has_value());
  auto leaf_key = std::make_shared<const KeyPair>(KeyPair::generate().value());
  Issuer leaf{leaf_key,
              issue_leaf(h.issuing, leaf_key->public_key(), {service_id("td.example", "web"), day}).value()};
  REQUIRE_FALSE(issue_leaf(leaf, key, {service_id("td.example", "db"), day}).has_value());
  REQUIRE_FALSE(issue_root(*leaf_key, {"td.example", "a,CN=b", day}).has_value());
  REQUIRE_FALSE(issue_root(*leaf_key, {"TD", "root", day}).has_value());
}

TEST_CASE("certificates survive PEM, alone and in chains") {
  Hierarchy h = Hierarchy::make();
  CertificateChain chain({h.issuing.certificate, h.root.certificate});
  auto again = CertificateChain::from_pem(chain.to_pem());
  REQUIRE(again.has_value());
  REQUIRE(again->certificates() == chain.certificates());
  REQUIRE(Certificate::from_pem(chain.to_pem()).value() == h.issuing.certificate);
  REQUIRE_FALSE(Certificate::from_der(std::string(h.root.certificate.der()) + "x").has_value());
  REQUIRE_FALSE(Certificate::from_der("x").has_value());
  REQUIRE_FALSE(CertificateChain::from_pem("").has_value());
  std::string many;
  for (size_t i = 0; i <= kChainMax; ++i) many += h.root.certificate.to_pem();
  REQUIRE_FALSE(CertificateChain::from_pem(many).has_value());
}

TEST_CASE("a bundle keeps each root once and takes only CAs") {
  Hierarchy a = Hierarchy::make(), b = Hierarchy::make();
  auto bundle = TrustBundle::make("td.example", {a.root.certificate, b.root.certificate, a.root.certificate});
  REQUIRE(bundle->roots().size() == 2);
  REQUIRE(bundle->contains(b.root.certificate));
  REQUIRE_FALSE(bundle->contains(b.issuing.certificate));
  REQUIRE(TrustBundle::from_pem("td.example", bundle->to_pem())->roots() == bundle->roots());
  REQUIRE_FALSE(TrustBundle::make("td.example", {}).has_value());
  REQUIRE_FALSE(TrustBundle::make("TD", {a.root.certificate}).has_value());
  Certificate leaf = issue_leaf(a.issuing, KeyPair::generate()->public_key(),
                                {service_id("td.example", "web"), valid_for(kNow, 60)})
                         .value();
  REQUIRE_FALSE(TrustBundle::make("td.example", {leaf}).has_value());
}

TEST_CASE("a pin finds its root in a chain and no other") {
  Hierarchy a = Hierarchy::make(), b = Hierarchy::make();
  CertificateChain chain({a.issuing.certificate, a.root.certificate});
  std::string pin = pin_of(a.root.certificate);
  REQUIRE(pin.size() == 7 + 64);
  auto bundle = pinned_bundle(chain, pin, "td.example");
  REQUIRE(bundle.has_value());
  REQUIRE(bundle->contains(a.root.certificate));
  REQUIRE_FALSE(pinned_bundle(chain, pin_of(b.root.certificate), "td.example").has_value());
  REQUIRE_FALSE(pinned_bundle(CertificateChain(), pin, "td.example").has_value());
}

}  // namespace meshd
