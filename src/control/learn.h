// SPDX-License-Identifier: Apache-2.0
// learn.h: recorded flows to policy, and policy to the flows that it would break.
#pragma once
#include <string>
#include <vector>

#include "base/json.h"
#include "snapshot/snapshot.h"

namespace meshd {

struct SeenFlow {
  std::string caller;  // SPIFFE ID; empty: nobody
  std::string service;
  uint16_t port = 0;
  std::string method;   // empty: opaque bytes
  std::string path;     // a pattern
  std::string example;  // a path that was asked for
  uint64_t count = 0;
  int64_t first = 0, last = 0;  // Unix seconds
};
// Of GET /v1/flows (flow_desk.h).
std::vector<SeenFlow> read_flows(const Json& answer);

// A `policy:` section that allows what was seen and nothing else, with what was seen beside each rule. What no rule can say
// is a comment.
std::string learned_policy(const std::string& trust_domain, std::vector<SeenFlow> flows);

// Flows that `candidate` would deny, by its own authorize(), on the example of each.
struct BrokenFlow {
  const SeenFlow* flow;
  std::string why;  // "deny by rule no-admin (meshd.yaml:12:7)"
};
std::vector<BrokenFlow> broken_by(const Snapshot& candidate, const std::vector<SeenFlow>& flows);

}  // namespace meshd
