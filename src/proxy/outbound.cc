// SPDX-License-Identifier: Apache-2.0
// outbound.cc: the life of a request on the calling node, as a table of contents.
//
//   1 accept    data_plane.cc   a local connection to an explicit listener
//   2 identify  identify.cc     which workload is the caller
//   3 detect    detect.cc       HTTP/1, HTTP/2 or opaque bytes
//   4 decide    snapshot/       route, split, candidates (and policy, for endpoints outside the mesh)
//   5 balance   balance.cc      one endpoint
//   6 send      upstreams.cc    a pooled tunnel to its node
//   7 relay     exchange.cc     the response back
//   8 record    record.cc       metrics and access log
#include "proxy/outbound.h"

#include "http/semantics.h"
#include "proxy/data_plane.h"
#include "proxy/detect.h"
#include "proxy/identify.h"
#include "proxy/relay.h"

namespace meshd {
namespace {

constexpr size_t kTriesMax = 3;  // endpoints tried before the caller hears that none answers

// The request cannot have reached the application.
bool unreached(const Error& e) {
  switch (e.code) {
    case Errc::refused:
    case Errc::unreachable:
    case Errc::resolve:
    case Errc::identity:
    case Errc::tls:
    case Errc::draining: return true;
    default: return false;
  }
}

// The far node answered in the application's place: it could not reach it. (An application cannot forge this: the
// far node removes the field from what it relays.)
std::optional<Error> unreached(const Response& r) {
  if (r.head.status != 503) return std::nullopt;
  auto reason = r.head.find("x-meshd-error");
  if (!reason) return std::nullopt;
  if (reason->starts_with("refused") || reason->starts_with("unreachable"))
    return Error{Errc::refused, Side::upstream, "the application does not accept connections"};
  if (reason->starts_with("draining"))
    return Error{Errc::draining, Side::upstream, "the called node is going away"};
  return std::nullopt;
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

void take(Exchange& x, const Endpoint& e) {
  x.endpoint = &e;
  x.load = &x.plane.states().of(e.id);
  ++x.load->active;
}

void give_back(Exchange& x) {
  if (x.load != nullptr) --x.load->active;
  x.load = nullptr;
}

// Endpoints outside the mesh have no inbound side that judges.
bool allowed_outside(Exchange& x, const RequestFacts& facts) {
  x.policy = authorize(**x.snapshot, *x.service, facts);
  x.judged = true;
  return x.policy.allowed();
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
  add_forwarding(request.head, {client_ip_, plane_.random().next(), plane_.random().next()});

  x->service = find_service(snapshot, request);
  if (x->service == nullptr)
    co_return refuse(std::move(x), {Errc::not_found, Side::client, "the mesh has no such service"},
                     "host=" + std::string(request.head.authority()));

  auto find_field = [&request](std::string_view name) { return request.head.find(name); };
  RequestFacts facts = facts_of(*x, FieldLookup(find_field), plane_.random().next());
  x->routing = route_request(*x->service, facts);
  if (!x->routing.ok())
    co_return refuse(std::move(x), {x->routing.reason, Side::self, why_of(x->routing.reason)},
                     route_text(snapshot, x->routing));
  if (x->routing.timeout.count() > 0) x->deadline.start(x->routing.timeout);

  Tried tried;
  Error last{Errc::no_endpoint, Side::upstream, why_of(Errc::no_endpoint)};
  uint32_t& turn = plane_.turn(*x->service);
  const bool has_body = request.body != nullptr;
  while (tried.size() < kTriesMax) {
    const Endpoint* e = balance(x->routing.candidates, x->service->balance, plane_.states(), tried,
                                plane_.random(), turn, plane_.loop().now());
    if (e == nullptr) break;
    tried.push_back(e);
    if (e->outside() && !allowed_outside(*x, facts)) {
      std::string place = policy_text(snapshot, x->policy);
      co_return refuse(std::move(x), {Errc::denied, Side::client, "denied by policy"}, std::move(place));
    }
    take(*x, *e);
    ClientPool& pool = plane_.upstreams().pool(*e, from_, connect_limit(snapshot));
    Result<Response> response = co_await pool.call(request);
    if (x->error)
      last = *x->error;  // the deadline ended it
    else if (!response)
      last = response.error();
    else if (auto why = unreached(*response))
      last = *why;
    else {
      x->load->succeeded();
      co_return relay_response(std::move(x), std::move(*response));
    }
    // From here on this endpoint has failed us. Another may be tried where nothing can have been done twice.
    if (unreached(last)) x->load->failed(plane_.loop().now());
    bool body_untouched = !has_body || request.body != nullptr;
    if (response && (!unreached(last) || !body_untouched || x->error)) {
      if (!x->error) co_return relay_response(std::move(x), std::move(*response));
      break;
    }
    give_back(*x);
    if (!unreached(last) || !body_untouched || x->error) break;
  }
  co_return refuse(std::move(x), last, "service=" + x->service->name);
}

namespace {

// Opaque bytes: one decision, one endpoint, one tunnel for the connection's life.
Task<void> serve_opaque(DataPlane& plane, ByteStream& client, const Peer& from, const OutboundPort& port) {
  ExchangePtr x = begin_exchange(plane, Direction::outbound, nullptr, from);
  const Snapshot& snapshot = **x->snapshot;
  x->service = snapshot.service(port.service);
  auto refuse_connection = [&x, &client](Error why) {
    x->error = why;
    client.close({Errc::reset, why.side, why.why});
  };
  if (x->service == nullptr) {
    refuse_connection({Errc::not_found, Side::self, "the mesh has no such service"});
    co_return;
  }
  RequestFacts facts = facts_of(*x, {}, plane.random().next());
  x->routing = route_request(*x->service, facts);
  if (!x->routing.ok()) {
    refuse_connection({x->routing.reason, Side::self, why_of(x->routing.reason)});
    co_return;
  }
  Tried tried;
  Error last{Errc::no_endpoint, Side::upstream, why_of(Errc::no_endpoint)};
  while (tried.size() < kTriesMax) {
    const Endpoint* e = balance(x->routing.candidates, x->service->balance, plane.states(), tried,
                                plane.random(), plane.turn(*x->service), plane.loop().now());
    if (e == nullptr) break;
    tried.push_back(e);
    if (e->outside() && !allowed_outside(*x, facts)) {
      last = {Errc::denied, Side::client, "denied by policy"};
      x->detail = policy_text(snapshot, x->policy);
      break;
    }
    take(*x, *e);
    auto upstream = co_await plane.upstreams().connect(*e, from, connect_limit(snapshot));
    if (upstream) {
      x->load->succeeded();
      RelayTotals totals = co_await relay(client, **upstream, snapshot.model.defaults.timeout.idle);
      x->bytes_in = totals.from_client;
      x->bytes_out = totals.to_client;
      x->error = totals.error;
      co_return;
    }
    last = upstream.error();
    if (unreached(last)) x->load->failed(plane.loop().now());
    give_back(*x);
    if (!unreached(last)) break;
  }
  refuse_connection(last);
}

}  // namespace

Task<void> serve_outbound(DataPlane& plane, std::unique_ptr<TcpStream> connection, OutboundPort port) {
  SnapshotRef snapshot = plane.snapshot();
  const Peer& from = identify(*connection, *snapshot->owners, plane.peers());
  snapshot = {};
  Gauge& open = plane.golden().connections_active(port.label);
  open.add();
  if (port.opaque) {
    ClosableConnection member(plane.outbound_group(), *connection);
    co_await serve_opaque(plane, *connection, from, port);
  } else {
    OutboundService service(plane, from, connection->peer().ip(), port);
    co_await serve_detected(std::move(connection), service, plane.outbound_group(), HeadLimits());
  }
  open.sub();
}

}  // namespace meshd
