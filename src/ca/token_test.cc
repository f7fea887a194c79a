// SPDX-License-Identifier: Apache-2.0
#include "ca/token.h"

#include <catch2/catch_test_macros.hpp>

#include "base/encode.h"
#include "tls/digest.h"

namespace meshd {
namespace {

const std::string kPin = "sha256:" + std::string(64, 'a');

JoinToken a_token() { return JoinToken::make("10.0.0.1:15012", kPin, "mesh.example"); }

// A token with a body of the test's making and a checksum that fits.
std::string with_body(const std::string& body) {
  return "meshd1." + to_base64url(body + sha256(body).substr(0, 4));
}

}  // namespace

TEST_CASE("a token is read back as it was made, whatever whitespace is around it") {
  JoinToken t = a_token();
  for (const std::string& text : {t.to_text(), " \n" + t.to_text() + "\r\n"}) {
    auto again = JoinToken::parse(text);
    REQUIRE(again.has_value());
    REQUIRE(again->server == t.server);
    REQUIRE(again->pin == t.pin);
    REQUIRE(again->trust_domain == t.trust_domain);
    REQUIRE(again->id == t.id);
    REQUIRE(again->secret == t.secret);
  }
  REQUIRE(t.to_text().find_first_not_of(
              "meshd1.ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
          std::string::npos);
}

TEST_CASE("two tokens share neither id nor secret") {
  JoinToken a = a_token(), b = a_token();
  REQUIRE(a.id != b.id);
  REQUIRE(a.secret != b.secret);
  REQUIRE(a.secret.size() == 32);
}

TEST_CASE("a token that is cut anywhere is refused with a sentence that says what to do") {
  std::string good = a_token().to_text();
  for (size_t n = 0; n < good.size(); ++n) {
    auto token = JoinToken::parse(good.substr(0, n));
    INFO(n);
    REQUIRE_FALSE(token.has_value());
    REQUIRE(token.error().code == Errc::invalid_argument);
    REQUIRE(token.error().what.find("token create") != std::string::npos);
  }
}

TEST_CASE("a token with any letter changed is refused") {
  std::string good = a_token().to_text();
  for (size_t at = 7; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = bad[at] == 'A' ? 'B' : 'A';
    INFO(at);
    REQUIRE_FALSE(JoinToken::parse(bad).has_value());
  }
}

TEST_CASE("other text and other versions are told apart") {
  auto other = JoinToken::parse("eyJhbGciOiJIUzI1NiJ9.e30.x");
  REQUIRE(other.error().what.starts_with("this is not a join token"));
  auto version = JoinToken::parse("meshd2.AAAA");
  REQUIRE(version.error().what.find("another version") != std::string::npos);
  REQUIRE(JoinToken::parse("").error().what.find("empty") != std::string::npos);
  REQUIRE_FALSE(JoinToken::parse(std::string(kTokenBytesMax + 1, 'm')).has_value());
}

TEST_CASE("a well-packed token with nonsense in it is refused") {
  std::string id(16, '1'), secret = to_base64url(std::string(32, 's'));
  auto body = [&](std::string a, std::string d, std::string i, std::string p, std::string s) {
    return R"({"a":")" + a + R"(","d":")" + d + R"(","i":")" + i + R"(","p":")" + p + R"(","s":")" + s +
           R"("})";
  };
  REQUIRE(JoinToken::parse(with_body(body("h:1", "td", id, kPin, secret))).has_value());
  REQUIRE(JoinToken::parse(with_body(body("[::1]:1", "td", id, kPin, secret))).has_value());
  for (const std::string& b :
       {std::string("[]"), std::string("{}"), std::string("nonsense"), body("", "td", id, kPin, secret),
        body("host", "td", id, kPin, secret), body("h:0", "td", id, kPin, secret),
        body("h:65536", "td", id, kPin, secret), body("::1:1", "td", id, kPin, secret),
        body("h/x:1", "td", id, kPin, secret), body("h\xc3\xa9:1", "td", id, kPin, secret),
        body("\\u001b[2J:1", "td", id, kPin, secret), body("u@h:1", "td", id, kPin, secret),
        body("h:1", "TD", id, kPin, secret), body("h:1", "td", "", kPin, secret),
        body("h:1", "td", id, "sha1:aa", secret), body("h:1", "td", id, "sha256:aa", secret),
        body("h:1", "td", id, kPin, ""), body("h:1", "td", id, kPin, to_base64url("short"))}) {
    INFO(b);
    REQUIRE_FALSE(JoinToken::parse(with_body(b)).has_value());
  }
}

TEST_CASE("error text never holds the secret") {
  JoinToken t = a_token();
  std::string text = t.to_text();
  text[10] = text[10] == 'x' ? 'y' : 'x';
  auto refused = JoinToken::parse(text);
  REQUIRE_FALSE(refused.has_value());
  REQUIRE(refused.error().what.find(text.substr(20, 10)) == std::string::npos);
}

TEST_CASE("the stored hash recognises its secret only") {
  JoinToken t = a_token();
  std::string stored = secret_hash(t.secret);
  REQUIRE(stored.size() == 64);
  REQUIRE(secret_matches(t.secret, stored));
  REQUIRE_FALSE(secret_matches(a_token().secret, stored));
  REQUIRE_FALSE(secret_matches("", stored));
  REQUIRE_FALSE(secret_matches(t.secret, ""));
}

}  // namespace meshd
