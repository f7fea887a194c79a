// SPDX-License-Identifier: Apache-2.0
#include "loop/timer_wheel.h"

#include <algorithm>

namespace meshd {

void TimerWheel::add(Timer& t, Instant now, milliseconds after) {
  remove(t);
  int64_t at = now.ns - start_ns_ + std::max<int64_t>(after.count(), 0) * 1'000'000;
  t.tick_ = std::max(static_cast<uint64_t>((at + kTickNs - 1) / kTickNs), tick_ + 1);
  insert(t);
}

// Level by distance; the slot is the timer's own digit at that level. What is farther than the wheel
// reaches (18 h) waits in the last slot and is inserted again from there.
void TimerWheel::insert(Timer& t) {
  uint64_t reach = (1ull << (kBits * kLevels)) - 1;
  uint64_t tick = std::min(t.tick_, tick_ + reach);
  uint64_t distance = tick - tick_;
  int level = 0;
  while (level < kLevels - 1 && distance >= (1ull << (kBits * (level + 1)))) ++level;
  Timer*& head = slots_[level][tick >> (kBits * level) & (kSlots - 1)];
  t.next_ = head;
  t.prev_ = &head;
  if (head != nullptr) head->prev_ = &t.next_;
  head = &t;
}

void TimerWheel::remove(Timer& t) {
  if (t.prev_ == nullptr) return;
  *t.prev_ = t.next_;
  if (t.next_ != nullptr) t.next_->prev_ = t.prev_;
  t.next_ = nullptr;
  t.prev_ = nullptr;
}

void TimerWheel::advance(Instant now) {
  uint64_t target = tick_of(now);
  while (tick_ < target) {
    // Skip to the next tick that has work, so that a long sleep does not cost a loop over each tick.
    Instant due = next();
    if (due.ns < 0) {
      tick_ = target;
      return;
    }
    uint64_t due_tick = tick_of(due);
    if (due_tick > target) {
      tick_ = target;
      return;
    }
    tick_ = std::max(due_tick, tick_ + 1);
    // Where a lower level wraps, the slot above comes down.
    for (int level = kLevels - 1; level > 0; --level) {
      if ((tick_ & ((1ull << (kBits * level)) - 1)) != 0) continue;
      Timer* list = std::exchange(slots_[level][tick_ >> (kBits * level) & (kSlots - 1)], nullptr);
      while (list != nullptr) {
        Timer& t = *std::exchange(list, list->next_);
        t.prev_ = nullptr;
        t.next_ = nullptr;
        if (t.tick_ <= tick_) t.tick_ = tick_;
        insert(t);
      }
    }
    Timer*& slot = slots_[0][tick_ & (kSlots - 1)];
    while (slot != nullptr) {
      Timer& t = *slot;
      remove(t);
      t.fire_(t.context_);
    }
  }
}

// At most 4 × 64 looks, only when the loop is about to sleep.
Instant TimerWheel::next() const {
  uint64_t best = UINT64_MAX;
  for (int level = 0; level < kLevels; ++level) {
    uint64_t unit = tick_ >> (kBits * level);
    for (uint64_t i = 1; i <= kSlots; ++i) {
      if (slots_[level][(unit + i) & (kSlots - 1)] == nullptr) continue;
      best = std::min(best, (unit + i) << (kBits * level));
      break;
    }
  }
  if (best == UINT64_MAX) return {-1};
  return {start_ns_ + static_cast<int64_t>(best) * kTickNs};
}

}  // namespace meshd
