// SPDX-License-Identifier: Apache-2.0
// data_loops.h: the data plane as the control thread sees it: N threads, each with a Loop and a DataPlane
// (data_plane.h). What crosses is sent by mailbox: snapshots, identities, health; back come metrics and log records.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/check_list.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/result.h"
#include "net/address.h"
#include "net/tcp_stream.h"
#include "proxy/flow_table.h"
#include "proxy/shadow.h"
#include "snapshot/snapshot.h"
#include "telemetry/access_log.h"
#include "telemetry/metrics.h"
#include "tls/context.h"

namespace meshd {

class RateBudgets;

// What one node is, fixed while it runs.
struct NodeSettings {
  std::string name;  // "n1"
  std::string trust_domain;
  SocketAddress mesh;  // 15008, on the node's address
  std::string
      local_ip;  // where explicit listeners are bound: the node's address if it is loopback, else 127.0.0.1
  unsigned threads = 1;
  size_t buffers_max = 0;  // bytes that one loop may buffer
};

// The certificates in use: one context with every identity of the node, for each side. The default identity is
// the node's own. Swapped whole on renewal.
struct NodeTls {
  std::shared_ptr<const TlsContext> server, client;
};

// Endpoints known to be down, with the reason ("http 503", "connect refused", "node n3 is away").
using DownEndpoints = std::unordered_map<EndpointId, std::string>;

// What one loop has learnt of an endpoint that it has sent something to.
struct EndpointView {
  uint32_t active = 0;      // under way
  milliseconds ejected{0};  // by a breaker, for so long yet
  milliseconds avoided{0};  // after a connect that failed, for so long yet
  bool probing = false;     // one request tries it, after its ejection
  nanoseconds latency{0};   // peak EWMA; 0: unknown
  double part = 1;          // of its weight, in a slow start
};
using EndpointViews = std::unordered_map<EndpointId, EndpointView>;

// An explicit listener or route that could not be put in place on this node, for the status.
struct ListenProblem {
  std::string listener;
  std::string what;
};

class DataLoops {
 public:
  // `access` is called on the control thread's loop with batches of records; only records that the snapshot's
  // access-log filter lets through are sent.
  using AccessSink = std::function<void(std::vector<AccessRecord>)>;

  // Opens the mesh listener and starts the threads. Call on the control thread, whose Loop outlives this.
  // Errors: a port in use, with a sentence.
  static Outcome<std::unique_ptr<DataLoops>> start(NodeSettings settings, NodeTls tls, AccessSink access);
  // Joins the threads. Call drain first to let requests finish.
  ~DataLoops();

  // Each call takes effect on every loop; `done` runs on the control thread when it has, with what could not be
  // put in place (the rest is).
  void swap(SnapshotPtr snapshot, std::function<void(std::vector<ListenProblem>)> done);
  void set_tls(NodeTls tls);
  void set_down(std::shared_ptr<const DownEndpoints> down);

  // Called on the control thread when a token names a key that its issuer, of this name, is not known to have.
  void on_keys_wanted(std::function<void(const std::string& issuer)> wanted);

  // The budgets of rate limits, which all loops share.
  const std::shared_ptr<RateBudgets>& budgets() const;

  // A candidate to compare live requests with; null: none.
  void set_shadow(ShadowOrderPtr order);
  // What every loop counted of it, merged; `done` runs on the control thread.
  void collect_shadow(std::function<void(ShadowCounts)> done);

  // Who called what since the last time; `done` runs on the control thread.
  void collect_flows(std::function<void(FlowBatch)> done);

  // Collects every loop's metrics, merged; `done` runs on the control thread.
  void collect(std::function<void(MetricsCopy)> done);

  // What each loop knows of the endpoints; `done` runs on the control thread.
  void look(std::function<void(std::vector<EndpointViews>)> done);

  // Connects to the program of an endpoint of this node, if it is the declared one (port_guard.h). On the control thread.
  Task<Result<std::unique_ptr<TcpStream>>> dial(EndpointId endpoint, SocketAddress at, milliseconds limit);
  // How this node's workloads are told apart, and what stands in the way of that (owner_report.h), as of now.
  Json workloads();
  CheckList host_checks();

  // Stops accepting, sends GOAWAY, lets requests finish for at most `deadline`; `done` runs on the control thread
  // when nothing is left or the deadline has passed.
  void drain(milliseconds deadline, std::function<void()> done);

  struct Impl;
  explicit DataLoops(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace meshd
