// SPDX-License-Identifier: Apache-2.0
// h2_call.cc: a whole exchange on a client stream: request and response as values.
#include "http/h2_client.h"
#include "http/h2_connection.h"
#include "http/h2_websocket.h"
#include "http/semantics.h"
#include "loop/frame_slab.h"

namespace meshd {
namespace {

// What the call, the task that sends the request's body and the response's body share.
struct Exchange : LocalCounted {
  std::unique_ptr<H2ClientStream> stream;
  std::unique_ptr<RequestHead> connect;  // what was sent in place of an Upgrade to WebSocket
  Body* source = nullptr;                // the request's body while it is being sent
  Cancellation* cancellation = nullptr;  // while armed
  Result<Response> answer;               // on its way to the caller: here, and not in the call's frame

  static void* operator new(size_t size) { return slab_allocate(size); }
  static void operator delete(void* p, size_t size) { slab_free(p, size); }

  void cancel(Error why) {
    stream->close(why);
    if (source != nullptr) source->close(why);
  }
  void disarm() {
    if (cancellation != nullptr) std::exchange(cancellation, nullptr)->disarm();
  }
};

class ResponseBody final : public Body {
 public:
  ResponseBody(LocalPtr<Exchange> x, std::optional<uint64_t> length) : x_(std::move(x)), length_(length) {}
  ~ResponseBody() override {
    x_->disarm();
    if (!x_->stream->peer_finished())
      x_->cancel({Errc::cancelled, Side::client, "the response is not wanted"});
  }
  Await<Result<Chunk>> pull() override { return x_->stream->read(); }
  void close(Error why) override { x_->cancel(why); }
  std::optional<uint64_t> length() const override { return length_; }
  const Fields* trailers() const override { return x_->stream->trailers(); }

 private:
  LocalPtr<Exchange> x_;
  std::optional<uint64_t> length_;
};

// The answer to HEAD, and 304: no content, but the length that it would have.
class NoContent final : public Body {
 public:
  explicit NoContent(uint64_t length) : length_(length) {}
  Await<Result<Chunk>> pull() override { return Chunk(); }
  void close(Error) override {}
  std::optional<uint64_t> length() const override { return length_; }

 private:
  uint64_t length_;
};

Task<void> send_body(LocalPtr<Exchange> x, std::unique_ptr<Body> body) {
  x->source = body.get();
  for (;;) {
    Result<Chunk> bytes = co_await body->pull();
    if (!bytes) {
      x->stream->close(bytes.error());
      break;
    }
    if (bytes->empty()) {
      const Fields* trailers = body->trailers();
      if (trailers != nullptr)
        (void)co_await x->stream->send_trailers(*trailers);
      else
        (void)co_await x->stream->finish();
      break;
    }
    Result<size_t> taken = co_await x->stream->write(std::move(*bytes));
    if (!taken) {
      body->close(taken.error());
      break;
    }
  }
  x->source = nullptr;
}

// Makes the answer of the final head, or of an error. False after an interim head: more will come.
// Not inlined: its locals would stand in the call's frame.
[[gnu::noinline]] bool take_head(const LocalPtr<Exchange>& x, Result<> ready, Request& request) {
  ResponseHead head;
  Framing framing;
  if (ready) {
    head = x->stream->take_head();
    ready = check_response(head, framing, x->connect ? *x->connect : request.head);
  }
  if (!ready) {
    x->disarm();
    x->cancel(ready.error());
    x->answer = fail(ready.error());
    return true;
  }
  if (head.status < 200) {
    if (request.interim != nullptr) request.interim->interim(std::move(head));
    return false;
  }
  if (x->connect) connect_answer_to_upgrade(head, request.head);
  Response& response = *x->answer;
  response.head = std::move(head);
  std::optional<uint64_t> length;
  if (framing.has_length) length = framing.length;
  if (!x->stream->no_content() && framing.body != BodyKind::none) {
    response.body = std::make_unique<ResponseBody>(x, length);
  } else {
    x->disarm();
    if (framing.has_length && framing.length > 0) response.body = std::make_unique<NoContent>(framing.length);
  }
  return true;
}

}  // namespace

Task<Result<Response>> H2Client::call(Request& request) {
  LocalPtr<Exchange> x(new Exchange);
  if (is_websocket_upgrade(request.head)) {
    auto connect = upgrade_to_connect(request.head);
    if (!connect) co_return fail(connect.error());
    x->connect = std::move(*connect);
    Result<> offered = co_await H2Connection::extended_connect_offered(connection_, request.cancellation);
    if (!offered) co_return fail(offered.error());
  }
  bool end = request.body == nullptr;
  auto opened =
      open(x->connect ? *x->connect : request.head, end, end ? std::nullopt : request.body->length());
  if (!opened) co_return fail(opened.error());
  // From here this client may go away; the exchange has its own stream.
  x->stream = std::move(*opened);
  x->cancellation = request.cancellation;
  if (!end) spawn(send_body(x, std::move(request.body)));
  if (request.cancellation != nullptr)
    request.cancellation->arm([](void* self, Error why) { static_cast<Exchange*>(self)->cancel(why); },
                              x.get());
  for (bool whole = false; !whole;) {
    Result<> ready = co_await x->stream->head_ready();
    whole = take_head(x, ready, request);
  }
  co_return std::move(x->answer);
}

}  // namespace meshd
