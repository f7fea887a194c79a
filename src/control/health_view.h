// SPDX-License-Identifier: Apache-2.0
// health_view.h: which endpoints are down, from two sources: what this node checks itself, and what the server gathered
// from the other nodes. Of what it checks itself a node believes itself.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/json.h"
#include "control/health_check.h"
#include "proxy/data_loops.h"

namespace meshd {

class HealthView {
 public:
  using Publish = std::function<void(std::shared_ptr<const DownEndpoints>)>;
  // `publish` gets the merged set each time it changes: DataLoops::set_down.
  explicit HealthView(Publish publish)
      : publish_(std::move(publish)), down_(std::make_shared<DownEndpoints>()) {}

  void set_checked(std::map<EndpointId, HealthCheck::Checked> checked);
  // Replaces what the server said before.
  void set_server(DownEndpoints down);

  const DownEndpoints& down() const { return *down_; }
  // This node's own instances that are down, for the server.
  DownEndpoints own_down() const;
  // The node checks this endpoint, and knows.
  bool checks(EndpointId id) const;

 private:
  void merge();
  Publish publish_;
  std::map<EndpointId, HealthCheck::Checked> checked_;
  DownEndpoints server_;
  std::shared_ptr<const DownEndpoints> down_;
};

// {"<16 hex digits>": "reason"}, as protocol.h has it, and back; entries that cannot be read are dropped.
Json down_to_json(const DownEndpoints& down);
DownEndpoints down_from_json(const Json& json);
std::string hex_of(EndpointId id);

}  // namespace meshd
