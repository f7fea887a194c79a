// SPDX-License-Identifier: Apache-2.0
// outbound.cc: the life of a request on the calling node, as a table of contents.
//
//   1 accept    data_plane.cc   a local connection to an explicit listener
//   2 identify  identify.cc     which workload is the caller
//   3 detect    detect.cc       HTTP/1, HTTP/2 or opaque bytes
//   4 decide    snapshot/       route, split, candidates (and policy, for endpoints outside the mesh)
//     act       route_action.h  what the route does itself: answers, rewrites, fields, faults, copies
//   5 balance   balance.cc      one endpoint
//   6 send      upstreams.cc    a pooled tunnel to its node
//   7 relay     exchange.cc     the response back
//   8 record    record.cc       metrics and access log
#include "proxy/outbound.h"

#include "http/grpc.h"
#include "http/semantics.h"
#include "proxy/client_hello.h"
#include "proxy/data_plane.h"
#include "proxy/detect.h"
#include "proxy/identify.h"
#include "proxy/lease.h"
#include "proxy/opaque_exchange.h"
#include "proxy/rate_limit.h"
#include "proxy/relay.h"
#include "proxy/route_action.h"
#include "proxy/serve_http.h"
#include "proxy/sniff.h"
#include "proxy/sticky_cookie.h"
#include "proxy/tries.h"

namespace meshd {
namespace {

constexpr size_t kTriesMax = 3;  // endpoints tried for one opaque connection

// How long the request may wait for its answer; 0: for ever. A gRPC call waits as long as its caller said, and a stream
// of which nobody said anything may be silent for hours; only a route that says so limits it.
milliseconds time_limit(const Request& request, const Routing& routing) {
  if (!is_grpc(request.head)) return routing.timeout;
  milliseconds declared = routing.route->timeout_at.line != 0 ? routing.timeout : milliseconds(0);
  auto asked = grpc_timeout(request.head);
  if (!asked) return declared;
  return declared.count() > 0 ? std::min(declared, *asked) : *asked;
}

// An upload takes as long as its client: the time for the answer begins when it has ended. A gRPC deadline is the call's.
void limit_time(Exchange& x) {
  x.answer_within = time_limit(*x.request, x.routing);
  if (x.answer_within.count() == 0) return;
  if (x.content && !is_grpc(x.request->head))
    x.content->waiting = &x;
  else
    x.deadline.start(x.answer_within);
}

milliseconds connect_limit(const Snapshot& s) { return s.model.defaults.timeout.connect; }

const char* why_of(Errc reason) {
  switch (reason) {
    case Errc::no_route: return "no route matches the request";
    case Errc::no_endpoint: return "no endpoint to send the request to";
    case Errc::denied: return "the route is quarantined";
    default: return "the request cannot be routed";
  }
}

// Endpoints outside the mesh have no inbound side that judges. Asked once, whatever is tried.
bool allowed_outside(Exchange& x, const Endpoint& e, RequestFacts& facts) {
  if (x.judged) return x.policy.allowed();
  if (!authenticate(x, *x.routing.to->service, facts)) return false;
  x.policy = authorize(**x.snapshot, *x.routing.to->service, facts);
  if (LoopShadow* shadow = x.plane.shadow()) shadow->judged(x, *x.routing.to->service, facts);
  x.judged = true;
  if (x.policy.allowed()) note_flow(x, e);
  return x.policy.allowed();
}

// The route's last word on the response, then the way back.
Response finish(ExchangePtr&& x, Response response) {
  add_sticky_cookie(*x, response.head);
  change_response(*x, response.head);
  return relay_response(std::move(x), std::move(response));
}

}  // namespace

const ServiceEntry* OutboundService::find_service(const Snapshot& snapshot, const Request& request) const {
  if (!port_.service.empty()) return snapshot.service(port_.service);
  return snapshot.service_for_host(request.head.authority());
}

Task<Result<Response>> OutboundService::call(Request& request) {
  ExchangePtr x = begin_exchange(plane_, Direction::outbound, &request, from_);
  const Snapshot& snapshot = **x->snapshot;
  remove_mesh_fields(request.head);
  x->client_ip = client_ip_;
  add_forwarding(request.head, {client_ip_, plane_.random().next(), plane_.random().next()});

  if (plane_.full()) co_return refuse_for(std::move(x), seconds(kShedRetryAfter), kShed);
  x->service = find_service(snapshot, request);
  if (x->service == nullptr)
    co_return refuse(std::move(x), {Errc::not_found, Side::client, "the mesh has no such service"},
                     "host=" + std::string(request.head.authority()));
  // HTTP/1.0 may come without Host (RFC 9112 section 3.2): its port says where it goes, and the next hop asks for it.
  if (request.head.authority().empty()) request.head.set_authority(x->service->name);

  auto find_field = [&request](std::string_view name) { return request.head.find(name); };
  RequestFacts facts = facts_of(*x, FieldLookup(find_field), plane_.random().next());
  x->routing = route_request(*x->service, facts);
  note_asked(*x);
  if (LoopShadow* shadow = plane_.shadow()) shadow->routed(*x, facts);
  if (!x->routing.ok())
    co_return refuse(std::move(x), {x->routing.reason, Side::self, why_of(x->routing.reason)},
                     route_text(snapshot, x->routing));
  if (auto wait = rate_limited(*x))
    co_return refuse_for(std::move(x), *wait, {Errc::rate_limited, Side::client, "too many requests"},
                         route_text(snapshot, x->routing));
  limit_time(*x);

  bool go_on = co_await delay_fault(*x);
  if (!go_on) {
    Error gone = x->error.value_or(Error{Errc::cancelled, Side::client, "the client went away"});
    co_return refuse(std::move(x), gone);
  }
  if (auto answer = answer_by_route(*x)) co_return finish(std::move(x), std::move(*answer));
  if (auto changed = change_request(*x); !changed) co_return refuse(std::move(x), changed.error());
  facts = facts_of(*x, FieldLookup(find_field), 0);
  begin_mirror(*x);

  Tries tries(*x);
  for (;;) {
    const Endpoint* e = tries.pick();
    if (e == nullptr && tries.may_wait()) e = co_await tries.wait();
    if (e == nullptr) break;
    if (e->outside() && !allowed_outside(*x, *e, facts)) co_return refuse_by_policy(std::move(x));
    tries.begin(*e);
    Service& pool = plane_.upstreams().pool(*e, from_, upstream_version(*e->service, request.head),
                                            connect_limit(snapshot));
    Result<Response> response = co_await pool.call(request);
    // What has no inbound side of ours cannot speak for the mesh.
    if (response && e->outside()) response->head.remove("x-meshd-error");
    if (tries.ended(response)) co_return finish(std::move(x), std::move(*response));
    bool another = co_await tries.another(response);
    if (another) continue;
    if (response && !x->error) co_return finish(std::move(x), std::move(*response));
    break;
  }
  Error why = x->error.value_or(tries.last());
  std::string detail = x->detail.empty() ? "service=" + x->service->name : x->detail;
  co_return refuse(std::move(x), why, std::move(detail));
}

namespace {

// Opaque bytes: one decision, one endpoint, one tunnel for the connection's life.
class OutboundBytes final : public OpaqueExchange {
 public:
  OutboundBytes(DataPlane& plane, const Peer& from, std::string client_ip, const OutboundPort& port)
      : plane_(plane), from_(from), client_ip_(std::move(client_ip)), port_(port) {}
  Task<Result<std::unique_ptr<ByteStream>>> open(std::string_view first) override;

