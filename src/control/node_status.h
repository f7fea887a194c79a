// SPDX-License-Identifier: Apache-2.0
// node_status.h: this node as people and programs see it: `meshd status` and `meshd get`, as JSON.
//
// All of it is read from what the node acts on at this moment; nothing is asked of the server.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "control/access_writer.h"
#include "control/agent.h"
#include "control/health_view.h"
#include "control/identities.h"
#include "control/limit_leases.h"
#include "control/live_config.h"

namespace meshd {

// Every JSON answer carries it; it changes when an answer's meaning does.
inline constexpr std::string_view kApiVersion = "meshd/v1";

// What is looked at; all of it outlives the status.
struct NodeParts {
  const StateDir& state;
  const NodeFile& node;
  std::string version;
  std::vector<std::string> roles;
  unsigned threads = 1;
  std::string metrics;  // "ip:port" of the metrics server; empty: none
  UnixSeconds started = 0;
  const LiveConfig& live;
  const Identities& identities;
  const HealthView& health;
  const Agent& agent;
  const Trial& trial;
  const LimitLeases& limits;
  const AccessWriter& access;
  const ClockKeeper& time;
};

class NodeStatus {
 public:
  explicit NodeStatus(NodeParts parts) : parts_(std::move(parts)) {}
  const NodeParts& parts() const { return parts_; }

  // The whole: {"apiVersion","kind":"Status",…}.
  Json status() const;
  // What the server keeps of it: the same, without what the server knows.
  Json report() const;
  // {"apiVersion","kind","items":[…]} of services, nodes, routes, policies, limits or certs. Errors: not_found for other words.
  Outcome<Json> get(std::string_view kind) const;

  // Traffic can be served: there is a snapshot and the node's certificate is valid. Empty, or why not yet.
  std::string not_ready() const;

 private:
  Json server() const;
  Json certificates() const;
  Json peers() const;
  Json services() const;
  Json nodes() const;
  Json routes() const;
  Json policies() const;

  NodeParts parts_;
};

// Of this process, from /proc.
struct ProcessFacts {
  uint64_t rss_bytes = 0;
  uint64_t open_files = 0;
  double cpu_seconds = 0;
};
ProcessFacts process_facts();

}  // namespace meshd
