// SPDX-License-Identifier: Apache-2.0
// token_cache.h: what one loop knows of the tokens it saw last, by their hash: a signature costs a millisecond, and a
// client sends one token a thousand times. Bounded; what was used longest ago goes first.
#pragma once
#include <expected>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "jwt/verify_token.h"

namespace meshd {

inline constexpr size_t kTokensKept = 2'048;

using TokenPtr = std::shared_ptr<const VerifiedToken>;
using TokenVerifierPtr = std::shared_ptr<const TokenVerifier>;

class TokenCache {
 public:
  // Other issuers or other keys: nothing that was learnt from the last ones holds any more.
  void follow(TokenVerifierPtr verifier);

  // As TokenVerifier::verify, and the times. A refused token is kept too, so that it is cheap to refuse again.
  std::expected<TokenPtr, TokenRefused> check(std::string_view compact, UnixSeconds now);

  size_t size() const { return entries_.size(); }
  uint64_t verified() const { return verified_; }  // that were not known

 private:
  struct Entry {
    std::string hash;
    TokenPtr token;  // null: refused
    TokenRefused refused;
  };
  const Entry& find(std::string_view compact);

  TokenVerifierPtr verifier_;
  std::list<Entry> entries_;  // used last first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_hash_;
  uint64_t verified_ = 0;
};

}  // namespace meshd
