// SPDX-License-Identifier: Apache-2.0
#include "tls/key_pair.h"

#include <catch2/catch_test_macros.hpp>

#include "base/encode.h"
#include "tls/pem.h"

namespace meshd {

TEST_CASE("a key survives being written and read") {
  for (Curve curve : {Curve::p256, Curve::p384}) {
    KeyPair key = KeyPair::generate(curve).value();
    REQUIRE(key.curve() == curve);
    std::string pem = key.to_pem();
    REQUIRE(pem.starts_with("-----BEGIN EC PRIVATE KEY-----\n"));
    auto again = KeyPair::from_pem(pem);
    REQUIRE(again.has_value());
    REQUIRE(again->public_key() == key.public_key());
    REQUIRE(again->to_pem() == pem);
  }
}

TEST_CASE("two keys are never the same") {
  REQUIRE(KeyPair::generate()->public_key() != KeyPair::generate()->public_key());
}

TEST_CASE("a PKCS #8 key as openssl writes it is read") {
  // openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256; used for nothing else.
  auto key = KeyPair::from_pem(
      "-----BEGIN PRIVATE KEY-----\n"
      "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgOXOrnmbT6ZicaKhg\n"
      "9hlLgKarHYve06ljt13YAr8ZaS2hRANCAARS3S3Ofd33yG7YHgnFjIPWjbDHlKCZ\n"
      "kCj5yCTu1JcMMovdOFlNxI55O9sN2qZaou9zPiP0bEVtWEc9cMWYC0OS\n"
      "-----END PRIVATE KEY-----\n");
  REQUIRE(key.has_value());
  REQUIRE(key->curve() == Curve::p256);
}

TEST_CASE("what is not a usable private key is refused") {
  std::string good = KeyPair::generate()->to_pem();
  REQUIRE_FALSE(KeyPair::from_pem("").has_value());
  REQUIRE_FALSE(KeyPair::from_pem("hello").has_value());
  REQUIRE_FALSE(KeyPair::from_pem(good.substr(0, good.size() / 2)).has_value());
  REQUIRE_FALSE(KeyPair::from_pem(to_pem("EC PRIVATE KEY", "garbage")).has_value());
  REQUIRE_FALSE(KeyPair::from_pem(to_pem("ENCRYPTED PRIVATE KEY", "garbage")).has_value());
  REQUIRE_FALSE(KeyPair::from_pem(to_pem("CERTIFICATE", "garbage")).has_value());
}

TEST_CASE("a private key beside another one's public key is refused") {
  std::string a = parse_pem(KeyPair::generate()->to_pem())->front().der;
  std::string b = parse_pem(KeyPair::generate()->to_pem())->front().der;
  REQUIRE(a.size() == b.size());
  // The public point is the tail of a SEC 1 key.
  std::string mixed = a.substr(0, a.size() - 64) + b.substr(b.size() - 64);
  REQUIRE_FALSE(KeyPair::from_pem(to_pem("EC PRIVATE KEY", mixed)).has_value());
}

TEST_CASE("a public key is read from DER, and nothing else is") {
  PublicKey key = KeyPair::generate(Curve::p384)->public_key();
  auto again = PublicKey::from_der(key.der());
  REQUIRE(again.has_value());
  REQUIRE(again->curve() == Curve::p384);
  REQUIRE_FALSE(PublicKey::from_der("").has_value());
  REQUIRE_FALSE(PublicKey::from_der(key.der() + "x").has_value());
  std::string off_curve = key.der();
  off_curve.back() = static_cast<char>(off_curve.back() ^ 1);
  REQUIRE_FALSE(PublicKey::from_der(off_curve).has_value());
  // An Ed25519 key (RFC 8410 10.1).
  REQUIRE_FALSE(
      PublicKey::from_der(*from_base64("MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=")));
}

}  // namespace meshd
