// SPDX-License-Identifier: Apache-2.0
// jwt: tokens and key sets. "T" a token that nobody we know signed; "S" a JWK Set; "C" a claims set, signed here.
#include <algorithm>

#include "fuzz.h"
#include "jwt/testing.h"
#include "jwt/verify_token.h"

namespace meshd::fuzz {
namespace {

const testing::TestIssuer& issuer() {
  static const testing::TestIssuer one;
  return one;
}

const TokenVerifier& verifier() {
  static const TokenVerifier v({{"corp", "joe", {}, parse_jwk_set(issuer().jwks()).value().keys}});
  return v;
}

void token(std::string_view text) {
  auto verified = verifier().verify(text);
  must(!verified, "a token that our issuer did not sign is good", text);
  must(!name_of(verified.error().fault).empty(), "a refusal without a reason");
}

void key_set(std::string_view text) {
  auto set = parse_jwk_set(text);
  if (!set) {
    must(!set.error().what.empty(), "a refusal without a reason");
    return;
  }
  must(!set->keys.empty() && set->keys.size() <= kJwksMax, "a set of no or too many keys");
  auto again = parse_jwk_set(set->text);
  must(again.has_value(), "a set's own text is refused", set->text);
  must(again->text == set->text && again->ignored == 0 && again->keys.size() == set->keys.size(),
       "a set reads differently", set->text);
}

void claims(std::string_view text) {
  auto verified = verifier().verify(issuer().token(text));
  if (!verified) {
    must(verified.error().fault == TokenFault::malformed || verified.error().fault == TokenFault::issuer,
         "signed claims are refused for another reason", name_of(verified.error().fault));
    return;
  }
  const model::Token& t = verified->token;
  must(t.good_for("corp") && t.issuers.size() == 1, "a token of another issuer");
  must(t.says("iss", "joe"), "a token that says another issuer");
  must(std::ranges::is_sorted(t.claims), "claims out of order");
  size_t bytes = 0;
  for (const auto& [name, value] : t.claims) {
    bytes += name.size() + value.size();
    must(t.says(name, value), "a claim that is not found", name);
  }
  must(bytes <= kClaimBytesMax, "claims without bound");
}

}  // namespace

FUZZ_TARGET(jwt) {
  if (bytes.empty()) return;
  switch (bytes[0]) {
    case 'T': return token(bytes.substr(1));
    case 'S': return key_set(bytes.substr(1));
    case 'C': return claims(bytes.substr(1));
    default: return;
  }
}

}  // namespace meshd::fuzz
