// SPDX-License-Identifier: Apache-2.0
// h2_stream_ids.h: which ids has the peer passed over? HEADERS on one of those would go backwards (RFC 9113 section
// 5.1.1), which nghttp2 ignores because it does not tell them from streams that were closed.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace meshd {

class H2StreamIds {
 public:
  // The peer opens stream `id`. False: it had passed over it before.
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

 private:
  struct Gap {
    uint32_t first = 1, last = 0;
  };
  uint32_t next_ = 1;  // the least id not yet opened or passed over
  std::array<Gap, 8> gaps_;
  size_t next_gap_ = 0;
};

}  // namespace meshd
