// SPDX-License-Identifier: Apache-2.0
// inbound.cc: the life of a request on the called node, as a table of contents.
//
//   1 accept     Inbound::serve    TLS 1.3 with a proven peer, HTTP/2
//   2 identify   tls/verify_svid   the peer's certificate is the caller's identity
//   3 tunnel     serve_tunnel      CONNECT: which service, which instance; opaque bytes are judged here
//   4 authorize  authenticate.cc, snapshot/decide   each request, before anything reaches the application
//     ask        authorizer.cc    where the file names one: a program's word on what the rules allow
//   5 send       upstreams.cc      a pooled connection to the program
//   6 relay      exchange.cc       the response back
//   7 record     record.cc         metrics and access log
#include "proxy/inbound.h"

#include "http/semantics.h"
#include "net/pipe.h"
#include "proxy/data_plane.h"
#include "proxy/detect.h"
#include "proxy/opaque_exchange.h"
#include "proxy/serve_http.h"
#include "proxy/sniff.h"
#include "tls/tls_stream.h"

namespace meshd {
namespace {

void answer(H2ServerStream& stream, int status, const Error& why, std::string_view detail = {}) {
  ResponseHead head;
  head.status = static_cast<uint16_t>(status);
  std::string reason(name_of(why.code));
  if (!detail.empty()) reason.append("; ").append(detail);
  head.add("x-meshd-error", reason);
  (void)stream.respond(head, true);
}

// The server name that the caller asked for picked the identity it was shown; a tunnel may lead only there.
bool shown_identity_matches(const Peer& shown, bool asked_by_name, const ServiceEntry& service,
                            const SpiffeId& node) {
  return shown.uri == service.spiffe_id || (!asked_by_name && shown.id == node);
}

Task<Result<std::unique_ptr<TcpStream>>> dial_app(PortGuard& guard, const Endpoint& e, milliseconds limit) {
  auto address = SocketAddress::from_ip(e.app_address, e.port);
  if (!address) co_return fail(Errc::unreachable, Side::upstream, "the instance's address is no IP address");
  co_return co_await guard.connect(e.id, *address, limit);
}

// Opaque bytes: judged and connected before the caller hears 200.
class InboundBytes final : public OpaqueExchange {
 public:
  InboundBytes(DataPlane& plane, const Peer& from, const TunnelEnd& end)
      : plane_(plane), from_(from), end_(end) {}
  Task<Result<std::unique_ptr<ByteStream>>> open(std::string_view first) override;
  // The place in the file that denied it.
  const std::string& detail() const { return x_->detail; }

