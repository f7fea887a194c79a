// SPDX-License-Identifier: Apache-2.0
#include "http/h1_client.h"

#include "http/h1_link.h"
#include "http/h1_write.h"

namespace meshd {
namespace {

// Stands for content that would have been sent: the answer to HEAD, a 304.
class AbsentBody final : public Body {
 public:
  explicit AbsentBody(uint64_t length) : length_(length) {}
  Await<Result<Chunk>> pull() override { return Chunk(); }
  void close(Error) override {}
  std::optional<uint64_t> length() const override { return length_; }

 private:
  uint64_t length_;
};

Framing request_framing(const Request& request) {
  Framing f;
  std::string_view method = request.head.method();
  if (request.body) {
    auto length = request.body->length();
    f.body = length ? BodyKind::length : BodyKind::chunked;
    f.length = length.value_or(0);
  } else {
    // Methods that expect content say that there is none (RFC 9110 section 8.6).
    f.has_length = method == "POST" || method == "PUT" || method == "PATCH";
  }
  return f;
}

}  // namespace

struct H1Client::Connection final : H1Link {
  Connection(std::unique_ptr<ByteStream> stream, milliseconds body_stall, HeadLimits limits)
      : H1Link(std::move(stream), Side::upstream, body_stall), parser(H1HeadParser::Kind::response, limits) {}

  H1ClientOwner* owner = nullptr;
  H1HeadParser parser;
  ResponseHead head;                     // the answer's
  CallFacts unwanted;                    // for callers who do not ask
  Cancellation* cancellation = nullptr;  // while armed
  Body* sending = nullptr;               // the request's content while the pump has it
  std::optional<Error> send_error;       // the request's content failed, or the call was cancelled
  bool calling = false;                  // a call waits for its head
  bool tunnel = false;                   // raw bytes both ways, ended one by one
  bool used = false;                     // has carried a call
  bool clean = true;                     // so far nothing forbids another call
  bool dropped = false;                  // its H1Client has gone
  bool ended = false;                    // closed, for whatever reason
  bool gone_told = false;

  Task<Result<Response>> call(Request& request, CallFacts& facts);
  Task<Result<>> send_request(Request& request, Framing framing, CallFacts& facts);
  Task<Result<>> read_answer(Request& request, Framing& framing, CallFacts& facts);
  static Task<void> pump(LocalPtr<Connection> self, std::unique_ptr<Body> body, Chunk head, Framing framing);
  void end(Error why);
  void settle();
  bool free() {
    return clean && !ended && !calling && !sending && message_ended() && bytes().empty() && !at_end();
  }

