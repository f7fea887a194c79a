// SPDX-License-Identifier: Apache-2.0
// replay.h: a request's content that may have to be sent again: what has gone out is kept until an answer is final.
#pragma once
#include <memory>
#include <vector>

#include "base/local_ptr.h"
#include "http/message.h"

namespace meshd {

class Replay final : public LocalCounted {
 public:
  explicit Replay(std::unique_ptr<Body> source) : source_(std::move(source)) {}

  // The content from its start, for one try. Readers before it are over: whatever they still wait for ends.
  std::unique_ptr<Body> reader();
  // Another reader can still be given: no more than kReplayMax went out, and the source is whole so far.
  bool possible() const { return keeping_ && !failed_; }
  // No further try: what was kept goes, the last reader goes on.
  void settle() {
    keeping_ = false;
    trim();
  }

 private:
  class Reader;
  Await<Result<Chunk>> next(Reader& reader);
  static Task<void> fetch(LocalPtr<Replay> self);
  void took(Result<Chunk> piece);
  void trim();

  std::unique_ptr<Body> source_;
  std::vector<Chunk> kept_;  // from the start
  size_t kept_bytes_ = 0;
  bool keeping_ = true;
  bool ended_ = false, fetching_ = false;
  std::optional<Error> failed_;
  Reader* current_ = nullptr;
};

}  // namespace meshd
