// SPDX-License-Identifier: Apache-2.0
// flows.h: who called what, as the nodes counted it: bounded, for `meshd policy learn` and `simulate`.
#pragma once
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace meshd::store {

class Database;

inline constexpr size_t kFlowsKept = 50'000;  // rows; those that were not seen for longest go first

struct FlowRecord {
  std::string caller;  // SPIFFE ID; empty: nobody
  std::string service;
  uint16_t port = 0;
  std::string method;   // empty: opaque bytes
  std::string path;     // a pattern
  std::string example;  // a path that was asked for
  uint64_t count = 0;
  UnixSeconds first = 0, last = 0;
};

class Flows {
 public:
  explicit Flows(Database& db) : db_(db) {}

  // Adds what was counted to what is known. All of it or nothing.
  Outcome<> add(const std::vector<FlowRecord>& batch);
  // Those seen at `since` or later, by service, caller, path and method.
  Outcome<std::vector<FlowRecord>> list(UnixSeconds since);
  // Leaves the `keep` that were seen last. Gives how many went.
  Outcome<size_t> prune(size_t keep = kFlowsKept);

 private:
  Database& db_;
};

}  // namespace meshd::store
