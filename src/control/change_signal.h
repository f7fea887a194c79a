// SPDX-License-Identifier: Apache-2.0
// change_signal.h: lets any number of coroutines wait until something changes, with a limit: long polls.
#pragma once
#include <vector>

#include "loop/loop.h"

namespace meshd {

class ChangeSignal {
 public:
  ChangeSignal() = default;
  ChangeSignal(const ChangeSignal&) = delete;
  ChangeSignal& operator=(const ChangeSignal&) = delete;
  ~ChangeSignal() { assert(waiters_.empty()); }

  // True: notify() came; false: `limit` passed, or the signal is closed.
  Task<bool> wait(milliseconds limit) {
    if (closed_) co_return false;
    Waiter self;
    waiters_.push_back(&self);
    self.timer.start(limit);
    bool changed = co_await self.op;
    std::erase(waiters_, &self);
    co_return changed && !closed_;
  }

  // Wakes all who wait now.
  void notify() {
    for (Waiter* w : waiters_)
      if (!w->op.filled()) w->op.complete(true);
  }
  // Wakes all, and whoever comes later does not wait. The owner lets the loop run before this goes.
  void close() {
    closed_ = true;
    notify();
  }
  bool idle() const { return waiters_.empty(); }

 private:
  struct Waiter {
    Op<bool> op;
    Timer timer{[](void* self) {
                  auto& op = static_cast<Waiter*>(self)->op;
                  if (!op.filled()) op.complete(false);
                },
                this};
  };
  std::vector<Waiter*> waiters_;
  bool closed_ = false;
};

}  // namespace meshd
