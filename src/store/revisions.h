// SPDX-License-Identifier: Apache-2.0
// revisions.h: every configuration that was ever published, in order.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "store/chain.h"

namespace meshd::store {

class Database;

struct ConfigRevision {
  Revision number;   // grows, never reused
  std::string text;  // the YAML file as it was; empty in lists
  std::string author;
  std::string message;
  UnixSeconds time = 0;
  std::string hash;    // over the previous revision's hash and all of the above
  uint64_t bytes = 0;  // of the text
};

struct NewRevision {
  std::string text;
  std::string author;
  std::string message;
  std::optional<Revision> base;  // the latest revision the author has seen; unset: whatever it is
};

struct Appended {
  Revision number;
  bool created = false;  // false: the text equals the latest revision's, which is returned
};

class Revisions {
 public:
  Revisions(Database& db, const Clock& clock, const Hash& hash) : db_(db), clock_(clock), hash_(hash) {}

  // When this returns a number, the revision is on disk. Errors: conflict (`base` is not the latest), limit (over
  // kConfigBytesMax), exhausted, io.
  Outcome<Appended> append(const NewRevision& revision);
  // With text; its hash is checked. nullopt: none yet.
  Outcome<std::optional<ConfigRevision>> latest();
  // With text; its hash is checked. Errors: not_found, io (damaged).
  Outcome<ConfigRevision> get(Revision number);
  // The newest `limit` without text, newest first.
  Outcome<std::vector<ConfigRevision>> list(size_t limit);
  // Deletes all but the newest `keep` (at least 1) and says how many went.
  Outcome<uint64_t> prune(size_t keep);
  // Checks every hash and says how many rows stand. Errors: io, naming the first revision that does not fit.
  Outcome<uint64_t> verify();

 private:
  Database& db_;
  const Clock& clock_;
  const Hash& hash_;
};

}  // namespace meshd::store
