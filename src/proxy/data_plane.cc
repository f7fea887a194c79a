// SPDX-License-Identifier: Apache-2.0
// data_plane.cc: stage 1 of 8, accept: which ports are open for whom; and the swap of what a loop acts on.
#include "proxy/data_plane.h"

#include <ctime>

#include "base/log.h"

namespace meshd {
namespace {

// Wall clocks jump: when a certificate ends is looked at anew at least this often, in seconds.
constexpr int64_t kCertificateLook = 30;

// Before the first snapshot: no service, no rule; everything is refused.
SnapshotPtr empty_snapshot() { return compile(model::Model(), {}, Revision{0}); }

uint64_t seed() {
  std::string bytes = random_bytes(8);
  uint64_t value = 0;
  for (char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

// The explicit ports that a snapshot asks for on every node.
std::map<uint16_t, OutboundPort> ports_of(const Snapshot& s) {
  std::map<uint16_t, OutboundPort> ports;
  if (s.revision.value == 0) return ports;
  if (s.model.mesh.http_port != 0)
    ports[s.model.mesh.http_port] = {{}, Carries::http, "http:" + std::to_string(s.model.mesh.http_port)};
  for (const auto& service : s.services) {
    if (service->listen == 0) continue;
    ports[service->listen] = {service->name, service->carries(),
                              service->name + ":" + std::to_string(service->listen)};
  }
  return ports;
}

bool same_port(const OutboundPort& a, const OutboundPort& b) {
  return a.service == b.service && a.carries == b.carries;
}

}  // namespace

DataPlane::DataPlane(Loop& loop, const NodeSettings& settings, NodeTls tls, SharedByLoops shared,
                     std::function<void(std::vector<AccessRecord>)> ship)
    : loop_(loop),
      settings_(settings),
      node_id_(meshd::node_id(settings.trust_domain, settings.name)),
      tls_(std::move(tls)),
      ship_(std::move(ship)),
      golden_(registry_),
      handshakes_refused_(registry_.counters({"meshd_handshakes_refused_total",
                                              "Mesh connections refused before a request, by reason.",
                                              {"reason"}})),
      refused_(registry_.counters(
          {"meshd_refused_total",
           "Requests and connections that broke a rule or a limit of HTTP and were refused "
           "before anything was done for them, by reason.",
           {"direction", "reason"}})),
      callers_(
          registry_.counters({"meshd_local_connections_total",
                              "Connections of local programs, by what told who calls: unit, cgroup, user or "
                              "any-local; nobody, ambiguous, gone and unknown are the node itself.",
                              {"identified_by"}})),
      strangers_(registry_.counters({"meshd_port_refused_total",
                                     "Connections to a service's program that were not made, because another "
                                     "program has its port.",
                                     {"service"}})),
      retries_(registry_.counters(
          {"meshd_retries_total", "Tries beyond the first, by called service.", {"service"}})),
      audited_(registry_.counters({"meshd_policy_audit_total",
                                   "Requests and connections that a rule in mode audit holds for, by called "
                                   "service, rule and what it would do.",
                                   {"service", "rule", "would"}})),
      tokens_shown_(
          registry_.counters({"meshd_tokens_total",
                              "Bearer tokens looked at, by called service and result: valid, or why not.",
                              {"service", "result"}})),
      authorized_(
          registry_.counters({"meshd_authorizer_total",
                              "Requests that the authorizer was asked about, by called service and result: "
                              "allowed, denied, failed (denied) or failed-open (allowed).",
                              {"service", "result"}})),
      mirrored_(registry_.counters(
          {"meshd_mirrored_total",
           "Copies of requests that routes mirror, by result: answered, failed, or dropped "
           "(too large, too many, no endpoint, or the request ended before its content).",
           {"result"}})),
      ejections_(registry_.counters(
          {"meshd_ejections_total", "Endpoints taken out by a breaker, by called service.", {"service"}})),
      panics_(registry_.counters({"meshd_balance_panic_total",
                                  "Requests whose endpoint was picked among all, because too few are usable, "
                                  "by called service.",
                                  {"service"}})),
      full_(registry_.counters({"meshd_limit_refused_total",
                                "Requests and connections that found no room at any endpoint, by called "
                                "service and by the limit that said so.",
                                {"service", "limit"}})),
      pending_(registry_.gauges(
          {"meshd_pending_requests", "Requests that wait for room, by called service.", {"service"}})),
      buffered_(
          registry_.gauges({"meshd_buffered_bytes", "Bytes that connections hold in memory.", {}}).with({})),
      random_(seed()),
      peers_(settings.trust_domain),
      shared_(std::move(shared)),
      waits_(loop, shared_.bulkheads),
      port_guard_(
          cgroups_, [this] { return snapshot_ ? snapshot_->owners.get() : nullptr; },
          [this](std::string_view service) { strangers_.with({service}).add(); }),
      inbound_(*this),
      upstreams_(settings.name, mesh_, inbound_, port_guard_) {
  if (settings_.buffers_max == 0) settings_.buffers_max = kLoopBuffersMax;
  shed_timer_.start(kShedInterval);
  mesh_.set_tls(tls_.client);
  look_at_certificates(this);
  outbound_group_.on_refused(
      [](void* self, const Error& why) { static_cast<DataPlane*>(self)->count_refused("outbound", why); },
      this);
  inbound_group_.on_refused(
      [](void* self, const Error& why) { static_cast<DataPlane*>(self)->count_refused("inbound", why); },
      this);
  auto owners = std::make_shared<OwnerTable>();
  owners->node = node_id_;
  swap(empty_snapshot(), std::move(owners));
}

DataPlane::~DataPlane() { loop_.forget(*this); }

Outcome<> DataPlane::listen_mesh() {
  auto listener = Listener::open(settings_.mesh, [this](std::unique_ptr<TcpStream> connection) {
    spawn(inbound_.serve(std::move(connection)));
  });
  if (!listener) return fail(listener.error());
  mesh_listener_ = std::move(*listener);
  return {};
}

std::vector<ListenProblem> DataPlane::swap(SnapshotPtr snapshot, std::shared_ptr<const OwnerTable> owners) {
  auto* fresh = new LoopSnapshot;
  // What was judged by other selectors is not used again.
  if (snapshot_ && *snapshot_->owners != *owners) upstreams_.retire_apps();
  snapshot_ = SnapshotRef(fresh);
  fresh->shared = std::move(snapshot);
  fresh->owners = std::move(owners);
  const model::AccessLog& access_log = fresh->shared->model.telemetry.access_log;
  fresh->log_on = access_log.output != "none" && fresh->shared->revision.value != 0;
  if (auto filter = AccessFilter::parse(access_log.only)) fresh->log_filter = std::move(*filter);
  states_.retain(*fresh->shared);
  for (const auto& service : fresh->shared->services) {
    if (service->balance->slow_start.count() == 0) continue;
    for (const Endpoint& e : service->endpoints) states_.meet(e.id, loop_.now());
  }
  upstreams_.retain(*fresh->shared);
  golden_.set_snapshot_revision(fresh->shared->revision.value);
  return listen_for(*fresh->shared);
}

EndpointSet& DataPlane::endpoints(const SnapshotRef& snapshot, const Destination& to) {
  std::unique_ptr<EndpointSet>& set = snapshot->sets[&to];
  if (!set) {
    const NodeInfo* self = (*snapshot)->node(settings_.name);
    Here here{settings_.name, self != nullptr ? std::string_view(self->zone) : std::string_view()};
    set = std::make_unique<EndpointSet>(to.endpoints, *to.service->balance, to.service->limits, states_, here,
                                        shared_.bulkheads.get(), random_.next());
  }
  return *set;
}

EndpointViews DataPlane::view() const {
  EndpointViews out;
  Instant now = loop_.now();
  auto left = [now](Instant until) {
    return until > now ? duration_cast<milliseconds>(until - now) : milliseconds(0);
  };
  for (const auto& service : (*snapshot_)->services)
    for (const Endpoint& e : service->endpoints) {
      const EndpointState* s = states_.find(e.id);
      if (s == nullptr) continue;
      EndpointView& v = out[e.id];
      v.active = s->active;
      v.probing = s->ejected_until.ns != 0 && s->probing;
      v.ejected = left(s->ejected_until);
      v.avoided = left(s->avoid_until);
      v.latency = nanoseconds(static_cast<int64_t>(s->latency.value(now)));
      if (s->was_usable) v.part = slow_start_part(s->usable_since, service->balance->slow_start, now);
    }
  return out;
}

void DataPlane::set_owners(std::shared_ptr<const OwnerTable> owners) {
  swap(snapshot_->shared, std::move(owners));
}

// Ports that stay keep their listeners: no connection is lost to a change elsewhere in the file.
std::vector<ListenProblem> DataPlane::listen_for(const Snapshot& snapshot) {
  std::vector<ListenProblem> problems;
  std::map<uint16_t, OutboundPort> wanted = ports_of(snapshot);
  std::erase_if(ports_, [&](const auto& entry) {
    auto it = wanted.find(entry.first);
    return it == wanted.end() || !same_port(it->second, entry.second.port);
  });
  for (auto& [number, port] : wanted) {
    if (ports_.contains(number)) continue;
    auto at = SocketAddress::from_ip(settings_.local_ip, number);
    if (!at) continue;
    auto accept = [this, port = port](std::unique_ptr<TcpStream> connection) {
      spawn(serve_outbound(*this, std::move(connection), port));
    };
    auto listener = Listener::open(*at, std::move(accept));
    if (!listener)
      problems.push_back({port.label, listener.error().what});
    else
      ports_[number] = {std::move(*listener), port};
  }
  return problems;
}

void DataPlane::set_tls(NodeTls tls) {
  tls_ = std::move(tls);
  mesh_.set_tls(tls_.client);
  upstreams_.retire_all();
  // What was revoked meanwhile ends now, in both directions.
  const auto& denied = tls_.server->settings().denied;
  if (denied && !denied->empty())
    cut([&](const TlsStream& s) { return denied->denies(s.peer_chain()); },
        "the peer's certificate is revoked");
  look_at_certificates(this);
}

size_t DataPlane::cut(const std::function<bool(const TlsStream&)>& over, const char* why) {
  size_t count = inbound_.cut(over, {Errc::identity, Side::client, why}) +
                 mesh_.cut(over, {Errc::identity, Side::upstream, why});
  if (count > 0) log::info("connections cut", {{"why", why}, {"count", count}});
  return count;
}

// Whose certificate has ended without a new one is nobody any more, on connections that stand, too. Those that were
// made with one that was renewed since go on: each side looks after its own.
void DataPlane::look_at_certificates(void* self) {
  auto& plane = *static_cast<DataPlane*>(self);
  if (plane.tls_.server == nullptr) return;
  const TlsContext& held = *plane.tls_.server;
  UnixSeconds now = held.settings().clock->unix_now();
  auto ended = [now](const Identity& i) { return i.chain.leaf().not_after() < now; };
  int64_t wait = kCertificateLook;
  bool any = false;
  for (const Identity& i : held.settings().identities) {
    any |= ended(i);
    if (!ended(i)) wait = std::min(wait, i.chain.leaf().not_after() - now + 1);
  }
  if (any)
    plane.cut(
        [&](const TlsStream& s) {
          const Identity* mine =
              s.local_identity() == nullptr ? nullptr : held.identity(s.local_identity()->id);
          return mine != nullptr && ended(*mine);
        },
        "our own certificate has expired");
  plane.expiry_timer_.start(milliseconds(wait * 1000));
}

MetricsCopy DataPlane::metrics() {
  buffered_.set(static_cast<int64_t>(buffered_bytes()));
  return registry_.snapshot();
}

void DataPlane::look_at_buffers(void* self) {
  auto& plane = *static_cast<DataPlane*>(self);
  size_t buffered = buffered_bytes(), budget = plane.settings_.buffers_max;
  if (pressure_of(buffered, budget) >= Pressure::high) {
    size_t outbound = shed(plane.outbound_group_, buffered, budget);
    size_t inbound = shed(plane.inbound_group_, buffered, budget);
    plane.refused_.with({"outbound", name_of(Errc::overload)}).add(outbound);
    plane.refused_.with({"inbound", name_of(Errc::overload)}).add(inbound);
  }
  plane.shed_timer_.start(kShedInterval);
}

void DataPlane::log(AccessRecord record) {
  records_.push_back(std::move(record));
  loop_.at_turn_end(*this);
}

void DataPlane::turn_end() {
  if (!records_.empty()) ship_(std::exchange(records_, {}));
}

void DataPlane::count_refused_handshake(const Error& why) {
  handshakes_refused_.with({name_of(why.code)}).add();
}

void DataPlane::count_refused(std::string_view direction, const Error& why) {
  refused_.with({direction, name_of(why.code)}).add();
}

int64_t DataPlane::wall_ms() const {
  timespec t{};
  clock_gettime(CLOCK_REALTIME, &t);
  return int64_t{t.tv_sec} * 1000 + t.tv_nsec / 1'000'000;
}

Task<void> DataPlane::drain(milliseconds deadline) {
  mesh_listener_.reset();
  ports_.clear();
  outbound_group_.drain();
  inbound_group_.drain();
  Timer limit([](void* self) { static_cast<DataPlane*>(self)->shut(); }, this);
  limit.start(deadline);
  co_await outbound_group_.empty();
  mesh_.drain();
  upstreams_.retire_all();
  co_await inbound_group_.empty();
}

void DataPlane::shut() {
  Error why{Errc::draining, Side::self, "shutting down"};
  mesh_listener_.reset();
  ports_.clear();
  outbound_group_.close_all(why);
  inbound_group_.close_all(why);
  upstreams_.retire_all();
  mesh_.close(why);
}

}  // namespace meshd
