// SPDX-License-Identifier: Apache-2.0
// audit.h: who did what and when; each row hashes the one before it.
#pragma once
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "store/chain.h"

namespace meshd::store {

class Database;

struct AuditRecord {
  uint64_t number = 0;  // from 1, without gaps
  UnixSeconds time = 0;
  std::string who;     // "uid:0", "node.n2", "operator:alice"
  std::string what;    // "token.create", "config.apply"
  std::string detail;  // JSON; never a secret
  std::string hash;
};

struct AuditEvent {
  std::string who;
  std::string what;
  std::string detail = "{}";
};

class Audit {
 public:
  Audit(Database& db, const Clock& clock, const Hash& hash) : db_(db), clock_(clock), hash_(hash) {}

  // The new row's number, once it is on disk. Within Store::transact it stands or falls with the change it tells of.
  Outcome<uint64_t> append(const AuditEvent& event);
  // The newest `limit`, newest first; those before number `before` where that is given.
  Outcome<std::vector<AuditRecord>> list(size_t limit, uint64_t before = 0);
  // Checks every row and says how many stand. Errors: io, naming the first row that does not fit. Rows cut off at the
  // end are found only by who has noted a later number and hash (list(1)).
  Outcome<uint64_t> verify();

 private:
  Database& db_;
  const Clock& clock_;
  const Hash& hash_;
};

}  // namespace meshd::store
