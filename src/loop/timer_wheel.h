// SPDX-License-Identifier: Apache-2.0
// timer_wheel.h: hashed hierarchical timing wheel (Varghese and Lauck, 1987): 4 levels of 64 slots, so
// that a proxy with a deadline per request pays a list insert and a list removal, nothing else.
#pragma once
#include <cstdint>

#include "loop/loop.h"

namespace meshd {

inline constexpr int64_t kTickNs = 4'000'000;

class TimerWheel {
 public:
  explicit TimerWheel(Instant start) : start_ns_(start.ns) {}

  // `now` is the turn's time; the timer fires at the first tick at or after now + after.
  void add(Timer& t, Instant now, milliseconds after);
  static void remove(Timer& t);
  // Fires what is due. Timers may be added and removed meanwhile.
  void advance(Instant now);
  // The tick at which advance has something to do, as an instant; ns < 0 when there is nothing.
  Instant next() const;

 private:
  static constexpr int kLevels = 4;
  static constexpr int kBits = 6;
  static constexpr uint64_t kSlots = 1u << kBits;

  void insert(Timer& t);
  uint64_t tick_of(Instant at) const { return static_cast<uint64_t>((at.ns - start_ns_) / kTickNs); }

  int64_t start_ns_;
  uint64_t tick_ = 0;  // everything up to this tick has fired
  Timer* slots_[kLevels][kSlots] = {};
};

}  // namespace meshd
