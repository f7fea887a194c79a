// SPDX-License-Identifier: Apache-2.0
// message.h: a request and a response as values, the same for HTTP/1 and HTTP/2; and Service, which turns
// one into the other.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/chunk.h"
#include "base/result.h"
#include "http/fields.h"
#include "loop/task.h"

namespace meshd {

// Content in motion. Whoever sends it pulls; nothing is read from the other side before it is pulled,
// beyond one window.
class Body {
 public:
  virtual ~Body() = default;

  // The next bytes; an empty chunk is the end (again at each further call). One puller at a time. What is not
  // ready has taken nothing yet: it may be dropped instead of awaited, and asked for again.
  // Errors: reset, protocol, timeout, body_too_large, …; final.
  virtual Await<Result<Chunk>> pull() = 0;

  // Gives up: a waiting pull completes with `why`, the source is told (RST_STREAM, or its connection ends).
  virtual void close(Error why) = 0;

  // Total length, where the message declared one; for an answer to HEAD and a 304, what would have been sent.
  virtual std::optional<uint64_t> length() const { return std::nullopt; }

  // Trailer fields; null before the end and where there were none.
  virtual const Fields* trailers() const { return nullptr; }
};

// A body that is there already.
std::unique_ptr<Body> make_body(Chunk bytes);

// Reads `body` to its end. Errors: its own; body_too_large over `max` bytes.
Task<Result<std::string>> read_all(Body& body, size_t max);

// Takes interim responses (100, 103) while a call is under way.
class InterimSink {
 public:
  virtual void interim(ResponseHead head) = 0;

 protected:
  ~InterimSink() = default;
};

// Ends a call from outside: how a deadline or a vanished client reaches what the call waits for.
// A client arms it while it has a stream for the call, from the first byte sent to the end of the response's body.
class Cancellation {
 public:
  using End = void (*)(void* context, Error why);
  // From now until disarm(), fire() calls `end`; at once if it was fired before.
  void arm(End end, void* context) {
    end_ = end;
    context_ = context;
    if (fired_) fire(*fired_);
  }
  void disarm() { end_ = nullptr; }
  void fire(Error why) {
    fired_ = why;
    if (End end = std::exchange(end_, nullptr)) end(context_, why);
  }
  const std::optional<Error>& fired() const { return fired_; }

 private:
  End end_ = nullptr;
  void* context_ = nullptr;
  std::optional<Error> fired_;
};

struct Request {
  RequestHead head;
  std::unique_ptr<Body> body;            // null: no content
  InterimSink* interim = nullptr;        // lives as long as the call
  Cancellation* cancellation = nullptr;  // lives as long as the response's body
};

// `body` null: no content. Where the exchange became a tunnel (101, or 2xx to CONNECT) both bodies carry
// raw bytes until their ends.
struct Response {
  ResponseHead head;
  std::unique_ptr<Body> body;
};

// What a listener serves, and the upstream client: the same shape.
class Service {
 public:
  virtual ~Service() = default;
  // `request` lives until the response's body has ended or is destroyed. The service may move the body out.
  // An error becomes an answer of ours (status_for).
  virtual Task<Result<Response>> call(Request& request) = 0;
};

// The status of an answer that meshd itself makes for a failure.
int status_for(const Error& e);

// Such an answer: status, `x-meshd-error: <reason>[; detail]`, a short plain-text body.
Response make_error_response(const Error& e, std::string_view detail = {});
Response make_text_response(int status, std::string_view content_type, std::string_view text);

}  // namespace meshd