 private:
  DataPlane& plane_;
  const Peer& from_;
  std::string client_ip_;
  const OutboundPort& port_;
};

Task<Result<std::unique_ptr<ByteStream>>> OutboundBytes::open(std::string_view first) {
  x_ = begin_exchange(plane_, Direction::outbound, nullptr, from_);
  Exchange& x = *x_;
  const Snapshot& snapshot = **x.snapshot;
  x.client_ip = client_ip_;
  x.server_name = server_name(first);
  x.service = snapshot.service(port_.service);
  if (x.service == nullptr) co_return refused({Errc::not_found, Side::self, "the mesh has no such service"});
  RequestFacts facts = facts_of(x, {}, plane_.random().next());
  x.routing = route_request(*x.service, facts);
  if (LoopShadow* shadow = plane_.shadow()) shadow->routed(x, facts);
  if (!x.routing.ok()) co_return refused({x.routing.reason, Side::self, why_of(x.routing.reason)});
  Tried tried;
  Error last{Errc::no_endpoint, Side::upstream, why_of(Errc::no_endpoint)};
  while (tried.size() < kTriesMax) {
    Pick picked = pick_for(x, tried, true);
    if (picked.member == nullptr) {
      if (picked.full && tried.empty()) {
        last = {Errc::overload, Side::upstream, "every endpoint has as many connections as its limit allows"};
        refuse_full(x, "max_connections");
      }
      break;
    }
    const Endpoint* e = picked.member->endpoint;
    if (!take(x, *e, true)) continue;
    tried.push_back(e);
    if (e->outside() && !allowed_outside(x, *e, facts)) {
      x.detail = policy_text(snapshot, x.policy);
      co_return refused({Errc::denied, Side::client, "denied by policy"});
    }
    auto upstream = co_await plane_.upstreams().connect(*e, from_, connect_limit(snapshot));
    if (upstream) {
      x.load->reached();
      co_return upstream;
    }
    last = upstream.error();
    if (unreached(last)) x.load->failed(plane_.loop().now());
    give_back(x);
    if (!unreached(last)) break;
  }
  co_return refused(last);
}

}  // namespace

Task<void> serve_outbound(DataPlane& plane, std::unique_ptr<TcpStream> connection, OutboundPort port) {
  SnapshotRef snapshot = plane.snapshot();
  Identified caller = identify(*connection, *snapshot->owners, plane.cgroups());
  plane.count_caller(caller.by);
  const Peer& from = plane.peers().intern(caller.id);
  const ServiceEntry* service = (*snapshot)->service(port.service);
  bool by_server_name = service != nullptr && service->route_table.looks_at_server_names();
  snapshot = {};
  Gauge& open = plane.golden().connections_active(port.label);
  open.add();
  OutboundService requests(plane, from, connection->peer().ip(), port);
  OutboundBytes bytes(plane, from, connection->peer().ip(), port);
  ServerGroup& group = plane.outbound_group();
  switch (port.carries) {
    case Carries::http:
      co_await serve_http(std::move(connection), requests, group, HttpOptions::edge());
      break;
    case Carries::bytes:
      if (by_server_name)
        co_await serve_hello(std::move(connection), bytes, group);
      else
        co_await serve_opaque(*connection, nullptr, bytes, group);
      break;
    case Carries::anything:
      co_await serve_detect(std::move(connection), requests, bytes, group,
                            {plane.first_speaker(port.label), HttpOptions::edge()});
  }
  open.sub();
}

}  // namespace meshd
