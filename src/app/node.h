// SPDX-License-Identifier: Apache-2.0
// node.h: everything that runs in one meshd, as a list of parts in the order in which they begin.
//
// The data plane serves from the last good snapshot before anything else is tried: no server, no network and no disk
// beyond the state directory is needed for it. Belongs to the control thread, whose Loop outlives it.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control/access_writer.h"
#include "control/admin_server.h"
#include "control/agent.h"
#include "control/api_router.h"
#include "control/control_server.h"
#include "control/flow_node.h"
#include "control/health_check.h"
#include "control/health_view.h"
#include "control/identities.h"
#include "control/live_config.h"
#include "control/metrics_server.h"
#include "control/node_status.h"
#include "control/shadow_node.h"
#include "control/state_dir.h"
#include "control/trial.h"
#include "proxy/data_loops.h"

namespace meshd {

struct NodeOptions {
  std::string state;
  std::string host_key;  // file (control/host_key.h); may be empty
  std::string version;
  unsigned threads = 0;                        // data loops; 0: one per processor, kThreadsDefaultMax at most
  uint16_t metrics_port = kMetricsPort;        // 0: no metrics server
  size_t buffers_mib = kLoopBuffersMax >> 20;  // that one data loop may buffer
};
inline constexpr unsigned kThreadsMax = 64;
inline constexpr unsigned kThreadsDefaultMax =
    4;  // each has pools and buffers of its own; more must be asked for

class Node {
 public:
  // Starts all parts. `ready` runs when traffic is served, or when there is nothing to serve yet and the local API
  // answers: it gets what is waited for, or nothing. Errors: a sentence about the part that could not begin.
  static Outcome<std::unique_ptr<Node>> start(NodeOptions options,
                                              std::function<void(const std::string&)> ready);
  ~Node();

  // Lets requests finish for at most kDrainDeadline, then ends every part; `done` runs once.
  void stop(std::function<void()> done);
  // Logs are opened anew by their names.
  void reopen_logs();

  const std::string& name() const { return file_.node; }

 private:
  Node(NodeOptions options, StateDir state, NodeFile file);
  Outcome<> begin(std::function<void(const std::string&)> ready);
  Outcome<> begin_data_plane();
  Outcome<> begin_server();
  Outcome<> begin_local_api();
  Outcome<> begin_metrics();
  void make_agent();
  Outcome<> begin_agent();
  void add_routes();
  NodeParts parts_for_status();
  void end_parts();

  NodeOptions options_;
  StateDir state_;
  NodeFile file_;
  ClockKeeper time_;
  const Clock& clock_;
  std::function<void()> stopped_;
  bool stopping_ = false;

  // In the order in which they begin; they go in the other direction.
  AccessWriter access_;
  std::unique_ptr<Identities> identities_;
  std::unique_ptr<DataLoops> loops_;
  std::unique_ptr<LiveConfig> live_;
  std::unique_ptr<Trial> trial_;
  std::unique_ptr<HealthView> health_;
  std::unique_ptr<HealthCheck> checks_;
  std::unique_ptr<LimitLeases> leases_;
  std::unique_ptr<ControlServer> server_;  // null: this node is no server
  std::unique_ptr<Agent> agent_;
  std::unique_ptr<ShadowNode> shadow_;
  std::unique_ptr<FlowNode> flows_;
  std::unique_ptr<NodeStatus> status_;
  ApiRouter router_;
  std::unique_ptr<AdminServer> admin_;
  std::unique_ptr<MetricsServer> metrics_;
};

}  // namespace meshd
