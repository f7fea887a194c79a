// SPDX-License-Identifier: Apache-2.0
#include "tls/csr.h"

#include <catch2/catch_test_macros.hpp>

#include "tls/pem.h"

namespace meshd {
namespace {

// Made with `openssl req -new`; the private keys are gone.
// a CA with another identity and keyCertSign
const char* const kWishes =
    "-----BEGIN CERTIFICATE REQUEST-----\n"
    "MIIBRDCB7AIBADAeMQ0wCwYDVQQDDARyb290MQ0wCwYDVQQKDARldmlsMFkwEwYH\n"
    "KoZIzj0CAQYIKoZIzj0DAQcDQgAE/rzgEsBDJPZ+g1gMN+k1X65rM8uPiYEQb9KO\n"
    "9ElwS2ojrRY+BA+pSXX8HQ96XF4wfX+sfUDZ1XhGml7A17l47aBsMGoGCSqGSIb3\n"
    "DQEJDjFdMFswDAYDVR0TBAUwAwEB/zALBgNVHQ8EBAMCAgQwPgYDVR0RBDcwNYYw\n"
    "c3BpZmZlOi8vdGQuZXhhbXBsZS9ucy9tZXNoZC1zeXN0ZW0vc2Evc2VydmVyLm4x\n"
    "ggF4MAoGCCqGSM49BAMCA0cAMEQCIAceGcSx988slD5qaKFii/IBg/PG1vGcFl92\n"
    "LxgwmhbpAiAB2BEmtejuO1kjoo4n9HyEhrgmDG9lNQrycA4Z+QoW7A==\n"
    "-----END CERTIFICATE REQUEST-----\n";
// RSA with 2048 bits
const char* const kRsa2048 =
    "-----BEGIN CERTIFICATE REQUEST-----\n"
    "MIICUTCCATkCAQAwDDEKMAgGA1UEAwwBeDCCASIwDQYJKoZIhvcNAQEBBQADggEP\n"
    "ADCCAQoCggEBALdtSLXT/tCBBsqWe7ELjZCbHeP4VwPHJ1Lfjgp9PZ7CQTrfhMbP\n"
    "cVuTF/xvJjj69u2+IOm+L7kVNdwaujXdCUqBzJhVP3qMHCty+9b6UG0b35H8pwfs\n"
    "v9bp/tCBfywepVdPrn0kXSCvaV/YxF88E0UHBoMWmxGYK/uYLKFGs+GgFi6ArNSZ\n"
    "uH1O1cwIZUQSpiVgm02HNqxcgGpQe9rA8NltXugGKie3IlaQs5gB9+M7QmQUhD/K\n"
    "vLkS0lFVU9XLK38qamYJfg/aECTHViyyHHNz3oLxhw9bc3oouuutPJstVIsWph85\n"
    "Kx+dqPrXEtRx7dGLARMdSrV9TW+I7kYyYXsCAwEAAaAAMA0GCSqGSIb3DQEBCwUA\n"
    "A4IBAQClQZaRvDNYwSAUh51+FIKPb64+xFv+Y9/TUx2BCF7aO58/uZCFWaJFdyug\n"
    "Boa7fuIr6R83DTRMmIA64bJCujvA1yDcKetd9FjOYXtV7sR7sDlPh2XOO8QadD0p\n"
    "uDUh/ERmMtcE6Y4jNllgIyWTDqDtV+Qf1lAsipmB8yEaL8Jwv9GyRuK7LT4r4PWL\n"
    "WYl5rudIwFsWpJuBfz2c1FCWM9lgHWYuC0hsLjObVDBYLTKhql87KOD6eUw9aVFt\n"
    "vzGsSKkRQ52V+2E/YFS5D1tW/97I6SHNkwwNbbqdSpINWBuPxPEQkxbgkXMBxPh8\n"
    "xS6AYoHWozJ+kmpAbBT6NUQoGeJr\n"
    "-----END CERTIFICATE REQUEST-----\n";
// RSA with 1024 bits
const char* const kRsa1024 =
    "-----BEGIN CERTIFICATE REQUEST-----\n"
    "MIIBSzCBtQIBADAMMQowCAYDVQQDDAF4MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCB\n"
    "iQKBgQCekd6Ib9NX0iUsVGQ890Aq1YeqgbElwLnrpV3kztBWonkeQzeWzHoJQkuF\n"
    "fiDNZWfwyiN3naDTmx9c57JBJGnrFAAkwOmed94ZmTCSfZVG35stdP01bl27svcj\n"
    "ss9EWSybMbKmtQhfDARRxpfvZyNEAiMRd9ghbo/u2ByqhE0gtwIDAQABoAAwDQYJ\n"
    "KoZIhvcNAQELBQADgYEAlvLycit5MXqiOJLHiygbyRkUqE4ItQytgHcxXp1qXXz8\n"
    "/gGjvjAcb4vm+ZnbFITfqB3F7/7I/WMLuCcw+n+QE0miXvUpAX09kgHmw9aBBUys\n"
    "Ma6i1H5AD0DnAj3P4+umD2DbQBTFill6q/Kg+hdb1pYO/RTt1l23PHwk5frHphI=\n"
    "-----END CERTIFICATE REQUEST-----\n";
// P-521
const char* const kP521 =
    "-----BEGIN CERTIFICATE REQUEST-----\n"
    "MIIBTzCBsQIBADAMMQowCAYDVQQDDAF4MIGbMBAGByqGSM49AgEGBSuBBAAjA4GG\n"
    "AAQA7zJhs1TVAJn9SA/MUVRejMNkEftpVrRpBokbohgmBsDsBBN/tPciRZDy+Hrm\n"
    "Zl6SNxPPYy2edCZ46l5j46qtln8ALlmuHZafVD3TeO4GogvujDcJwYFZSfVNaW9V\n"
    "1oHap/G7L6SlkKJnsNn5InJctJqaeWcOC9+9HKyxB5bMa9Gyr96gADAKBggqhkjO\n"
    "PQQDAgOBjAAwgYgCQgEJS3kJwkemWDZwy55aWjgjXEYhD3KYKxWI9b4CXxu8kheW\n"
    "xYOzwfhZKK7tCMP/aJWSwp63IQmUdrQGmNKca5u1IQJCAWlJo3Yy7b4HM7R50icw\n"
    "7q8OgM0uCT3Kj76OMNpDf7lD94I8uZG1sG/eVFrQattNI7huidwBPAO5uovOv/7X\n"
    "BDKu\n"
    "-----END CERTIFICATE REQUEST-----\n";
// secp256k1
const char* const kSecp256k1 =
    "-----BEGIN CERTIFICATE REQUEST-----\n"
    "MIHDMGsCAQAwDDEKMAgGA1UEAwwBeDBWMBAGByqGSM49AgEGBSuBBAAKA0IABCGD\n"
    "XPqZwzNcyQx9q+t4FufCR7/3Hn/vrIHheMC6HpsP+7vVAMhw0G+LYOMU+as8o/BH\n"
    "2zczGOgDjOwKL7pySYKgADAKBggqhkjOPQQDAgNIADBFAiEA/fMwugKPvmYjNJDK\n"
    "fRwpCFL0e8w0eDM7m2LPncWGat0CIAXqKlpZzz6gWYx6rr4UY8xW38PgktgdwCfW\n"
    "yXAG4XOe\n"
    "-----END CERTIFICATE REQUEST-----\n";
// Ed25519
const char* const kEd25519 =
    "-----BEGIN CERTIFICATE REQUEST-----\n"
    "MIGLMD8CAQAwDDEKMAgGA1UEAwwBeDAqMAUGAytlcAMhAKK1iFfcAbm6QfrRMK88\n"
    "HdzSb+QWq1uT8DFcNdq5y4GBoAAwBQYDK2VwA0EARzf4Um6mBjRdT0QK9kZ2ZNci\n"
    "lvyXF3LvXnHzWYQBH34eK9JmTsv7MmS1puX5WlWlpT2S1A1gLRZ17BeL00vpCQ==\n"
    "-----END CERTIFICATE REQUEST-----\n";
// P-256 signed with SHA-1
const char* const kSha1 =
    "-----BEGIN CERTIFICATE REQUEST-----\n"
    "MIHFMG4CAQAwDDEKMAgGA1UEAwwBeDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IA\n"
    "BLF2RDhDQKF1siE9Lp9MpNwkqYdWbBF+SqSEUykw46mtgkCdR18PCbaYcSJDA/mz\n"
    "urBtZGptw885FSbhJJ3lpjegADAJBgcqhkjOPQQBA0gAMEUCIFP3lNZbTTWqNhSZ\n"
    "mC2OnTK/KK3hSi0lQ+Qmq1qELJn/AiEAoRoysepniZydUjgGOa4S1l4foZ5/q72G\n"
    "hd5U7E74hkw=\n"
    "-----END CERTIFICATE REQUEST-----\n";

}  // namespace

TEST_CASE("a request gives back the public key of its maker") {
  for (Curve curve : {Curve::p256, Curve::p384}) {
    KeyPair key = KeyPair::generate(curve).value();
    std::string csr = make_csr(key).value();
    REQUIRE(csr.starts_with("-----BEGIN CERTIFICATE REQUEST-----\n"));
    REQUIRE(public_key_of_csr(csr).value() == key.public_key());
    REQUIRE(public_key_of_csr(parse_pem(csr)->front().der).value() == key.public_key());
  }
}

TEST_CASE("whatever else a request asks for is not even looked at") {
  REQUIRE(public_key_of_csr(kWishes).has_value());
}

TEST_CASE("requests with other kinds of keys are refused") {
  for (const char* csr : {kRsa2048, kRsa1024, kP521, kSecp256k1, kEd25519, kSha1}) {
    auto key = public_key_of_csr(csr);
    REQUIRE_FALSE(key.has_value());
    REQUIRE(key.error().code == Errc::invalid_argument);
    REQUIRE(key.error().side == Side::client);
  }
}

TEST_CASE("a request that is damaged anywhere is refused") {
  std::string der = parse_pem(make_csr(KeyPair::generate().value()).value())->front().der;
  for (size_t at = 0; at < der.size(); ++at) {
    std::string bad = der;
    bad[at] = static_cast<char>(bad[at] ^ 1 << (at % 8));
    INFO("byte " << at);
    REQUIRE_FALSE(public_key_of_csr(bad).has_value());
    REQUIRE_FALSE(public_key_of_csr(der.substr(0, at)).has_value());
  }
  REQUIRE_FALSE(public_key_of_csr(der + "x").has_value());
}

TEST_CASE("a request for somebody else's key is refused") {
  // Our signature under their key: swap the public point.
  KeyPair theirs = KeyPair::generate().value(), ours = KeyPair::generate().value();
  std::string der = parse_pem(make_csr(ours).value())->front().der;
  std::string point = ours.public_key().der().substr(26), victim = theirs.public_key().der().substr(26);
  size_t at = der.find(point);
  REQUIRE(at != std::string::npos);
  der.replace(at, point.size(), victim);
  REQUIRE_FALSE(public_key_of_csr(der).has_value());
}

TEST_CASE("text that is no request, or two, or far too long, is refused") {
  std::string good = make_csr(KeyPair::generate().value()).value();
  REQUIRE_FALSE(public_key_of_csr("").has_value());
  REQUIRE_FALSE(public_key_of_csr("hello").has_value());
  REQUIRE_FALSE(public_key_of_csr(good + good).has_value());
  REQUIRE_FALSE(public_key_of_csr(KeyPair::generate()->to_pem()).has_value());
  REQUIRE_FALSE(public_key_of_csr(good + std::string(kCsrBytesMax, ' ')).has_value());
}

}  // namespace meshd