 private:
  DataPlane& plane_;
  const Peer& from_;
  const TunnelEnd& end_;
};

Task<Result<std::unique_ptr<ByteStream>>> InboundBytes::open(std::string_view first) {
  x_ = begin_exchange(plane_, Direction::inbound, nullptr, from_);
  Exchange& x = *x_;
  const Snapshot& snapshot = **x.snapshot;
  x.server_name = server_name(first);
  x.service = snapshot.service(end_.service);
  x.endpoint = x.service ? snapshot.endpoint_on(plane_.settings().name, end_.service, end_.port) : nullptr;
  if (x.endpoint == nullptr)
    co_return refused({Errc::not_found, Side::client, "this node does not run that service"});
  RequestFacts facts = facts_of(x, {}, 0);
  x.policy = authorize(snapshot, *x.service, facts);
  x.judged = true;
  if (LoopShadow* shadow = plane_.shadow()) shadow->judged(x, *x.service, facts);
  if (!x.policy.allowed()) {
    x.detail = policy_text(snapshot, x.policy);
    co_return refused({Errc::denied, Side::client, "denied by policy"});
  }
  if (x.service->authorizer != nullptr) {
    x.detail = "authorizer";
    co_return refused({Errc::denied, Side::client, "the authorizer cannot judge opaque connections"});
  }
  note_flow(x, *x.endpoint);
  auto app = co_await dial_app(plane_.port_guard(), *x.endpoint, snapshot.model.defaults.timeout.connect);
  if (!app) {
    if (app.error().code == Errc::identity) x.detail = "the port is another program's";
    co_return refused(app.error());
  }
  co_return std::move(*app);
}

int status_of_refusal(const Error& why) {
  if (why.code == Errc::denied) return 401;
  return why.code == Errc::not_found ? 404 : 503;
}

// What a tunnel to this service carries: as the service says, and where it leaves that open, as the caller says.
Carries carried_by(const ServiceEntry& service, const RequestHead& connect) {
  Carries carries = service.carries();
  auto said = connect.find(kCarriesField);
  if (carries != Carries::anything || !said) return carries;
  if (*said == name_of(Carries::http)) return Carries::http;
  return *said == name_of(Carries::bytes) ? Carries::bytes : carries;
}

// The tunnel's bytes from here on, as the far end of the wire or of the joint in memory sees them.
Task<void> serve_requests(DataPlane& plane, std::unique_ptr<ByteStream> stream, const Peer& from,
                          TunnelEnd end, Carries carries) {
  InboundService requests(plane, from, end);
  if (carries == Carries::http) {
    co_await serve_http(std::move(stream), requests, plane.inbound_group(), HttpOptions::mesh());
    co_return;
  }
  InboundBytes bytes(plane, from, end);
  FirstSpeaker& seen = plane.first_speaker(end.service + ":" + std::to_string(end.port));
  co_await serve_detect(std::move(stream), requests, bytes, plane.inbound_group(),
                        {seen, HttpOptions::mesh()});
}

Task<void> serve_tunnel(DataPlane& plane, std::unique_ptr<H2ServerStream> stream, const Peer& from,
                        const Peer& shown, bool asked_by_name) {
  Error bad{Errc::invalid_argument, Side::client, "not a tunnel"};
  if (stream->head().method() != "CONNECT" || stream->head_too_large()) {
    answer(*stream, 400, bad, "only CONNECT is served here");
    co_return;
  }
  SnapshotRef now = plane.snapshot();
  const Snapshot& snapshot = **now;
  auto end = parse_tunnel(stream->head().authority(), snapshot, plane.settings().name);
  if (!end) {
    answer(*stream, 400, bad, "the authority is not service:port");
    co_return;
  }
  const ServiceEntry* service = snapshot.service(end->service);
  if (service == nullptr || snapshot.endpoint_on(plane.settings().name, end->service, end->port) == nullptr) {
    answer(*stream, 404, {Errc::not_found, Side::client, "this node does not run that service"});
    co_return;
  }
  if (!shown_identity_matches(shown, asked_by_name, *service, plane.node_id())) {
    answer(*stream, 400, bad, "the tunnel leads to another workload than the server name asked for");
    co_return;
  }
  Carries carries = carried_by(*service, stream->head());
  now = {};

  if (carries == Carries::bytes) {
    InboundBytes bytes(plane, from, *end);
    auto app = co_await bytes.open({});
    if (!app) {
      answer(*stream, status_of_refusal(app.error()), app.error(), bytes.detail());
      co_return;
    }
    if (!stream->respond(ResponseHead(), false)) co_return;
    co_await serve_opaque(*stream, std::move(*app), bytes, plane.inbound_group());
    co_return;
  }
  // HTTP is judged request by request: nothing reaches the application before that.
  if (!stream->respond(ResponseHead(), false)) co_return;
  co_await serve_requests(plane, std::move(stream), from, *end, carries);
}

// A connection of another node: each CONNECT stream becomes a task of its own.
class MeshConnection final : H2Handler, public ServerConnection {
 public:
  MeshConnection(DataPlane& plane, std::unique_ptr<TlsStream> stream, const Peer& from, const Peer& shown)
      : ServerConnection(plane.inbound_group()),
        plane_(plane),
        from_(from),
        shown_(shown),
        asked_by_name_(!stream->sni().empty()),
        h2_(std::move(stream), *this, H2Options::mesh()) {}
  ~MeshConnection() = default;

  Task<Error> run() {
    if (group().draining()) h2_.drain();
    Error end = co_await h2_.run();
    group().note_end(end);
    co_return end;
  }

 private:
  void on_stream(std::unique_ptr<H2ServerStream> stream) override {
    spawn(serve_tunnel(plane_, std::move(stream), from_, shown_, asked_by_name_));
  }
  void on_refused(const Error& why, size_t streams) override {
    for (; streams > 0; --streams) group().note_refused(why);
  }
  void begin_drain() override { h2_.drain(); }
  void close(Error why) override { h2_.close(why); }
  bool idle() const override { return h2_.idle(); }

