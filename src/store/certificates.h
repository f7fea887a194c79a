// SPDX-License-Identifier: Apache-2.0
// certificates.h: what the authority signed. Certificates themselves are public and are not kept.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace meshd::store {

class Database;

struct CertificateRecord {
  std::string serial;  // hex
  std::string spiffe_id;
  std::string node;  // the node that asked
  UnixSeconds not_before = 0;
  UnixSeconds not_after = 0;
  UnixSeconds issued_at = 0;  // 0: now
};

class Certificates {
 public:
  Certificates(Database& db, const Clock& clock) : db_(db), clock_(clock) {}

  // Errors: conflict (the serial exists).
  Outcome<> record(const CertificateRecord& certificate);
  // The newest `limit`, newest first.
  Outcome<std::vector<CertificateRecord>> list(size_t limit);
  // All of one node, newest first.
  Outcome<std::vector<CertificateRecord>> of_node(const std::string& node);
  // Nothing: this authority signed none of that serial, or it was pruned.
  Outcome<std::optional<CertificateRecord>> find(const std::string& serial);
  // Deletes those that ended before `before`, and says how many.
  Outcome<uint64_t> prune_expired(UnixSeconds before);

 private:
  Database& db_;
  const Clock& clock_;
};

}  // namespace meshd::store
