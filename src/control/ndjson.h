// SPDX-License-Identifier: Apache-2.0
// ndjson.h: the two directions of an open stream of JSON lines (protocol.h, POST /v1/sync): a body that lines are
// put into while it is being sent, and a reader that gives line after line.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"
#include "http/message.h"

namespace meshd {

// The sending end. Lines wait here until the peer takes them; whoever sends must look at queued() and stop at a limit
// of its own. Belongs to one loop.
class LineSender {
 public:
  // The body to send; once. It may go before or after the sender.
  std::unique_ptr<Body> body();

  // Adds one line; `text` is without line end. False once the stream has ended.
  bool send_line(std::string_view text);
  bool send(const Json& message) { return send_line(to_text(message)); }
  // Orderly end after all lines.
  void finish();
  bool ended() const;
  // Bytes that the peer has not taken yet.
  size_t queued() const;

  LineSender();
  LineSender(LineSender&&) noexcept = default;
  LineSender& operator=(LineSender&&) noexcept = default;
  ~LineSender();

  struct Queue;

 private:
  std::shared_ptr<Queue> queue_;
};

// The receiving end.
class LineReader {
 public:
  // `body` must outlive this.
  explicit LineReader(Body& body) : body_(body) {}

  // The next line without its end; empty lines are passed over. Errors: closed (the orderly end; a last line that was
  // cut short is dropped), limit (longer than kControlLineMax), and those of the body.
  Task<Result<std::string>> next();

 private:
  Body& body_;
  std::string text_;
  size_t start_ = 0;    // text_[0, start_) is spent
  size_t scanned_ = 0;  // text_[start_, scanned_) has no line end
};

}  // namespace meshd