  void body_ended() override { settle(); }
  void body_dropped(Error why) override { end(why); }
  static void cancelled(void* self, Error why) {
    auto& c = *static_cast<Connection*>(self);
    c.cancellation = nullptr;
    if (!c.send_error) c.send_error = why;
    c.end(why);
  }
  void disarm() {
    if (cancellation != nullptr) std::exchange(cancellation, nullptr)->disarm();
  }
  void unasked() override {
    // A free connection that says something, or ends, is no connection any more. While a call is under way
    // the bytes wait for it.
    if (!calling && message_ended()) end({Errc::closed, Side::upstream, "the idle connection ended"});
  }
};

// Ends the connection, and with it whatever of the call is left.
void H1Client::Connection::end(Error why) {
  if (!ended) {
    LocalPtr<Connection> self(this);
    ended = true;
    disarm();
    close(why);
    if (sending != nullptr) sending->close(why);
    settle();
  }
}

// Something ended: the answer, the sending, the call. Is the connection free, or gone?
void H1Client::Connection::settle() {
  LocalPtr<Connection> self(this);
  if (!calling && message_ended()) disarm();
  if (!ended && !calling && used && message_ended()) {
    if (tunnel && sending != nullptr) return;  // half closed
    // An answer complete before its request was: what is left of that would be taken for the next one.
    if (!free())
      end({Errc::closed, Side::upstream, "the answer was complete before the request"});
    else if (dropped)
      end({Errc::cancelled, Side::self, "the connection is not needed any more"});
    else if (owner == nullptr)
      watch();
    else {
      watch();  // tells at once when the upstream closes
      owner->connection_free();
    }
    return;
  }
  if (ended && !calling && !sending && owner != nullptr && !std::exchange(gone_told, true)) {
    std::exchange(owner, nullptr)->connection_gone();
  }
}

// Sends the content, in step with whoever gives it, while the answer is awaited or already read.
Task<void> H1Client::Connection::pump(LocalPtr<Connection> self, std::unique_ptr<Body> body, Chunk head,
                                      Framing framing) {
  Sent sent = co_await send_message(self->stream(), std::move(head), body.get(), framing);
  if (sent.whole() && framing.body == BodyKind::until_end) {
    // A tunnel: its other direction goes on.
    auto finished = co_await self->stream().finish();
    (void)finished;
  }
  self->sending = nullptr;
  body.reset();
  if (!sent.body && !self->ended) {
    // The upstream must not take a cut request for a complete one.
    self->send_error = sent.body.error();
    self->end({Errc::reset, sent.body.error().side, "the request's content failed"});
  } else if (!sent.stream) {
    // The upstream takes no more; it may have answered why, so reading goes on.
    self->clean = false;
  }
  if (self->ended || framing.body == BodyKind::until_end) self->settle();
}

// Head and no content: written here. With content: by the pump.
Task<Result<>> H1Client::Connection::send_request(Request& request, Framing framing, CallFacts& facts) {
  Chunk head = write_request_head(request.head, framing);
  if (framing.body != BodyKind::none) {
    facts.sent = true;
    std::unique_ptr<Body> body = std::move(request.body);
    sending = body.get();
    spawn(pump(LocalPtr<Connection>(this), std::move(body), std::move(head), framing));
    co_return Result<>();
  }
  auto writing = stream().write(std::move(head));
  // A stream that refuses at once has taken nothing.
  facts.sent = !writing.await_ready();
  auto written = co_await writing;
  if (!written) co_return fail(written.error());
  facts.sent = true;
  co_return Result<>();
}

// Interim answers go to the request's sink; the final head, checked, to `head`.
Task<Result<>> H1Client::Connection::read_answer(Request& request, Framing& framing, CallFacts& facts) {
  for (int interims = 0; interims <= kInterimMax; ++interims) {
    head = ResponseHead();
    for (bool whole = false; !whole;) {
      auto came = co_await more();
      if (send_error) co_return fail(*send_error);
      if (!came) co_return fail(came.error());
      if (!*came) {
        co_return fail(
            Errc::closed, Side::upstream,
            facts.answered ? "the upstream closed within a head" : "the upstream closed without an answer");
      }
      facts.answered = true;
      auto parsed = parser.feed(bytes(), head);
      if (!parsed) co_return fail(parsed.error());
      whole = *parsed;
    }
    auto checked = check_response(head, framing, request.head);
    if (!checked) co_return fail(checked.error());
    if (head.status >= 200 || head.status == 101) co_return Result<>();
    if (request.interim != nullptr) request.interim->interim(std::move(head));
  }
  co_return fail(Errc::protocol, Side::upstream, "too many interim answers");
}

Task<Result<Response>> H1Client::Connection::call(Request& request, CallFacts& facts) {
  LocalPtr<Connection> self(this);
  facts.connected = true;
  facts.reused = used;
  if (request.cancellation != nullptr && request.cancellation->fired()) {
    if (!used)
      end(*request.cancellation->fired());
    else
      settle();
    co_return fail(*request.cancellation->fired());
  }
  // What came before we asked is not our answer.
  if (!free() || stream().ready()) {
    end({Errc::closed, Side::upstream, "the connection ended"});
    co_return fail(Errc::closed, Side::upstream, "the connection ended");
  }
  used = calling = true;
  if (request.cancellation != nullptr) {
    cancellation = request.cancellation;
    cancellation->arm(&Connection::cancelled, this);
  }
  bool may_tunnel = request.head.method() == "CONNECT" || !request.head.protocol().empty();
  Framing in;
  auto done = co_await send_request(request, may_tunnel ? Framing{} : request_framing(request), facts);
  if (done) done = co_await read_answer(request, in, facts);
  calling = false;
  if (!done) {
    end({Errc::reset, Side::upstream, "the call failed"});
    settle();
    co_return fail(done.error());
  }

  Response response;
  response.head = std::move(head);
  if (!in.keep_alive) clean = false;
  tunnel = makes_tunnel(response.head.status, request.head);
  if (tunnel && request.body) {
    std::unique_ptr<Body> body = std::move(request.body);
    sending = body.get();
    spawn(pump(self, std::move(body), Chunk(), {.body = BodyKind::until_end}));
  }
  response.body = open_body(in);
  if (!response.body && in.has_length) response.body = std::make_unique<AbsentBody>(in.length);
  if (message_ended()) settle();
  co_return response;
}

// ---- the handle

H1Client::H1Client(std::unique_ptr<ByteStream> stream, milliseconds body_stall, HeadLimits limits)
    : connection_(new Connection(std::move(stream), body_stall, limits)) {}

H1Client::H1Client(H1Client&&) noexcept = default;
H1Client& H1Client::operator=(H1Client&&) noexcept = default;

H1Client::~H1Client() {
  if (!connection_) return;
  connection_->owner = nullptr;
  connection_->dropped = true;
  if (!connection_->used)
    connection_->end({Errc::cancelled, Side::self, "the connection is not needed any more"});
  else
    connection_->settle();
}

Task<Result<Response>> H1Client::call(Request& request, CallFacts* facts) {
  return connection_->call(request, facts != nullptr ? *facts : connection_->unwanted);
}

bool H1Client::reusable() const { return connection_->free() && !connection_->stream().ready(); }
void H1Client::close(Error why) { connection_->end(why); }
void H1Client::set_owner(H1ClientOwner* owner) { connection_->owner = owner; }

}  // namespace meshd
