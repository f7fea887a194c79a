// SPDX-License-Identifier: Apache-2.0
// h1_client.h: the upstream end of one HTTP/1 connection (RFC 9112).
#pragma once
#include <memory>

#include "base/limits.h"
#include "base/local_ptr.h"
#include "http/h1_parser.h"
#include "http/message.h"
#include "net/byte_stream.h"

namespace meshd {

// What happened on the way, for retries, metrics and the log.
struct CallFacts {
  bool connected = false;  // a connection was there or made
  bool reused = false;     // it had carried a request before
  bool sent = false;      // a byte of the request was handed to the stream: the upstream may have acted on it
  bool answered = false;  // a byte of an answer came
};

// Told when a connection becomes free or ends; for the pool.
class H1ClientOwner {
 public:
  // Request and answer are complete and the connection is clean: it may carry another call.
  virtual void connection_free() = 0;
  // It ended and carries nothing more. Called once, last.
  virtual void connection_gone() = 0;

 protected:
  ~H1ClientOwner() = default;
};

class H1Client {
 public:
  explicit H1Client(std::unique_ptr<ByteStream> stream, milliseconds body_stall = kBodyStall,
                    HeadLimits limits = {});
  H1Client(H1Client&&) noexcept;
  H1Client& operator=(H1Client&&) noexcept;
  // Answers whose bodies are still read go on; the connection closes after them.
  ~H1Client();

  // One call at a time. The answer comes as soon as its head is there, while the request's content still goes out.
  // The request's body is taken (moved out) once sending begins; on an error with !facts.sent it is still there.
  // The response's body stays valid after this object is gone; destroying it early ends the connection.
  // The request's cancellation is armed from the start to the end of the response's content; fired, it ends the
  // connection, and the call or the content fails with its reason.
  // Errors: protocol (side upstream), reset, closed, timeout; or the request body's own (side as it says).
  Task<Result<Response>> call(Request& request, CallFacts* facts = nullptr);

  // True when nothing is under way and nothing unasked has come.
  bool reusable() const;
  void close(Error why);
  // `owner` is told from now on; null ends that. It must outlive this or be taken away.
  void set_owner(H1ClientOwner* owner);

  struct Connection;

 private:
  LocalPtr<Connection> connection_;
};

}  // namespace meshd