  DataPlane& plane_;
  const Peer& from_;
  const Peer& shown_;
  bool asked_by_name_;
  H2Server h2_;
};

}  // namespace

Task<void> Inbound::serve(std::unique_ptr<TcpStream> connection) {
  Gauge& open = plane_.golden().connections_active("mesh");
  auto pass = plane_.handshakes().enter(connection->peer().ip());
  if (!pass) {
    Error why{Errc::overload, Side::self, "too many handshakes at once"};
    plane_.count_refused_handshake(why);
    connection->close(why);
    co_return;
  }
  auto secured = co_await tls_accept(std::move(connection), plane_.server_tls());
  pass.leave();
  if (!secured) {
    plane_.count_refused_handshake(secured.error());
    co_return;
  }
  TlsStream& tls = **secured;
  if (!tls.peer_id() || tls.alpn() != "h2" || tls.local_identity() == nullptr) {
    tls.close({Errc::protocol, Side::client, "the mesh port speaks h2 only"});
    co_return;
  }
  // Revoked while it shook hands.
  const auto& denied = plane_.server_tls()->settings().denied;
  if (denied && !denied->empty() && denied->denies(tls.peer_chain())) {
    Error why{Errc::identity, Side::client, "the peer's certificate is revoked"};
    plane_.count_refused_handshake(why);
    tls.close(why);
    co_return;
  }
  const Peer& from = plane_.peers().intern(*tls.peer_id());
  const Peer& shown = plane_.peers().intern(tls.local_identity()->id);
  open.add();
  {
    MeshConnection mesh(plane_, std::move(*secured), from, shown);
    connections_[&mesh] = &tls;
    co_await mesh.run();
    connections_.erase(&mesh);
  }
  open.sub();
}

size_t Inbound::cut(const std::function<bool(const TlsStream&)>& over, Error why) {
  std::vector<ServerConnection*> found;
  for (const auto& [connection, tls] : connections_)
    if (over(*tls)) found.push_back(connection);
  for (ServerConnection* connection : found)
    if (connections_.contains(connection)) connection->close(why);
  return found.size();
}

namespace {

Task<void> serve_joined(DataPlane& plane, std::unique_ptr<ByteStream> stream, const Peer& from,
                        TunnelTarget target) {
  auto end = parse_tunnel(target.authority, **plane.snapshot(), plane.settings().name);
  if (!end) co_return;
  if (target.carries == Carries::bytes) {
    InboundBytes bytes(plane, from, *end);
    co_await serve_opaque(*stream, nullptr, bytes, plane.inbound_group());
    co_return;
  }
  co_await serve_requests(plane, std::move(stream), from, *end, target.carries);
}

}  // namespace

std::unique_ptr<ByteStream> Inbound::join(const Peer& from, const TunnelTarget& target) {
  PipePair pipe = make_pipe();
  spawn(serve_joined(plane_, std::move(pipe.b), from, target));
  return std::move(pipe.a);
}

Task<Result<Response>> InboundService::call(Request& request) {
  ExchangePtr x = begin_exchange(plane_, Direction::inbound, &request, from_);
  const Snapshot& snapshot = **x->snapshot;
  if (plane_.full()) co_return refuse_for(std::move(x), seconds(kShedRetryAfter), kShed);
  x->service = snapshot.service(end_.service);
  x->endpoint = x->service ? snapshot.endpoint_on(plane_.settings().name, end_.service, end_.port) : nullptr;
  if (x->endpoint == nullptr)
    co_return refuse(std::move(x),
                     {Errc::refused, Side::client, "this node does not run that service any more"});

  auto find_field = [&request](std::string_view name) { return request.head.find(name); };
  RequestFacts facts = facts_of(*x, FieldLookup(find_field), 0);
  note_asked(*x);
  if (!authenticate(*x, *x->service, facts)) co_return refuse_by_policy(std::move(x));
  x->policy = authorize(snapshot, *x->service, facts);
  x->judged = true;
  if (LoopShadow* shadow = plane_.shadow()) shadow->judged(*x, *x->service, facts);
  if (!x->policy.allowed()) co_return refuse_by_policy(std::move(x));
  if (x->service->authorizer != nullptr) {
    Task<AuthorizerWord> asked = ask_authorizer(*x);
    AuthorizerWord word = co_await asked;
    if (!word.allowed) co_return refuse_by_authorizer(std::move(x), std::move(word));
  }

  // The request is allowed: from here on it may reach the application.
  note_flow(*x, *x->endpoint);
  // What it says of the mesh is what we say: whatever the other side sent under these names is dropped.
  remove_mesh_fields(request.head);
  request.head.add("x-meshd-client-id", from_.uri);
  if (request.head.authority().empty()) request.head.set_authority(x->service->name);
  Service& pool = plane_.upstreams().app_pool(*x->endpoint, upstream_version(*x->service, request.head),
                                              snapshot.model.defaults.timeout.connect);
  Result<Response> response = co_await pool.call(request);
  if (!response) {
    Error why = x->error ? *x->error : response.error();
    bool stranger = why.code == Errc::identity && why.side == Side::self;
    co_return refuse(std::move(x), why, stranger ? "the port is another program's" : "");
  }
  // An application cannot speak for the mesh.
  response->head.remove("x-meshd-error");
  co_return relay_response(std::move(x), std::move(*response));
}

}  // namespace meshd
