// SPDX-License-Identifier: Apache-2.0
// authenticate.h: the stage before authorize: the bearer token that a request shows, where rules about the called service
// ask for one. Services without such rules pay nothing, and their programs may have tokens of their own.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "http/message.h"
#include "jwt/token_cache.h"
#include "snapshot/decide.h"

namespace meshd {

struct Exchange;

// Between two words to the server that one issuer's keys may be old, of each loop.
inline constexpr milliseconds kKeysWantedEvery{1'000};

// What a request shows, as the exchange keeps it.
struct ShownToken {
  bool looked = false;              // somebody asked
  TokenPtr token;                   // null: none was shown, or it is not good
  std::optional<TokenFault> fault;  // why it is not good
};

// One loop's tokens.
class TokenDesk {
 public:
  // `want` is called, from this loop, with the name of an issuer whose keys may have changed.
  explicit TokenDesk(std::function<void(const std::string&)> want) : want_(std::move(want)) {}

  void follow(TokenVerifierPtr verifier) { cache_.follow(std::move(verifier)); }
  // Looks at `authorization`. Errors are in the answer.
  ShownToken look(const RequestHead& head, UnixSeconds unix_now, Instant now);

 private:
  TokenCache cache_;
  std::function<void(const std::string&)> want_;
  std::map<std::string, Instant> wanted_;  // when it was last asked for
};

// Writes facts.token for a service whose rules ask for one. False: the token is to be refused.
bool authenticate(Exchange& x, const ServiceEntry& to, RequestFacts& facts);

// The answer to a request that authenticate() or authorize() did not let pass: 401 where a token is not good, or is missing
// and could help (RFC 6750 section 3); 503 where the issuer's keys are not known yet; else 403 with the place in the file.
Response refuse_by_policy(std::unique_ptr<Exchange>&& x);

// The issuers of a snapshot with their keys. The same object as before where nothing of it has changed.
class TokenVerifiers {
 public:
  const TokenVerifierPtr& of(const Snapshot& snapshot);

 private:
  std::string made_of_;
  TokenVerifierPtr verifier_;
};

}  // namespace meshd
