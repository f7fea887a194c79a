// SPDX-License-Identifier: Apache-2.0
#include "http/h2_service.h"

#include "http/grpc.h"
#include "http/h2_server.h"
#include "http/h2_websocket.h"
#include "http/semantics.h"
#include "loop/frame_slab.h"

namespace meshd {
namespace {

// The connection's task and its streams' tasks share it; it leaves the group when the last of them is done.
struct Connection final : LocalCounted, ServerConnection, H2Handler {
  Connection(ServerGroup& g, Service& s, std::unique_ptr<ByteStream> stream, const H2ServerOptions& o)
      : ServerConnection(g),
        service(s),
        scheme(o.scheme),
        connect(o.connect),
        server(std::move(stream), *this, o.h2, o.initial) {}

  void on_stream(std::unique_ptr<H2ServerStream> stream) override;
  void on_refused(const Error& why, size_t streams) override {
    for (; streams > 0; --streams) group().note_refused(why);
  }
  void begin_drain() override { server.drain(); }
  void close(Error why) override { server.close(why); }
  bool idle() const override { return requests == 0 && server.idle(); }
  size_t held() const override { return server.queued(); }
  bool group_draining() { return group().draining(); }
  void note_refused(const Error& why) { group().note_refused(why); }
  void note_end(const Error& why) { group().note_end(why); }

  Service& service;
  std::string_view scheme;
  bool connect;
  size_t requests = 0;  // whose tasks run
  H2Server server;
};

// The stream, shared by its task and the request's body, which the service may keep longer. Request and response
// stand here and not in the task's frame, which stays small.
struct Exchange final : LocalCounted, InterimSink {
  explicit Exchange(std::unique_ptr<H2ServerStream> s) : stream(std::move(s)) {}
  static void* operator new(size_t size) { return slab_allocate(size); }
  static void operator delete(void* p, size_t size) { slab_free(p, size); }

  void interim(ResponseHead head) override {
    // HTTP/2 has no 101 (RFC 9113 section 8.6).
    if (stream->responded() || stream->broken() || head.status == 101) return;
    if (head.status == 100) wants_continue = false;
    // A stream that is broken meanwhile shows that when the answer itself is sent.
    [[maybe_unused]] Result<> sent = stream->interim(head);
  }

  std::unique_ptr<H2ServerStream> stream;
  Request request;  // its body refers back here: serve_stream cuts that circle
  Response response;
  bool wants_continue = false;  // the client waits for 100 before it sends content
  bool websocket = false;       // extended CONNECT, which the service sees as an Upgrade
  Cancellation cancellation;
  Body* sending = nullptr;  // the response's body while it is being sent
};

class RequestBody final : public Body {
 public:
  RequestBody(LocalPtr<Exchange> x, std::optional<uint64_t> length) : x_(std::move(x)), length_(length) {}
  Await<Result<Chunk>> pull() override {
    if (x_->wants_continue) {
      ResponseHead go_on;
      go_on.status = 100;
      x_->interim(std::move(go_on));
    }
    if (!length_) return x_->stream->read();
    if (held_.empty()) {
      Await<Result<Chunk>> next = x_->stream->read();
      if (!next.await_ready()) return pull_slowly();
      Result<Chunk> bytes = next.await_resume();
      if (!bytes || !is_last(*bytes)) return bytes;
      held_ = std::move(*bytes);
    }
    return wait_end();
  }
  // Giving up the content is not giving up the exchange: the answer still goes out.
  void close(Error why) override { x_->stream->stop_reading(why); }
  std::optional<uint64_t> length() const override { return length_; }
  const Fields* trailers() const override { return x_->stream->trailers(); }

 private:
  // With these bytes the declared length is there, but not the stream's end: there may be more, which makes the request
  // malformed (RFC 9113 section 8.1.1). They wait, or the next hop would take it for complete.
  bool is_last(const Chunk& bytes) {
    given_ += bytes.size();
    return !bytes.empty() && given_ == *length_ && !x_->stream->peer_finished();
  }
  Task<Result<Chunk>> pull_slowly() {
    Result<Chunk> bytes = co_await x_->stream->read();
    if (!bytes || !is_last(*bytes)) co_return bytes;
    held_ = std::move(*bytes);
    co_return co_await wait_end();
  }
  Task<Result<Chunk>> wait_end() {
    Result<Chunk> end = co_await x_->stream->read();
    if (!end) co_return end;
    if (!end->empty()) co_return fail(Errc::protocol, Side::client, "more content than declared");
    co_return std::exchange(held_, Chunk());
  }

