// SPDX-License-Identifier: Apache-2.0
#include "net/pipe.h"

#include <optional>

namespace meshd {
namespace {

// One direction: its writer's end and its reader's end share it.
struct Channel {
  ChunkQueue bytes;
  size_t capacity;
  bool finished = false;        // the writer sent its end
  std::optional<Error> broken;  // either end was closed
  size_t write_size = 0;
  Op<Result<Chunk>> read_op;
  Op<Result<size_t>> write_op;

  explicit Channel(size_t n) : capacity(n) {}

  void break_with(Error why) {
    if (broken) return;
    broken = why;
    if (read_op.waiting()) read_op.complete(fail(why));
    if (write_op.waiting()) write_op.complete(fail(why));
  }
};

class PipeEnd final : public ByteStream {
 public:
  PipeEnd(std::shared_ptr<Channel> in, std::shared_ptr<Channel> out)
      : in_(std::move(in)), out_(std::move(out)) {}
  ~PipeEnd() override { close({Errc::cancelled, Side::self, "stream destroyed"}); }

  Await<Result<Chunk>> read() override {
    if (closed_) return Result<Chunk>(fail(*closed_));
    Channel& c = *in_;
    if (!c.bytes.empty()) {
      Chunk chunk = c.bytes.pop();
      if (c.write_op.waiting() && c.bytes.size() <= c.capacity / 2) c.write_op.complete(c.write_size);
      return chunk;
    }
    if (c.broken) return Result<Chunk>(fail(*c.broken));
    if (c.finished) return Chunk();
    return c.read_op;
  }

  Await<Result<size_t>> write(Chunks chunks) override {
    if (closed_) return Result<size_t>(fail(*closed_));
    Channel& c = *out_;
    if (c.broken) return Result<size_t>(fail(*c.broken));
    size_t size = total_size(chunks);
    for (Chunk& chunk : chunks) c.bytes.push(std::move(chunk));
    if (c.read_op.waiting() && !c.bytes.empty()) c.read_op.complete(c.bytes.pop());
    if (c.bytes.size() < c.capacity) return size;
    c.write_size = size;
    return c.write_op;
  }

  Await<Result<>> finish() override {
    Channel& c = *out_;
    if (c.broken) return Result<>(fail(*c.broken));
    c.finished = true;
    if (c.read_op.waiting()) c.read_op.complete(Chunk());
    return Result<>();
  }

  // The other end may still read what came before an orderly end; after a close it learns the reason.
  void close(Error why) override {
    if (closed_) return;
    closed_ = why;
    in_->bytes.clear();
    in_->break_with(why);
    if (out_->finished) return;
    if (out_->write_op.waiting()) out_->write_op.complete(fail(why));
    Error seen = why.code == Errc::reset ? why : Error{Errc::reset, why.side, "the other end was closed"};
    out_->break_with(seen);
  }

  bool ready() const override {
    return !in_->bytes.empty() || in_->finished || in_->broken || in_->read_op.filled();
  }
  size_t queued() const override { return out_->bytes.size(); }

 private:
  std::shared_ptr<Channel> in_, out_;
  std::optional<Error> closed_;  // why this end was
};

}  // namespace

PipePair make_pipe(size_t capacity) {
  auto ab = std::make_shared<Channel>(capacity);
  auto ba = std::make_shared<Channel>(capacity);
  return {std::make_unique<PipeEnd>(ba, ab), std::make_unique<PipeEnd>(ab, ba)};
}

}  // namespace meshd
