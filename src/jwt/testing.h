// SPDX-License-Identifier: Apache-2.0
// testing.h: for tests only: an issuer that signs with ES256.
#pragma once
#include <string>
#include <string_view>

#include "base/encode.h"
#include "base/json.h"
#include "jwt/jwk_set.h"
#include "tls/key_pair.h"

namespace meshd::testing {

// An ECDSA signature in DER as 64 octets.
inline std::string raw_signature(std::string_view der) {
  std::string out;
  size_t at = 2;
  for (int i = 0; i < 2; ++i) {
    auto size = static_cast<unsigned char>(der[at + 1]);
    std::string_view number = der.substr(at + 2, size);
    at += 2 + size;
    while (number.size() > 32) number.remove_prefix(1);
    out.append(32 - number.size(), '\0').append(number);
  }
  return out;
}

class TestIssuer {
 public:
  explicit TestIssuer(std::string kid = "k1") : kid_(std::move(kid)) {}

  // Its public key as a JWK.
  std::string jwk(std::string_view more = "") const {
    std::string der = key_.public_key().der();
    std::string point = der.substr(der.size() - 64);
    return R"({"kty":"EC","crv":"P-256","kid":")" + kid_ + R"(","x":")" + to_base64url(point.substr(0, 32)) +
           R"(","y":")" + to_base64url(point.substr(32)) + "\"" + std::string(more) + "}";
  }
  std::string jwks() const { return R"({"keys":[)" + jwk() + "]}"; }

  std::string sign(std::string_view header, std::string_view claims) const {
    std::string input = to_base64url(header) + "." + to_base64url(claims);
    return input + "." + to_base64url(raw_signature(key_.sign(input).value()));
  }
  std::string token(std::string_view claims) const {
    return sign(R"({"alg":"ES256","kid":")" + kid_ + "\"}", claims);
  }

 private:
  std::string kid_;
  KeyPair key_ = KeyPair::generate().value();
};

}  // namespace meshd::testing
