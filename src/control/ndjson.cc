// SPDX-License-Identifier: Apache-2.0
#include "control/ndjson.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"

namespace meshd {

// Shared by a sender and its body, whichever lives longer.
struct LineSender::Queue {
  std::string text;             // many lines leave as one chunk
  bool finished = false;        // by the sender
  std::optional<Error> broken;  // by the one who sends the body
  Op<Result<Chunk>> pulled;

  void wake() {
    if (!pulled.waiting()) return;
    if (broken)
      pulled.complete(fail(*broken));
    else if (!text.empty())
      pulled.complete(take());
    else if (finished)
      pulled.complete(Chunk());
  }
  Chunk take() {
    size_t size = std::min<size_t>(text.size(), kReadBlock);
    Chunk chunk = Chunk::copy(std::string_view(text).substr(0, size));
    text.erase(0, size);
    return chunk;
  }
};

namespace {

class LineBody final : public Body {
 public:
  explicit LineBody(std::shared_ptr<LineSender::Queue> queue) : queue_(std::move(queue)) {}
  ~LineBody() override { close({Errc::cancelled, Side::self, "stream destroyed"}); }

  Await<Result<Chunk>> pull() override {
    LineSender::Queue& q = *queue_;
    if (q.broken) return Result<Chunk>(fail(*q.broken));
    if (!q.text.empty()) return Result<Chunk>(q.take());
    if (q.finished) return Result<Chunk>(Chunk());
    return q.pulled;
  }

  void close(Error why) override {
    LineSender::Queue& q = *queue_;
    if (q.broken) return;
    q.broken = why;
    q.text.clear();
    q.wake();
  }

 private:
  std::shared_ptr<LineSender::Queue> queue_;
};

}  // namespace

LineSender::LineSender() : queue_(std::make_shared<Queue>()) {}

LineSender::~LineSender() {
  if (queue_) finish();
}

std::unique_ptr<Body> LineSender::body() { return std::make_unique<LineBody>(queue_); }

bool LineSender::send_line(std::string_view text) {
  if (ended()) return false;
  queue_->text.append(text).push_back('\n');
  queue_->wake();
  return true;
}

void LineSender::finish() {
  queue_->finished = true;
  queue_->wake();
}

bool LineSender::ended() const { return queue_->finished || queue_->broken; }

size_t LineSender::queued() const { return queue_->text.size(); }

Task<Result<std::string>> LineReader::next() {
  for (;;) {
    size_t end = text_.find('\n', scanned_);
    if (end != std::string::npos && end - start_ <= kControlLineMax) {
      std::string line = text_.substr(start_, end - start_);
      start_ = scanned_ = end + 1;
      if (line.empty()) continue;
      co_return line;
    }
    text_.erase(0, std::exchange(start_, 0));
    scanned_ = text_.size();
    if (end != std::string::npos || text_.size() > kControlLineMax) {
      Error too_long{Errc::limit, Side::client, "a line of the control stream is too long"};
      body_.close(too_long);
      co_return fail(too_long);
    }
    auto chunk = co_await body_.pull();
    if (!chunk) co_return fail(chunk.error());
    if (chunk->empty()) co_return fail(Errc::closed, Side::client, "the stream has ended");
    text_.append(chunk->view());
  }
}

}  // namespace meshd
