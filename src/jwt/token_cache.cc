// SPDX-License-Identifier: Apache-2.0
#include "jwt/token_cache.h"

#include "jwt/jws.h"
#include "tls/digest.h"

namespace meshd {

void TokenCache::follow(TokenVerifierPtr verifier) {
  if (verifier == verifier_) return;
  verifier_ = std::move(verifier);
  by_hash_.clear();
  entries_.clear();
}

std::expected<TokenPtr, TokenRefused> TokenCache::check(std::string_view compact, UnixSeconds now) {
  if (compact.size() > kTokenBytesMax || !verifier_)
    return std::unexpected(TokenRefused{verifier_ ? TokenFault::malformed : TokenFault::no_keys, {}});
  const Entry& known = find(compact);
  if (!known.token) return std::unexpected(known.refused);
  if (auto fault = fault_at(*known.token, now)) return std::unexpected(TokenRefused{*fault, {}});
  return known.token;
}

const TokenCache::Entry& TokenCache::find(std::string_view compact) {
  std::string hash = sha256(compact);
  if (auto it = by_hash_.find(hash); it != by_hash_.end()) {
    entries_.splice(entries_.begin(), entries_, it->second);
    return entries_.front();
  }
  ++verified_;
  auto verified = verifier_->verify(compact);
  if (entries_.size() >= kTokensKept) {
    by_hash_.erase(entries_.back().hash);
    entries_.pop_back();
  }
  Entry& e = entries_.emplace_front();
  e.hash = std::move(hash);
  if (verified)
    e.token = std::make_shared<const VerifiedToken>(std::move(*verified));
  else
    e.refused = std::move(verified.error());
  by_hash_[e.hash] = entries_.begin();
  return e;
}

}  // namespace meshd
