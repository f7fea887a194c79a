// SPDX-License-Identifier: Apache-2.0
#include "http/h1_server.h"

#include "http/h1_link.h"
#include "http/h1_write.h"

namespace meshd {
namespace {

constexpr Error kAnswered{Errc::cancelled, Side::self, "the request was answered before its end"};
constexpr Error kClientGone{Errc::closed, Side::client, "the client has gone"};

// Lets every other ready coroutine run first.
struct Yield {
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> h) const { make_ready(h); }
  void await_resume() const {}
};

class H1ServerConnection final : public H1Link, public InterimSink {
 public:
  H1ServerConnection(std::unique_ptr<ByteStream> stream, Service& service, ServerGroup& group,
                     H1ServerOptions options)
      : H1Link(std::move(stream), Side::client, options.body_stall),
        service_(service),
        group_(group),
        options_(std::move(options)) {
    bytes() = std::move(options_.initial);
  }

  // Head, answer, rest of the content, again and again; then an orderly end.
  Task<void> serve();

  void begin_drain() {
    if (waiting_) interrupt({Errc::draining, Side::self, "draining"});
  }
  bool idle() const { return waiting_; }
  size_t held() { return stream().queued(); }
  // Ends now, and with it what the service does for it.
  void abort(Error why) {
    close(why);
    abandon(why);
  }

 private:
  enum class Next : uint8_t { request, part, gone };

  Task<Next> read_head();
  Task<Next> answer();
  Task<Next> send_answer();
  Task<Next> run_tunnel();
  Task<Next> refuse(Error why);
  Task<Next> answer_error(Error why);
  Task<void> part(bool client_over);
  Framing answer_framing();
  void open_request();

  void interim(ResponseHead head) override;
  void body_wanted() override;
  void body_ended() override { request_over(); }
  void body_dropped(Error why) override {
    request_over();
    if (tunnel_ && broken()) abandon(why);
  }
  void unasked() override;
  void request_over() {
    if (request_over_.waiting()) request_over_.complete(true);
  }
  // Tells the service that nobody waits for its answer any more.
  void abandon(Error why) {
    if (!answering_) return;
    cancellation_.fire(why);
    if (response_.body) response_.body->close(why);
  }
  static void head_timer_fired(void* self);
  static void watch_timer_fired(void* self);
  static void tunnel_timer_fired(void* self);

