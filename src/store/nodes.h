// SPDX-License-Identifier: Apache-2.0
// nodes.h: the machines that joined, and what they last said.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

namespace meshd::store {

class Database;

struct NodeRecord {
  std::string name;
  std::string address;  // where other nodes reach it
  uint16_t mesh_port = 0;
  std::string zone;
  std::string spiffe_id;
  UnixSeconds joined_at = 0;
  UnixSeconds last_seen = 0;  // 0: never since it joined
  Revision acked;             // the newest snapshot it said it acts on
  std::string state;          // its last status report, JSON; may be empty
  std::string version;        // of its meshd
};

// What a node's acknowledgement changes.
struct NodeReport {
  std::string name;
  Revision acked;
  std::string state;
  std::string version;
};

class Nodes {
 public:
  Nodes(Database& db, const Clock& clock) : db_(db), clock_(clock) {}

  // Adds the node, or replaces the record of that name.
  Outcome<> upsert(const NodeRecord& node);
  // Notes these reports with last_seen = now, in one transaction; unknown nodes are passed over. Collect them: each call
  // is one fsync.
  Outcome<> report(const std::vector<NodeReport>& reports);
  Outcome<std::optional<NodeRecord>> get(const std::string& name);
  // By name.
  Outcome<std::vector<NodeRecord>> list();
  // False: there was none.
  Outcome<bool> remove(const std::string& name);

 private:
  Database& db_;
  const Clock& clock_;
};

}  // namespace meshd::store
