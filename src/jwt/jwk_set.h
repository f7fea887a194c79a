// SPDX-License-Identifier: Apache-2.0
// jwk_set.h: an issuer's public keys: a JWK Set (RFC 7517 section 5).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tls/verify_key.h"

namespace meshd {

inline constexpr size_t kJwkSetBytesMax = 256 * 1024;
inline constexpr size_t kJwksMax = 64;  // keys that can be used; issuers have two to five

struct Jwk {
  std::string kid;  // may be empty, and need not be unique
  VerifyKey key;
};

struct JwkSet {
  std::vector<Jwk> keys;
  size_t ignored = 0;  // of another kind, use or algorithm, malformed, or private
  std::string text;    // the keys that are used and no more, as a JWK Set: what nodes are sent
};

// Taken are RSA keys for RS256 and P-256 keys for ES256. What is of no use to us is counted and left out, as RFC 7517
// section 5 asks; so is a key whose private half stands beside it, which is everybody's. Errors: invalid_argument (no
// such set, or no key in it that can be used), limit.
Outcome<JwkSet> parse_jwk_set(std::string_view json);

}  // namespace meshd
