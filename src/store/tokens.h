// SPDX-License-Identifier: Apache-2.0
// tokens.h: join tokens: one time, short-lived, only their secret's hash at rest.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace meshd::store {

class Database;

struct TokenRecord {
  std::string id;
  std::string secret_hash;     // compared as bytes
  UnixSeconds created_at = 0;  // 0: now
  UnixSeconds expires_at = 0;
  std::optional<std::string> node;  // only this node may use it
  std::string created_by;
  std::optional<UnixSeconds> used_at;  // by consume()
  std::optional<std::string> used_by;  // by consume()
};

struct TokenUse {
  std::string id;
  std::string secret_hash;
  std::string node;     // the name the joiner asks for
  std::string used_by;  // for the list: node and address
};

class Tokens {
 public:
  Tokens(Database& db, const Clock& clock) : db_(db), clock_(clock) {}

  // Errors: conflict (the id exists).
  Outcome<> create(const TokenRecord& token);
  // Marks the token used, by one conditional statement, and says whether it was good: known, right secret, unused,
  // not expired, for this node. Why not is not told. When this returns true, the use is on disk.
  Outcome<bool> consume(const TokenUse& use);
  // Newest first.
  Outcome<std::vector<TokenRecord>> list();
  // Deletes an unused token; false: there is none of that id.
  Outcome<bool> revoke(const std::string& id);
  // Deletes the unused tokens that are for this node only, and says how many.
  Outcome<uint64_t> revoke_for(const std::string& node);
  // Deletes tokens that were used or ran out before `before`, and says how many.
  Outcome<uint64_t> prune(UnixSeconds before);

 private:
  Database& db_;
  const Clock& clock_;
};

}  // namespace meshd::store