  LocalPtr<Exchange> x_;
  std::optional<uint64_t> length_;
  uint64_t given_ = 0;
  Chunk held_;
};

// The client reset the stream or is gone.
void client_gave_up(void* context, Error why) {
  auto& x = *static_cast<Exchange*>(context);
  x.cancellation.fire(why);
  if (x.sending != nullptr) x.sending->close(why);
}

// HTTP/2 may send cookies in pieces for the sake of compression; everybody else wants one field (RFC 9113 8.2.3).
void join_cookies(RequestHead& head) {
  if (head.count("cookie") < 2) return;
  std::string all;
  for (size_t i = 0; i < head.size(); ++i) {
    if (!same_name(head[i].name, "cookie")) continue;
    if (!all.empty()) all += "; ";
    all += head[i].value;
  }
  head.set("cookie", all);
}

// Checks the head and makes the request that the service sees.
Result<> make_request(Connection& c, const LocalPtr<Exchange>& x) {
  H2ServerStream& s = *x->stream;
  Request& request = x->request;
  if (s.head_too_large()) return fail(Errc::head_too_large, Side::client, "the header fields are too large");
  request.head = std::move(s.head());
  request.head.set_scheme(c.scheme);
  Framing framing;
  Result<> checked = check_request(request.head, framing, {.connect = c.connect});
  if (!checked) return checked;
  if (is_extended_connect(request.head)) {
    if (auto known = connect_to_upgrade(request.head); !known) return known;
    x->websocket = true;
  }
  join_cookies(request.head);
  x->wants_continue = framing.expect_continue;
  if (!s.no_content()) {
    std::optional<uint64_t> length;
    if (framing.has_length) length = framing.length;
    request.body = std::make_unique<RequestBody>(x, length);
  }
  request.interim = x.get();
  request.cancellation = &x->cancellation;
  return {};
}

Task<void> send_content(Exchange& x, Body& body) {
  H2ServerStream& s = *x.stream;
  for (;;) {
    Result<Chunk> bytes = co_await body.pull();
    if (!bytes) {
      // The head is sent: only a reset can say that this is not the whole.
      s.close(bytes.error());
      co_return;
    }
    if (bytes->empty()) break;
    Result<size_t> taken = co_await s.write(std::move(*bytes));
    if (!taken) {
      body.close(taken.error());
      co_return;
    }
  }
  const Fields* trailers = body.trailers();
  if (trailers != nullptr)
    (void)co_await s.send_trailers(*trailers);
  else
    (void)co_await s.finish();
}

Response or_error(Result<Response> answer, const Request& request) {
  return answer ? std::move(*answer) : make_refusal(request.head, answer.error());
}

// The service's answer as this stream can carry it. True: what follows are a tunnel's raw bytes.
bool settle_answer(Exchange& x) {
  ResponseHead& head = x.response.head;
  bool tunnel = makes_tunnel(head.status, x.request.head);
  Result<> fits;
  if (x.websocket)
    fits = upgrade_answer_to_connect(head, x.request.head);
  else if (head.status < 200)
    fits = fail(Errc::internal, Side::self, "not a final answer");
  if (!fits) x.response = make_error_response(fits.error());
  return fits && tunnel;
}

Task<void> serve_stream(LocalPtr<Connection> c, LocalPtr<Exchange> x) {
  ++c->requests;
  H2ServerStream& s = *x->stream;
  Response& response = x->response;
  Result<> made = make_request(*c, x);
  if (made) {
    // One expression: an answer named here would stand in the frame too.
    response = or_error(co_await c->service.call(x->request), x->request);
  } else {
    c->note_refused(made.error());
    response = make_refusal(x->request.head, made.error());
  }
  bool tunnel = settle_answer(*x);
  std::optional<uint64_t> length;
  if (response.body != nullptr) length = response.body->length();
  bool bodyless = response.body == nullptr || is_bodyless(response.head.status, x->request.head.method());
  if (response.head.status == 204 || tunnel) length.reset();
  Result<> sent = s.respond(response.head, bodyless, length);
  if (sent && !bodyless) {
    x->sending = response.body.get();
    co_await send_content(*x, *response.body);
    x->sending = nullptr;
  }
  response.body.reset();
  x->request.body.reset();
  // A service that still holds the request's body learns that nobody wants it any more.
  s.abandon({Errc::cancelled, Side::client, "the exchange is over"});
  --c->requests;
}

void Connection::on_stream(std::unique_ptr<H2ServerStream> stream) {
  LocalPtr<Exchange> x(new Exchange(std::move(stream)));
  x->stream->on_broken(client_gave_up, x.get());
  spawn(serve_stream(LocalPtr<Connection>(this), std::move(x)));
}

}  // namespace

Task<void> serve_h2(std::unique_ptr<ByteStream> stream, Service& service, ServerGroup& group,
                    H2ServerOptions options) {
  LocalPtr<Connection> c(new Connection(group, service, std::move(stream), options));
  if (c->group_draining()) c->begin_drain();
  Error end = co_await c->server.run();
  c->note_end(end);
}

}  // namespace meshd
