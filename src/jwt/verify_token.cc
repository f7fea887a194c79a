// SPDX-License-Identifier: Apache-2.0
// verify_token.cc: apart (jws.cc) → issuer → key and algorithm → signature → claims.
#include "jwt/verify_token.h"

#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "jwt/jws.h"

namespace meshd {
namespace {

// NumericDate (RFC 7519 section 2): seconds, maybe with a fraction. Nothing: it is none.
std::optional<UnixSeconds> date_of(const Json& j) {
  constexpr int64_t kMost = int64_t{1} << 53;  // every number up to this is one second of its own
  if (j.is<int64_t>()) {
    int64_t n = j.get<int64_t>();
    return n > -kMost && n < kMost ? std::optional(n) : std::nullopt;
  }
  if (!j.is<double>()) return std::nullopt;
  double d = std::floor(j.get<double>());
  return d > -0x1p53 && d < 0x1p53 ? std::optional(static_cast<UnixSeconds>(d)) : std::nullopt;
}

// The claims as names and texts.
class Flattened {
 public:
  bool add(const std::string& name, const Json& value) {
    if (value.is<JsonObject>()) {
      for (const auto& [key, below] : value.get<JsonObject>())
        if (!add(name.empty() ? key : name + "." + key, below)) return false;
      return true;
    }
    if (value.is<JsonArray>()) {
      for (const Json& item : value.get<JsonArray>())
        if (!add(name, item)) return false;
      return true;
    }
    if (value.is<picojson::null>()) return true;
    std::string text = value.to_str();
    bytes_ += name.size() + text.size();
    if (bytes_ > kClaimBytesMax) return false;
    pairs_.emplace_back(name, std::move(text));
    return true;
  }
  std::vector<std::pair<std::string, std::string>> sorted() {
    std::ranges::sort(pairs_);
    return std::move(pairs_);
  }

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
  size_t bytes_ = 0;
};

// `aud`: one text or a list of them (RFC 7519 section 4.1.3). Nothing: neither.
std::optional<std::vector<std::string>> audiences_of(const Json& claims) {
  const Json& aud = member(claims, "aud");
  if (aud.is<picojson::null>()) return std::vector<std::string>();
  if (aud.is<std::string>()) return std::vector{aud.get<std::string>()};
  if (!aud.is<JsonArray>()) return std::nullopt;
  std::vector<std::string> out;
  for (const Json& one : aud.get<JsonArray>()) {
    if (!one.is<std::string>()) return std::nullopt;
    out.push_back(one.get<std::string>());
  }
  return out;
}

// Nothing: the signature is one of the issuer's.
std::optional<TokenFault> fault_of_signature(const Jws& jws, const TrustedIssuer& issuer) {
  if (issuer.keys.empty()) return TokenFault::no_keys;
  TokenFault fault = TokenFault::key;
  size_t tried = 0;
  for (const Jwk& k : issuer.keys) {
    if (jws.kid && k.kid != *jws.kid) continue;
    if (jws.algorithm != name_of(k.key.algorithm())) {
      fault = std::max(fault, TokenFault::algorithm);
      continue;
    }
    if (tried++ == kKeysTried) break;
    if (k.key.verify(jws.signing_input, jws.signature)) return std::nullopt;
    fault = TokenFault::signature;
  }
  return fault;
}

bool is_for(const std::vector<std::string>& token, const TrustedIssuer& issuer) {
  return issuer.audiences.empty() || std::ranges::any_of(token, [&](const std::string& audience) {
           return std::ranges::find(issuer.audiences, audience) != issuer.audiences.end();
         });
}

}  // namespace

std::optional<TokenFault> fault_at(const VerifiedToken& token, UnixSeconds now) {
  if (token.not_before > now + kTokenSkew) return TokenFault::early;
  // The date itself is too late already (RFC 7519 section 4.1.4).
  if (now - kTokenSkew >= token.expires) return TokenFault::expired;
  return std::nullopt;
}

std::expected<VerifiedToken, TokenRefused> TokenVerifier::verify(std::string_view compact) const {
  auto refused = [](TokenFault fault) { return std::unexpected(TokenRefused{fault, {}}); };
  auto jws = parse_jws(compact);
  if (!jws) return refused(jws.error());
  auto claims = parse_json_unique(jws->payload);
  if (!claims || !claims->is<JsonObject>()) return refused(TokenFault::malformed);
  const Json& iss = member(*claims, "iss");
  auto audiences = audiences_of(*claims);
  // A token without an end would be good for ever.
  auto expires = date_of(member(*claims, "exp"));
  const Json& nbf = member(*claims, "nbf");
  auto not_before = nbf.is<picojson::null>() ? std::optional<UnixSeconds>(0) : date_of(nbf);
  if (!iss.is<std::string>() || !audiences || !expires || !not_before) return refused(TokenFault::malformed);

  VerifiedToken out{{}, *not_before, *expires};
  TokenRefused why{TokenFault::issuer, {}};
  for (const TrustedIssuer& issuer : issuers_) {
    if (issuer.issuer != iss.get<std::string>()) continue;
    auto fault = fault_of_signature(*jws, issuer);
    bool newer_might = fault == TokenFault::no_keys || fault == TokenFault::key ||
                       (fault == TokenFault::signature && !jws->kid);
    if (newer_might) why.stale.push_back(issuer.name);
    if (!fault && !is_for(*audiences, issuer)) fault = TokenFault::audience;
    if (fault)
      why.fault = std::max(why.fault, *fault);
    else
      out.token.issuers.push_back(issuer.name);
  }
  if (out.token.issuers.empty()) return std::unexpected(std::move(why));
  Flattened flat;
  if (!flat.add("", *claims)) return refused(TokenFault::malformed);
  out.token.claims = flat.sorted();
  return out;
}

}  // namespace meshd
