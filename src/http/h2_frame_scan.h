// SPDX-License-Identifier: Apache-2.0
// h2_frame_scan.h: finds the heads of frames that nghttp2 skips without telling: DATA on a closed stream, PRIORITY where
// there is no dependency tree, and those of unknown types.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace meshd {

class H2FrameScan {
 public:
  // `skip`: bytes before the first frame, the client's preface.
  explicit H2FrameScan(size_t skip) : skip_(skip) {}

  // Takes bytes up to the end of the next such head and gives how many; all, where there is none.
  size_t next(std::string_view bytes) {
    size_t taken = 0;
    found_ = false;
    while (taken < bytes.size() && !found_) {
      size_t n = std::min(skip_, bytes.size() - taken);
      skip_ -= n;
      taken += n;
      n = std::min(wanted_ - have_, bytes.size() - taken);
      std::copy_n(bytes.data() + taken, n, head_.data() + have_);
      have_ += n;
      taken += n;
      if (have_ == wanted_) read();
    }
    return taken;
  }

  // Of the head that next() stopped at.
  bool found() const { return found_; }
  bool is_data() const { return type() == kData; }
  bool is_unknown() const { return type() > kContinuation; }
  uint32_t stream() const { return number(5, 4) & 0x7fffffff; }
  bool depends_on_itself() const { return type() == kPriority && stream() == (number(9, 4) & 0x7fffffff); }

 private:
  static constexpr size_t kHead = 9;         // RFC 9113 section 4.1
  static constexpr size_t kWithParent = 13;  // and the stream that a PRIORITY frame names
  static constexpr uint8_t kData = 0, kPriority = 2, kContinuation = 9;

  uint8_t type() const { return static_cast<uint8_t>(head_[3]); }
  uint32_t number(size_t at, size_t bytes) const {
    uint32_t n = 0;
    for (size_t i = at; i < at + bytes; ++i) n = n << 8 | static_cast<uint8_t>(head_[i]);
    return n;
  }
  // What was wanted of a head is there.
  void read() {
    size_t length = number(0, 3);
    if (wanted_ == kHead && type() == kPriority && length == 5) {
      wanted_ = kWithParent;
      return;
    }
    found_ = wanted_ == kWithParent || is_data() || is_unknown();
    skip_ = length - (wanted_ - kHead);
    wanted_ = kHead;
    have_ = 0;
  }

  size_t skip_;
  size_t have_ = 0, wanted_ = kHead;
  bool found_ = false;
  std::array<char, kWithParent> head_;
};

}  // namespace meshd
