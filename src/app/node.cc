// SPDX-License-Identifier: Apache-2.0
#include "app/node.h"

#include <sched.h>

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "control/host_key.h"
#include "control/server_identity.h"

namespace meshd {
namespace {

unsigned processors() {
  cpu_set_t set;
  int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  return static_cast<unsigned>(std::max(n, 1));
}

// A node on 127.0.1.x shares its machine with others: its listeners stay on its own address.
std::string local_ip(const SocketAddress& address) {
  return address.is_loopback() ? address.ip() : "127.0.0.1";
}

}  // namespace

Outcome<std::unique_ptr<Node>> Node::start(NodeOptions options,
                                           std::function<void(const std::string&)> ready) {
  auto seal = host_seal(options.host_key);
  if (!seal) return fail(seal.error());
  StateDir state(options.state, std::move(*seal));
  auto file = load_node_file(state);
  if (!file) return fail(file.error());
  std::unique_ptr<Node> node(new Node(std::move(options), std::move(state), std::move(*file)));
  if (auto ok = node->begin(std::move(ready)); !ok) return fail(ok.error());
  return node;
}

Node::Node(NodeOptions options, StateDir state, NodeFile file)
    : options_(std::move(options)),
      state_(std::move(state)),
      file_(std::move(file)),
      time_(Clock::system(), state_.root() + "/clock", state_.is_server()),
      clock_(time_.clock()) {
  if (options_.threads == 0) options_.threads = std::min(processors(), kThreadsDefaultMax);
  options_.threads = std::min(options_.threads, kThreadsMax);
}

Node::~Node() = default;

// ---- beginning: the table of contents

Outcome<> Node::begin(std::function<void(const std::string&)> ready) {
  if (auto ok = begin_data_plane(); !ok) return ok;
  // From here on traffic is accepted; with a last good snapshot it is served before the server is looked for.
  bool restored = live_->restore([this, ready] { ready(status_->not_ready()); });
  make_agent();
  if (auto ok = begin_server(); !ok) return ok;
  if (auto ok = begin_local_api(); !ok) return ok;
  if (auto ok = begin_metrics(); !ok) return ok;
  // The last thing that can fail: what begins here has tasks that outlive a failed start.
  if (auto ok = begin_agent(); !ok) return ok;
  if (restored) return {};
  ready(status_->not_ready());
  live_->watch([ready, first = true](const SnapshotPtr&) mutable {
    if (std::exchange(first, false)) ready("");
  });
  return {};
}

Outcome<> Node::begin_data_plane() {
  time_.load();
  // On a server that was off for too long nobody else could renew the node's certificate.
  if (auto revived = revive_node_identity(state_, clock_); !revived) return fail(revived.error());
  auto identities = Identities::load(state_, file_, time_);
  if (!identities) return fail(identities.error());
  identities_ = std::move(*identities);
  auto mesh = SocketAddress::from_ip(file_.address, file_.mesh_port);
  if (!mesh)
    return fail(Errc::invalid_argument,
                "'" + file_.address + "' in " + state_.node_file() + " is no IP address");

  NodeSettings settings;
  settings.name = file_.node;
  settings.trust_domain = file_.trust_domain;
  settings.mesh = *mesh;
  settings.local_ip = local_ip(*mesh);
  settings.threads = options_.threads;
  settings.buffers_max = options_.buffers_mib << 20;
  auto loops =
      DataLoops::start(std::move(settings), identities_->tls(),
                       [this](std::vector<AccessRecord> records) { access_.write(std::move(records)); });
  if (!loops) return fail(loops.error());
  loops_ = std::move(*loops);

  trial_ = std::make_unique<Trial>(state_.root(), clock_);
  trial_->settle(LastGood(state_.root() + "/snapshot"));
  live_ = std::make_unique<LiveConfig>(
      LastGood(state_.root() + "/snapshot"),
      [this](SnapshotPtr s, std::function<void(std::vector<ListenProblem>)> done) {
        loops_->swap(std::move(s), std::move(done));
      },
      clock_);
  health_ = std::make_unique<HealthView>(
      [this](std::shared_ptr<const DownEndpoints> down) { loops_->set_down(std::move(down)); });
  checks_ = std::make_unique<HealthCheck>(
      file_.node,
      [this] {
        health_->set_checked(checks_->results());
        if (agent_) agent_->health_changed();
      },
      [this](EndpointId id, SocketAddress at, milliseconds limit) { return loops_->dial(id, at, limit); });
  leases_ = std::make_unique<LimitLeases>(loops_->budgets(), clock_, [this](const Json& line) {
    if (agent_) agent_->say(line);
  });
  live_->prepare_with([this](SnapshotPtr s) { return identities_->prepare(std::move(s)); });
  live_->watch([this](const SnapshotPtr& s) {
    access_.configure(s->model.telemetry.access_log);
    identities_->settle(*s);
    if (!stopping_) checks_->follow(s);
    if (!stopping_) leases_->follow(s);
  });
  return {};
}

Outcome<> Node::begin_server() {
  if (!state_.is_server()) return {};
  auto server = ControlServer::start(state_, clock_);
  if (!server) return fail(server.error());
  server_ = std::move(*server);
  return {};
}

void Node::make_agent() {
  agent_ = std::make_unique<Agent>(Agent::Parts{
      .node = file_,
      .version = options_.version,
      .tls = [this] { return identities_->tls().client; },
      .live = *live_,
      .health = *health_,
      .status = [this] { return status_->report(); },
      .collect = [this](std::function<void(MetricsCopy)> done) { loops_->collect(std::move(done)); },
      .trial = trial_.get(),
      .shares = [this](const Json& line) { leases_->granted(line); },
      .identities = *identities_,
      .time = time_,
      .other =
          [this](const std::string& type, const Json& line) {
            shadow_->take(type, line);
            flows_->take(type, line);
          }});
  shadow_ = std::make_unique<ShadowNode>(ShadowNode::Parts{
      .live = *live_,
      .clock = clock_,
      .set = [this](ShadowOrderPtr order) { loops_->set_shadow(std::move(order)); },
      .collect = [this](std::function<void(ShadowCounts)> done) { loops_->collect_shadow(std::move(done)); },
      .say = [this](const Json& line) { agent_->say(line); }});
  flows_ = std::make_unique<FlowNode>(FlowNode::Parts{
      .collect = [this](std::function<void(FlowBatch)> done) { loops_->collect_flows(std::move(done)); },
      .connected = [this] { return agent_->state().connected; },
      .say = [this](const Json& line) { agent_->say(line); }});
  loops_->on_keys_wanted([this](const std::string& issuer) {
    agent_->say(Json(JsonObject{{"type", json("answer")}, {"what", json("keys")}, {"issuer", json(issuer)}}));
  });
  status_ = std::make_unique<NodeStatus>(parts_for_status());
}

Outcome<> Node::begin_agent() {
  if (auto ok = agent_->start(); !ok) return ok;
  identities_->start([this](Json body) { return agent_->ask_certificates(std::move(body)); },
                     [this](const NodeTls& tls) {
                       loops_->set_tls(tls);
                       agent_->trust_changed();
                     },
                     [this](Json body) { return agent_->ask_recovery(std::move(body)); });
  // What the last good snapshot places here may have no certificate yet.
  if (live_->snapshot()) spawn(identities_->prepare(live_->snapshot()));
  return {};
}

NodeParts Node::parts_for_status() {
  std::vector<std::string> roles{"proxy"};
  if (state_.is_server()) roles = {"control", "ca", "proxy"};
  std::string metrics;
  if (options_.metrics_port) metrics = SocketAddress::from_ip(file_.address, options_.metrics_port)->text();
  return {.state = state_,
          .node = file_,
          .version = options_.version,
          .roles = std::move(roles),
          .threads = options_.threads,
          .metrics = std::move(metrics),
          .started = clock_.unix_now(),
          .live = *live_,
          .identities = *identities_,
          .health = *health_,
          .agent = *agent_,
          .trial = *trial_,
          .limits = *leases_,
          .access = access_,
          .time = time_};
}

Outcome<> Node::begin_local_api() {
  add_routes();
  if (server_) server_->mount(router_);
  auto admin = AdminServer::open(state_.admin_socket(), router_);
  if (!admin) return fail(admin.error());
  admin_ = std::move(*admin);
  return {};
}

Outcome<> Node::begin_metrics() {
  if (options_.metrics_port == 0) return {};
  auto at = SocketAddress::from_ip(file_.address, options_.metrics_port);
  auto metrics = MetricsServer::open(
      *at, {.version = options_.version,
            .collect = [this](std::function<void(MetricsCopy)> done) { loops_->collect(std::move(done)); },
            .not_ready = [this] { return stopping_ ? std::string("this node stops") : status_->not_ready(); },
            .connected = [this] { return agent_->state().connected; },
            .identities = *identities_,
            .access = access_});
  if (!metrics) return fail(metrics.error());
  metrics_ = std::move(*metrics);
  return {};
}

// ---- ending

void Node::stop(std::function<void()> done) {
  if (std::exchange(stopping_, true)) return;
  stopped_ = std::move(done);
  log::info("stopping: no new connections, requests under way may finish");
  // What is under way goes on with the snapshot and the certificates of this moment.
  agent_->stop();
  identities_->stop();
  checks_->stop();
  leases_->stop();
  if (server_) server_->close();
  loops_->drain(kDrainDeadline, [this] { end_parts(); });
}

void Node::end_parts() {
  if (metrics_) metrics_->close();
  admin_->close();
  time_.save();
  stopped_();
}

void Node::reopen_logs() {
  access_.reopen();
  log::info("logs opened anew");
}

}  // namespace meshd
