// SPDX-License-Identifier: Apache-2.0
// mesh_health.h: which endpoints of the mesh are down, merged from what each node says of its own and from the nodes
// that say nothing any more. Pure: no clock, no network.
#pragma once
#include <map>
#include <set>
#include <string>

#include "base/json.h"
#include "snapshot/snapshot.h"

namespace meshd {

class MeshHealth {
 public:
  // What `node` reports of its own endpoints: "down" of protocol.h. Replaces its last report.
  void report(const std::string& node, const Json& down);
  // Forgets what the node said: it was removed.
  void forget(const std::string& node);
  // Nodes that are silent: all their endpoints are down.
  void set_away(std::set<std::string> nodes) { away_ = std::move(nodes); }
  const std::set<std::string>& away() const { return away_; }

  // The {"type":"health"} line for everybody, with its line end. A node speaks for endpoints placed on it only. Sorted,
  // so that the same state gives the same line.
  std::string line(const Snapshot* snapshot) const;

 private:
  std::string reason_for(const Endpoint& endpoint, const std::string& id) const;

  using Down = std::map<std::string, std::string>;  // endpoint id as on the wire → reason
  std::map<std::string, Down> reports_;
  std::set<std::string> away_;
};

// An endpoint's id as the wire has it: 16 hex digits.
std::string wire_id(EndpointId id);

}  // namespace meshd
