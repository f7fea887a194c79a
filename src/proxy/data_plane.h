// SPDX-License-Identifier: Apache-2.0
// data_plane.h: everything one data loop has: listeners, the current snapshot, pools, live state, metrics.
// Nothing here is shared with another thread.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/buffered.h"
#include "base/random.h"
#include "http/server_group.h"
#include "loop/loop.h"
#include "net/listener.h"
#include "proxy/authenticate.h"
#include "proxy/authorizer.h"
#include "proxy/data_loops.h"
#include "proxy/detect.h"
#include "proxy/endpoint_state.h"
#include "proxy/handshake_gate.h"
#include "proxy/inbound.h"
#include "proxy/loop_snapshot.h"
#include "proxy/mesh_client.h"
#include "proxy/outbound.h"
#include "proxy/port_guard.h"
#include "proxy/rate_limit.h"
#include "proxy/retry.h"
#include "proxy/shed.h"
#include "proxy/upstreams.h"
#include "proxy/wait_queue.h"
#include "telemetry/golden.h"

namespace meshd {

// What all loops of a node share, besides what is sent to them.
struct SharedByLoops {
  // The keys of an issuer of tokens may be old; from any loop.
  std::function<void(const std::string& issuer)> want_keys = [](const std::string&) {};
  std::shared_ptr<RateBudgets> budgets = std::make_shared<RateBudgets>();
  std::shared_ptr<Bulkheads> bulkheads = std::make_shared<Bulkheads>();
};

class DataPlane final : TurnEnd {
 public:
  // `ship` takes access records off this loop.
  DataPlane(Loop& loop, const NodeSettings& settings, NodeTls tls, SharedByLoops shared,
            std::function<void(std::vector<AccessRecord>)> ship);
  DataPlane(const DataPlane&) = delete;
  DataPlane& operator=(const DataPlane&) = delete;
  ~DataPlane();

  // ---- what the control thread sends (data_loops.cc)
  Outcome<> listen_mesh();
  // Acts on `snapshot` from the next request on; opens and closes explicit listeners. Gives what could not be opened.
  std::vector<ListenProblem> swap(SnapshotPtr snapshot, std::shared_ptr<const OwnerTable> owners);
  void set_owners(std::shared_ptr<const OwnerTable> owners);
  void set_tls(NodeTls tls);
  void set_tokens(TokenVerifierPtr verifier) { tokens_.follow(std::move(verifier)); }
  void set_down(std::shared_ptr<const DownEndpoints> down) { states_.set_down(std::move(down)); }
  void set_shadow(ShadowOrderPtr order) {
    shadow_ = order ? std::make_unique<LoopShadow>(std::move(order), shadow_.get()) : nullptr;
  }
  MetricsCopy metrics();
  EndpointViews view() const;
  // Stops accepting and lets what is under way finish, at most `deadline`.
  Task<void> drain(milliseconds deadline);
  // Ends everything now.
  void shut();

