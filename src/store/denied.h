// SPDX-License-Identifier: Apache-2.0
// denied.h: certificates and identities that were revoked before their end.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "store/chain.h"

namespace meshd::store {

class Database;

struct DeniedRecord {
  std::string kind;       // "serial", "identity" (a SPIFFE ID) or "node" (a name)
  std::string value;      // of that kind
  UnixSeconds until = 0;  // of no use later, because the certificate has ended; 0: until it is lifted
  UnixSeconds time = 0;   // by add()
  std::string who;
  std::string why;
};

class Denied {
 public:
  Denied(Database& db, const Clock& clock, const Hash& hash) : db_(db), clock_(clock), hash_(hash) {}

  // Adds it, or replaces the one of that kind and value.
  Outcome<> add(const DeniedRecord& record);
  // False: there was none.
  Outcome<bool> lift(const std::string& kind, const std::string& value);
  // By kind and value. Errors: io, naming a row whose checksum does not fit: what is not known to be whole is not acted on.
  Outcome<std::vector<DeniedRecord>> list();
  // Deletes what is of no use any more, and says how many.
  Outcome<uint64_t> prune();

 private:
  Database& db_;
  const Clock& clock_;
  const Hash& hash_;
};

}  // namespace meshd::store
