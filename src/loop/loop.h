// SPDX-License-Identifier: Apache-2.0
// loop.h: one thread's event loop: libuv for readiness, a ready list for coroutines, work done once at the
// end of each turn, coarse timers, and a mailbox for other threads.
//
// A turn: libuv callbacks fill Ops → ready coroutines run → everything registered with at_turn_end runs
// (streams write what the turn gathered) → until nothing is left → poll.
#pragma once
#include <functional>
#include <memory>

#include "base/clock.h"
#include "loop/task.h"

struct uv_loop_s;

namespace meshd {

// Something that wants one call when the current turn has run all ready coroutines.
class TurnEnd {
 public:
  virtual void turn_end() = 0;

 protected:
  ~TurnEnd() = default;  // owners call Loop::forget first

 private:
  friend class Loop;
  bool listed_ = false;
};

class Timer;

class Loop {
 public:
  Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  // All handles must have been closed; closes the loop's own and checks that nothing is left.
  ~Loop();

  // Runs until stop(). Makes this the current loop of the thread meanwhile.
  void run();
  // Runs until `done` says so, checked after each turn; for tests and commands.
  void run_until(const std::function<bool()>& done);
  // Ends run() after the current turn. From this thread; from another, post it.
  void stop();

  // The loop this thread runs or made; exactly one per thread.
  static Loop& current();

  // Time of the turn's start, without a system call.
  Instant now() const;

  // From any thread: runs `message` on this loop's thread. False (and not run) when the mailbox is full
  // or the loop has closed its mailbox.
  bool post(std::move_only_function<void()> message);

  void at_turn_end(TurnEnd& t);
  void forget(TurnEnd& t);

  // Tasks spawned and not finished.
  size_t tasks() const;

  uv_loop_s* uv();

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// Calls `fire` once, `after` from the turn's start, rounded up to the wheel's 4 ms tick. Coarse and
// cheap: starting and stopping are a few pointer writes. Stops itself when destroyed.
class Timer {
 public:
  using Fire = void (*)(void* context);
  Timer(Fire fire, void* context) : fire_(fire), context_(context) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { stop(); }

  void start(milliseconds after);
  void stop();
  bool armed() const { return prev_ != nullptr; }

 private:
  friend class TimerWheel;
  Fire fire_;
  void* context_;
  Timer* next_ = nullptr;
  Timer** prev_ = nullptr;  // what points at this timer
  uint64_t tick_ = 0;
};

Task<void> sleep_for(milliseconds d);

}  // namespace meshd
