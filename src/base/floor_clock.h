// SPDX-License-Identifier: Apache-2.0
// floor_clock.h: the machine's wall clock, never believed below a time that is known to be past.
//
// A clock that steps back, or that was never set, would make what has expired look valid again.
#pragma once
#include <algorithm>
#include <atomic>

#include "base/clock.h"

namespace meshd {

// May be read by all threads while one raises it.
class FloorClock final : public Clock {
 public:
  explicit FloorClock(const Clock& machine) : machine_(machine) {}

  Instant now() const override { return machine_.now(); }
  UnixSeconds unix_now() const override { return std::max(machine_.unix_now(), floor()); }

  // It is `t` now or later, says somebody who ought to know. Never lowers.
  void known(UnixSeconds t) {
    UnixSeconds start = t - uptime();
    if (start > start_.load(std::memory_order_relaxed)) start_.store(start, std::memory_order_relaxed);
  }
  // What is known, plus the time that has passed since.
  UnixSeconds floor() const { return start_.load(std::memory_order_relaxed) + uptime(); }
  const Clock& machine() const { return machine_; }

 private:
  int64_t uptime() const { return machine_.now().ns / 1'000'000'000; }

  const Clock& machine_;
  std::atomic<UnixSeconds> start_{0};  // the floor when the machine's monotonic clock was 0
};

}  // namespace meshd
