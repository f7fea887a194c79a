// SPDX-License-Identifier: Apache-2.0
// verify_token.h: is this token one that a trusted issuer made, for us, for now? (RFC 7519, RFC 8725)
//
// The key decides on the algorithm: RS256 for RSA, ES256 for P-256. There is no other, so neither `none` nor a MAC keyed
// with a public key can pass. Times are judged apart, because what is verified once is kept (token_cache.h).
#pragma once
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "jwt/jwk_set.h"
#include "jwt/token_fault.h"
#include "model/token.h"

namespace meshd {

inline constexpr UnixSeconds kTokenSkew = 60;  // between the issuer's clock and ours
// Signatures tried for a token that names no key, or a name that several have.
inline constexpr size_t kKeysTried = 8;
// Of names and texts of claims together: those of nested objects repeat the names above them.
inline constexpr size_t kClaimBytesMax = 64 * 1024;

// An entry of the file's `jwt`, with the keys it has now.
struct TrustedIssuer {
  std::string name;                    // under `jwt`
  std::string issuer;                  // the `iss` claim
  std::vector<std::string> audiences;  // empty: `aud` is not looked at
  std::vector<Jwk> keys;               // empty: not known yet
};

struct VerifiedToken {
  model::Token token;
  UnixSeconds not_before = 0;
  UnixSeconds expires = 0;
};
// early or expired; nothing: it is good now.
std::optional<TokenFault> fault_at(const VerifiedToken& token, UnixSeconds now);

struct TokenRefused {
  TokenFault fault = TokenFault::malformed;
  // Names of issuers whose keys may have changed since: with newer ones the token might pass.
  std::vector<std::string> stale;
};

class TokenVerifier {
 public:
  explicit TokenVerifier(std::vector<TrustedIssuer> issuers) : issuers_(std::move(issuers)) {}
  // Everything but the times. Several entries may be of one issuer: the token is good for those that accept it.
  std::expected<VerifiedToken, TokenRefused> verify(std::string_view compact) const;

 private:
  std::vector<TrustedIssuer> issuers_;
};

}  // namespace meshd
