// SPDX-License-Identifier: Apache-2.0
#include "proxy/replay.h"

#include "base/limits.h"

namespace meshd {

class Replay::Reader final : public Body {
 public:
  explicit Reader(LocalPtr<Replay> replay) : replay_(std::move(replay)) {}
  ~Reader() override {
    if (replay_->current_ == this) replay_->current_ = nullptr;
  }
  Await<Result<Chunk>> pull() override {
    if (closed_) return fail(*closed_);
    return replay_->next(*this);
  }
  // Gives up this try, not the content.
  void close(Error why) override {
    if (!closed_) closed_ = why;
    if (came_.waiting()) came_.complete(fail(*closed_));
  }
  std::optional<uint64_t> length() const override { return replay_->source_->length(); }
  const Fields* trailers() const override { return replay_->ended_ ? replay_->source_->trailers() : nullptr; }

 private:
  friend class Replay;
  LocalPtr<Replay> replay_;
  size_t at_ = 0;  // pieces given
  std::optional<Error> closed_;
  Op<Result<Chunk>> came_;
};

std::unique_ptr<Body> Replay::reader() {
  if (current_ != nullptr) current_->close({Errc::cancelled, Side::self, "the try is over"});
  auto reader = std::make_unique<Reader>(LocalPtr<Replay>(this));
  current_ = reader.get();
  return reader;
}

Await<Result<Chunk>> Replay::next(Reader& reader) {
  if (reader.at_ < kept_.size()) return Chunk(kept_[reader.at_++]);
  if (failed_) return fail(*failed_);
  if (ended_) return Chunk();
  if (!fetching_) {
    fetching_ = true;
    start(fetch(LocalPtr<Replay>(this)));
    // It may have been there already.
    if (!fetching_) return next(reader);
  }
  return reader.came_;
}

Task<void> Replay::fetch(LocalPtr<Replay> self) {
  Result<Chunk> piece = co_await self->source_->pull();
  self->fetching_ = false;
  self->took(std::move(piece));
}

void Replay::took(Result<Chunk> piece) {
  if (!piece)
    failed_ = piece.error();
  else if (piece->empty())
    ended_ = true;
  else {
    kept_bytes_ += piece->size();
    if (kept_bytes_ > kReplayMax) keeping_ = false;
    kept_.push_back(std::move(*piece));
  }
  Reader* reader = current_;
  if (reader == nullptr || !reader->came_.waiting()) return;
  if (failed_)
    reader->came_.complete(fail(*failed_));
  else if (reader->at_ < kept_.size())
    reader->came_.complete(kept_[reader->at_++]);
  else
    reader->came_.complete(Chunk());
  trim();
}

// What the reader has and nobody will ask for again.
void Replay::trim() {
  if (keeping_ || current_ == nullptr) return;
  kept_.erase(kept_.begin(), kept_.begin() + static_cast<ptrdiff_t>(current_->at_));
  current_->at_ = 0;
}

}  // namespace meshd