  Service& service_;
  ServerGroup& group_;
  H1ServerOptions options_;
  H1HeadParser parser_{H1HeadParser::Kind::request, options_.limits};
  Request request_;
  Framing framing_;  // of the request
  Response response_;
  Cancellation cancellation_;
  bool waiting_ = false;    // for the first byte of a head
  bool answering_ = false;  // the service or its answer's content is at work
  bool keep_ = true;        // the connection may carry another request
  bool continue_ = false;   // the client waits for 100 (Continue)
  bool head_sent_ = false;
  bool tunnel_ = false;
  Op<bool> request_over_;
  Timer head_timer_{&H1ServerConnection::head_timer_fired, this};
  Timer watch_timer_{&H1ServerConnection::watch_timer_fired, this};
  Timer tunnel_timer_{&H1ServerConnection::tunnel_timer_fired, this};
};

// ---- the request's head

void H1ServerConnection::head_timer_fired(void* self) {
  static_cast<H1ServerConnection*>(self)->interrupt(
      {Errc::slow_head, Side::client, "the head did not come in time"});
}

auto H1ServerConnection::read_head() -> Task<Next> {
  request_.head.reset();
  bool timed = false;
  for (;;) {
    if (bytes().empty()) {
      waiting_ = !parser_.begun();
      if (waiting_ && group_.draining()) co_return Next::part;
      if (waiting_) head_timer_.start(options_.idle);
      auto came = co_await more();
      waiting_ = false;
      if (!came || !*came) {
        head_timer_.stop();
        if (!parser_.begun()) {
          if (!came && !broken() && !group_.draining())
            group_.note_refused({Errc::idle, Side::client, "no request came"});
          co_return broken() ? Next::gone : Next::part;
        }
        if (!came && broken()) co_return Next::gone;
        co_return co_await refuse(
            came ? Error{Errc::protocol, Side::client, "the connection ended within a head"} : came.error());
      }
    }
    auto parsed = parser_.feed(bytes(), request_.head);
    if (!parsed) {
      head_timer_.stop();
      co_return co_await refuse(parsed.error());
    }
    if (*parsed) break;
    if (!std::exchange(timed, true)) head_timer_.start(options_.head_deadline);
  }
  head_timer_.stop();
  request_.head.set_scheme(options_.scheme);
  auto checked = check_request(request_.head, framing_, {.connect = options_.connect});
  if (!checked) co_return co_await refuse(checked.error());
  co_return Next::request;
}

void H1ServerConnection::open_request() {
  keep_ = framing_.keep_alive;
  continue_ = framing_.expect_continue;
  head_sent_ = tunnel_ = false;
  bool may_tunnel = !request_.head.protocol().empty() || request_.head.method() == "CONNECT";
  Framing content = framing_;
  if (may_tunnel) content.body = BodyKind::until_end;
  request_.body = open_body(content, may_tunnel);
  request_.interim = this;
  cancellation_ = Cancellation();
  request_.cancellation = &cancellation_;
}

// The service reads the content: a client that waits to be asked is asked now.
void H1ServerConnection::body_wanted() {
  if (!continue_ || head_sent_) return;
  continue_ = false;
  if (bytes().empty()) write_early(Chunk::literal("HTTP/1.1 100 Continue\r\n\r\n"));
}

void H1ServerConnection::interim(ResponseHead head) {
  // 100 is between this hop and its client; HTTP/1.0 knows no interim responses.
  if (head_sent_ || head.status == 100 || request_.head.version == HttpVersion::http10) return;
  write_early(write_response_head(head, Framing{}, ConnectionOption::none));
}

// ---- the answer

auto H1ServerConnection::answer() -> Task<Next> {
  answering_ = true;
  watch_timer_.start(kAbandonWatch);
  auto answered = co_await service_.call(request_);
  if (answered)
    response_ = std::move(*answered);
  else
    response_ = make_error_response(answered.error());
  // What cannot be a final answer to this request is a mistake of the service.
  int status = response_.head.status;
  if (status < 200 && (status != 101 || request_.head.protocol().empty()))
    response_ = make_error_response({Errc::internal, Side::self, "not a final answer"});
  Next next = co_await send_answer();
  watch_timer_.stop();
  answering_ = false;
  response_.body.reset();
  if (next == Next::request && !message_ended()) {
    // The service's hold on the content ends with its answer. A rest that does not come holds nobody up.
    head_timer_.start(options_.body_stall);
    bool ended = co_await discard(kDiscardMax, kAnswered);
    head_timer_.stop();
    if (!ended) next = Next::part;
  }
  if (request_.body) request_.body.reset();
  co_return next;
}

// How the answer's content is framed, and whether the connection lives on.
Framing H1ServerConnection::answer_framing() {
  Framing out;
  int status = response_.head.status;
  std::optional<uint64_t> length;
  if (response_.body) length = response_.body->length();
  tunnel_ = makes_tunnel(status, request_.head);
  // What is still to come is too much to throw away, or would never come: the client waits for 100.
  if (message_failed() || continue_ || missing().value_or(0) > kDiscardMax) keep_ = false;
  if (group_.draining()) keep_ = false;
  if (tunnel_) {
    out.body = BodyKind::until_end;
    keep_ = false;
  } else if (is_bodyless(status, request_.head.method())) {
    out.has_length = length.has_value() && status != 204;
    out.length = length.value_or(0);
    response_.body.reset();
  } else if (!response_.body || length) {
    out.body = BodyKind::length;
    out.length = length.value_or(0);
  } else if (request_.head.version == HttpVersion::http10) {
    out.body = BodyKind::until_end;
    keep_ = false;
  } else {
    out.body = BodyKind::chunked;
  }
  return out;
}

auto H1ServerConnection::send_answer() -> Task<Next> {
  Framing out = answer_framing();
  ConnectionOption option = ConnectionOption::none;
  if (!tunnel_ && !keep_)
    option = ConnectionOption::close;
  else if (!tunnel_ && request_.head.version == HttpVersion::http10)
    option = ConnectionOption::keep_alive;
  std::string_view upgrade;
  if (response_.head.status == 101) upgrade = request_.head.protocol();
  Chunk head = write_response_head(response_.head, out, option, upgrade);

  co_await early_written();
  // The response head is sent: from here errors can only cut the connection (but send_message, which holds it back
  // for the first content, can still take it back).
  head_sent_ = true;
  release(tunnel_);
  if (tunnel_) {
    auto written = co_await stream().write(std::move(head));
    if (!written) co_return Next::gone;
    co_return co_await run_tunnel();
  }
  Sent sent = co_await send_message(stream(), std::move(head), response_.body.get(), out);
  if (sent.whole() && response_.body && out.body == BodyKind::length) {
    // Its end, too, so that who counts or pools behind it sees a complete message.
    auto end = co_await response_.body->pull();
    if (!end || !end->empty())
      sent.body = fail(Errc::protocol, Side::self, "the content is longer than declared");
  }
  if (!sent.body && !sent.begun) co_return co_await answer_error(sent.body.error());
  if (!sent.body) {
    // A reset and not an end: an answer cut short must not look complete.
    close({Errc::reset, Side::self, "the answer's content failed"});
    co_return Next::gone;
  }
  if (!sent.stream) co_return Next::gone;
  co_return keep_ ? Next::request : Next::part;
}

// While an answer is slow, a read finds out whether anybody still waits for it.
void H1ServerConnection::watch_timer_fired(void* self) {
  auto& c = *static_cast<H1ServerConnection*>(self);
  // Not while the request itself still comes: whoever pulls it notices.
  if (c.message_ended())
    c.watch();
  else
    c.watch_timer_.start(kAbandonWatch);
}

// The end of the client's stream counts as its going, as with other proxies: of a client that only half-closes
// we know no more, and it gets its answer if that takes less than kAbandonWatch.
void H1ServerConnection::unasked() {
  if (!tunnel_ && (broken() || at_end())) abandon(kClientGone);
}

void H1ServerConnection::tunnel_timer_fired(void* self) {
  auto& c = *static_cast<H1ServerConnection*>(self);
  if (c.moved()) {
    c.tunnel_timer_.start(c.options_.tunnel_idle);
    return;
  }
  static constexpr Error kIdle{Errc::idle, Side::client, "the tunnel was idle"};
  c.abort(kIdle);
}

// Both directions carry raw bytes: the service pulls one, this writes the other, until both have ended.
auto H1ServerConnection::run_tunnel() -> Task<Next> {
  watch_timer_.stop();
  tunnel_timer_.start(options_.tunnel_idle);
  while (response_.body) {
    auto piece = co_await response_.body->pull();
    note_moved();
    if (!piece) {
      close({Errc::reset, Side::self, "the tunnel failed"});
      co_return Next::gone;
    }
    if (piece->empty()) {
      response_.body.reset();
      break;
    }
    auto written = co_await stream().write(std::move(*piece));
    if (!written) co_return Next::gone;
  }
  auto finished = co_await stream().finish();
  if (finished && !message_ended() && !message_failed() && body_held()) co_await request_over_;
  co_return Next::gone;
}

// ---- the end

// What never became a request is answered, and counted.
auto H1ServerConnection::refuse(Error why) -> Task<Next> {
  group_.note_refused(why);
  return answer_error(why);
}

// An answer of ours; then the connection ends.
auto H1ServerConnection::answer_error(Error why) -> Task<Next> {
  Response answer = make_error_response(why);
  Framing out;
  out.body = BodyKind::length;
  out.length = answer.body->length().value_or(0);
  Chunk head = write_response_head(answer.head, out, ConnectionOption::close);
  Sent sent = co_await send_message(stream(), std::move(head), answer.body.get(), out);
  co_return sent.stream ? Next::part : Next::gone;
}

// Sends our end and reads on for a while: a reset caused by bytes nobody reads would take away what the client
// has not read yet (RFC 9112 section 9.6).
Task<void> H1ServerConnection::part(bool client_over) {
  auto finished = co_await stream().finish();
  if (!finished) co_return;
  if (client_over) co_return;
  head_timer_.start(kLinger);
  size_t thrown = 0;
  while (thrown < kDiscardMax) {
    thrown += bytes().size();
    bytes() = Chunk();
    auto came = co_await more();
    if (!came || !*came) break;
  }
  head_timer_.stop();
}

Task<void> H1ServerConnection::serve() {
  Next next = Next::request;
  bool client_over = false;  // it said that this request is its last, and sent nothing after it
  for (int turn = 0; next == Next::request; ++turn) {
    if (turn >= kPipelinedPerTurn) {
      turn = 0;
      co_await Yield();
    }
    next = co_await read_head();
    if (next != Next::request) break;
    open_request();
    next = co_await answer();
    client_over = !framing_.keep_alive && message_ended() && bytes().empty();
  }
  if (next == Next::part) co_await part(client_over);
  close({Errc::cancelled, Side::self, "the connection has ended"});
}

// The connection as its group sees it: a member while it serves, though its link may live on with a body.
class Member final : public ServerConnection {
 public:
  Member(ServerGroup& group, H1ServerConnection& connection)
      : ServerConnection(group), connection_(connection) {}
  void begin_drain() override { connection_.begin_drain(); }
  void close(Error why) override { connection_.abort(why); }
  bool idle() const override { return connection_.idle(); }
  size_t held() const override { return connection_.held(); }

 private:
  H1ServerConnection& connection_;
};

}  // namespace

Task<void> serve_h1(std::unique_ptr<ByteStream> stream, Service& service, ServerGroup& group,
                    H1ServerOptions options) {
  LocalPtr<H1ServerConnection> connection(
      new H1ServerConnection(std::move(stream), service, group, std::move(options)));
  Member member(group, *connection);
  co_await connection->serve();
}

}  // namespace meshd
