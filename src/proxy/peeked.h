// SPDX-License-Identifier: Apache-2.0
// peeked.h: a stream whose next bytes may be looked at before their reader comes.
#pragma once
#include <memory>
#include <optional>

#include "base/local_ptr.h"
#include "net/byte_stream.h"

namespace meshd {

class Peeked final : public ByteStream {
 public:
  // `changed(context)` is called when bytes that were asked for by peek() have come, or the end, or an error.
  Peeked(std::unique_ptr<ByteStream> inner, void (*changed)(void* context), void* context);
  ~Peeked() override;

  // Begins a read, unless one is under way or done.
  void peek();
  bool arrived() const { return state_->came.has_value(); }
  // What arrived: once, and then the stream goes on behind it.
  Result<Chunk> take();
  // The next read gives this.
  void put_back(Result<Chunk> bytes) { state_->came = std::move(bytes); }
  // Nobody is told any more.
  void settle() { state_->changed = nullptr; }

  Await<Result<Chunk>> read() override;
  Await<Result<size_t>> write(Chunks chunks) override { return state_->inner->write(std::move(chunks)); }
  Await<Result<>> finish() override { return state_->inner->finish(); }
  void close(Error why) override { state_->inner->close(why); }
  bool ready() const override { return arrived() || state_->inner->ready(); }
  size_t queued() const override { return state_->inner->queued(); }

 private:
  // Shared with the task that reads ahead.
  struct State : LocalCounted {
    std::unique_ptr<ByteStream> inner;
    std::optional<Result<Chunk>> came;
    Op<Result<Chunk>> reader;
    bool reading = false;
    void (*changed)(void* context) = nullptr;
    void* context = nullptr;
  };
  static Task<void> read_ahead(LocalPtr<State> s);
  LocalPtr<State> state_;
};

}  // namespace meshd
