// SPDX-License-Identifier: Apache-2.0
// h2_stream_ids.h: what nghttp2 does not remember of streams that are not open: which ids the peer has passed over, and
// which streams we have reset.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace meshd {

// HEADERS on an id that was passed over would go backwards (RFC 9113 section 5.1.1), which nghttp2 ignores because it
// does not tell those from streams that were closed.
class H2StreamIds {
 public:
  // The peer sends HEADERS on stream `id`. False: it had passed over it before.
  bool open(uint32_t id) {
    if (id >= next_) {
      // Few peers leave gaps; of one that leaves many the oldest are forgotten.
      if (id > next_) gaps_[next_gap_++ % gaps_.size()] = {next_, id - 1};
      next_ = id + 2;
      return true;
    }
    for (const Gap& g : gaps_)
      if (g.first <= id && id <= g.last) return false;
    return true;
  }
  // It is open, or has been, or was passed over.
  bool known(uint32_t id) const { return id < next_; }

 private:
  struct Gap {
    uint32_t first = 1, last = 0;
  };
  uint32_t next_ = 1;  // the least id not yet opened or passed over
  std::array<Gap, 8> gaps_;
  size_t next_gap_ = 0;
};

// What the peer had sent before it heard of our reset is ignored; frames on other closed streams are an error (RFC
// 9113 section 5.1), which nghttp2 ignores too. A peer that keeps to our limit of streams can have no more of them that
// it still takes for open than that.
class H2ResetIds {
 public:
  explicit H2ResetIds(uint32_t streams_max) : kept_(streams_max) {}

  void add(uint32_t id) {
    if (std::ranges::find(ids_, id) != ids_.end()) return;
    if (ids_.size() < kept_) return ids_.push_back(id);
    uint32_t& oldest = ids_[next_++ % kept_];
    forgotten_ = std::max(forgotten_, oldest);
    oldest = id;
  }
  // Frames on the closed stream `id` may be older than our reset.
  bool may_linger(uint32_t id) const { return id <= forgotten_ || std::ranges::find(ids_, id) != ids_.end(); }

 private:
  size_t kept_;
  std::vector<uint32_t> ids_;  // a ring once it is full
  size_t next_ = 0;
  uint32_t forgotten_ = 0;  // the greatest id that the ring has lost
};

}  // namespace meshd