  // ---- what the stages use
  Loop& loop() { return loop_; }
  const NodeSettings& settings() const { return settings_; }
  const SpiffeId& node_id() const { return node_id_; }
  const SnapshotRef& snapshot() const { return snapshot_; }
  FlowTable& flows() { return flows_; }
  TokenDesk& tokens() { return tokens_; }
  Authorizers& authorizers() { return authorizers_; }
  LoopShadow* shadow() { return shadow_.get(); }  // null: there is none
  PeerTable& peers() { return peers_; }
  EndpointStates& states() { return states_; }
  Upstreams& upstreams() { return upstreams_; }
  CgroupNames& cgroups() { return cgroups_; }
  PortGuard& port_guard() { return port_guard_; }
  GoldenMetrics& golden() { return golden_; }
  FastRandom& random() { return random_; }
  // Who was seen to speak first at a listener or instance of a service with `protocol: detect`.
  FirstSpeaker& first_speaker(const std::string& place) { return first_speakers_[place]; }
  // The endpoints of an arm of `snapshot`, with what this loop knows of them.
  EndpointSet& endpoints(const SnapshotRef& snapshot, const Destination& to);
  WaitQueues& waits() { return waits_; }
  // There is no room for another request.
  bool full() const { return pressure_of(buffered_bytes(), settings_.buffers_max) != Pressure::none; }
  RateBudgets& rate_budgets() { return *shared_.budgets; }
  RetryBudget& retry_budget(const ServiceEntry& s) { return retry_budgets_[s.name]; }
  ServerGroup& outbound_group() { return outbound_group_; }
  ServerGroup& inbound_group() { return inbound_group_; }
  std::shared_ptr<const TlsContext> server_tls() const { return tls_.server; }
  HandshakeGate& handshakes() { return handshakes_; }
  void log(AccessRecord record);
  void count_refused_handshake(const Error& why);
  // Copies of requests that routes mirror: how they ended, and how many are under way.
  void count_mirror(std::string_view result) { mirrored_.with({result}).add(); }
  void mirror_began() { ++mirrors_; }
  void mirror_ended() { --mirrors_; }
  size_t mirrors() const { return mirrors_; }
  void count_audit(std::string_view service, std::string_view rule, std::string_view would) {
    audited_.with({service, rule, would}).add();
  }
  void count_token(std::string_view service, std::string_view result) {
    tokens_shown_.with({service, result}).add();
  }
  void count_authorizer(std::string_view service, std::string_view result) {
    authorized_.with({service, result}).add();
  }
  void count_retry(std::string_view service) { retries_.with({service}).add(); }
  void count_ejection(std::string_view service) { ejections_.with({service}).add(); }
  // A request was picked an endpoint among all, because too few are usable.
  void count_panic(std::string_view service) { panics_.with({service}).add(); }
  // A request found no room at any endpoint.
  void count_full(std::string_view service, std::string_view limit) { full_.with({service, limit}).add(); }
  Gauge& pending(std::string_view service) { return pending_.with({service}); }
  void count_refused(std::string_view direction, const Error& why);
  void count_caller(IdentifiedBy by) { callers_.with({name_of(by)}).add(); }
  int64_t wall_ms() const;  // Unix time
  // What certificates and tokens are judged by: it never goes back behind what is known to be past.
  UnixSeconds unix_now() const { return tls_.server->settings().clock->unix_now(); }

 private:
  void turn_end() override;
  static void look_at_buffers(void* self);
  static void look_at_certificates(void* self);
  size_t cut(const std::function<bool(const TlsStream&)>& over, const char* why);
  std::vector<ListenProblem> listen_for(const Snapshot& snapshot);

  struct OpenPort {
    std::unique_ptr<Listener> listener;
    OutboundPort port;
  };

  Loop& loop_;
  NodeSettings settings_;
  SpiffeId node_id_;
  NodeTls tls_;
  std::function<void(std::vector<AccessRecord>)> ship_;
  MetricsRegistry registry_;
  GoldenMetrics golden_;
  Family<Counter>& handshakes_refused_;
  Family<Counter>& refused_;
  Family<Counter>& callers_;
  Family<Counter>& strangers_;
  Family<Counter>& retries_;
  Family<Counter>& audited_;
  Family<Counter>& tokens_shown_;
  Family<Counter>& authorized_;
  Family<Counter>& mirrored_;
  size_t mirrors_ = 0;
  Family<Counter>& ejections_;
  Family<Counter>& panics_;
  Family<Counter>& full_;
  Family<Gauge>& pending_;
  Gauge& buffered_;
  Timer shed_timer_{&DataPlane::look_at_buffers, this};
  Timer expiry_timer_{&DataPlane::look_at_certificates, this};
  FastRandom random_;
  PeerTable peers_;
  SharedByLoops shared_;
  TokenDesk tokens_{shared_.want_keys};
  Authorizers authorizers_;
  EndpointStates states_;  // before the snapshot, whose sets look at them
  SnapshotRef snapshot_;
  std::unique_ptr<LoopShadow> shadow_;
  FlowTable flows_;
  WaitQueues waits_;
  std::unordered_map<std::string, RetryBudget> retry_budgets_;
  std::unordered_map<std::string, FirstSpeaker> first_speakers_;
  HandshakeGate handshakes_;
  CgroupNames cgroups_;
  PortGuard port_guard_;
  MeshClients mesh_;
  Inbound inbound_;
  Upstreams upstreams_;
  ServerGroup outbound_group_, inbound_group_;
  std::unique_ptr<Listener> mesh_listener_;
  std::map<uint16_t, OpenPort> ports_;
  std::vector<AccessRecord> records_;
};

}  // namespace meshd
