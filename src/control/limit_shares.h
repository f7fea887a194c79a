// SPDX-License-Identifier: Apache-2.0
// limit_shares.h: the server lends the mesh's rate limits to its nodes, in proportion to what is asked of each.
//
// One rule keeps the sum: a budget's shares that may be in use anywhere, lent or equal parts, never exceed the whole. A
// node is lent more only from what is free, so another's share must have become smaller before, and that node must
// have said so: one grant is under way to a node at a time, and its next report says which it acts on. Of a node that
// has not reported for kLeaseLife the equal part is set aside (limit_leases.h has what such a node does).
//
// Pure: no network, no clock of its own.
#pragma once
#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/json.h"
#include "snapshot/snapshot.h"

namespace meshd {

class LimitShares {
 public:
  // `begun`: grants of a server before this one may hold for kLeaseLife more, in which nothing is lent.
  explicit LimitShares(Instant begun) : begun_(begun) {}

  // The limits with scope mesh, and how many nodes there are.
  void follow(const SnapshotPtr& snapshot);
  // {"type":"demand"} of `node`; gives {"type":"shares"}, or nothing while a grant to it is under way.
  std::optional<Json> report(const std::string& node, const Json& line, Instant now);
  void forget(const std::string& node);

  // What may be in use of a budget now, of kWholeShare.
  int64_t committed(const std::string& budget, Instant now) const;
  size_t budgets() const { return budgets_.size(); }

 private:
  struct Part {
    int64_t demand = 0;   // of kWholeShare, may be above it
    int64_t acting = 0;   // lent, and the node said so; 0: it has its equal part
    int64_t offered = 0;  // lent, and it may act on it or not yet; 0: nothing is
  };
  struct Budget {
    const model::RateLimit* limit = nullptr;
    std::map<std::string, Part> parts;  // by node, of those that report
    Instant used;
    // ---- sums over parts of nodes that report, made anew by sweep(); committed is kept up between
    int64_t demand = 0;
    int64_t committed = 0;  // with the equal parts of all others
  };
  struct NodeSide {
    int64_t number = 0;  // of the last grant
    bool under_way = false;
    Instant until;  // grants to it may be in use
    Instant heard;
  };

  void take_demand(const std::string& node, const Json& line, Instant now);
  void settle(const std::string& node, NodeSide& side, int64_t acts, Instant now);
  Json grant(const std::string& node, NodeSide& side, Instant of, Instant now);
  int64_t target(const Budget& budget, const Part& part) const;
  void sweep(Instant now);
  void drop_lent(const std::string& node);
  int64_t equal_part() const;
  int64_t in_use(const Part& part) const;  // at most

  Instant begun_;
  int64_t nodes_ = 1;
  int64_t present_ = 0;  // that report
  size_t keys_ = 0;
  std::map<std::string, const model::RateLimit*> limits_;  // by name; of snapshot_
  SnapshotPtr snapshot_;
  std::map<std::string, Budget> budgets_;  // by wire name
  std::map<std::string, NodeSide> sides_;
  Instant swept_;
};

}  // namespace meshd
