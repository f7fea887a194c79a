// SPDX-License-Identifier: Apache-2.0
#include "loop/loop.h"

#include <uv.h>

#include <cassert>
#include <cstdlib>
#include <mutex>
#include <vector>

#include "base/limits.h"
#include "base/log.h"
#include "loop/timer_wheel.h"

namespace meshd {
namespace {

thread_local Loop* current_loop = nullptr;

// Rounds of ready work before the loop polls again, so that busy coroutines cannot starve the sockets.
constexpr int kRoundsPerTurn = 64;

}  // namespace

struct Loop::Impl {
  uv_loop_t uv;
  uv_prepare_t prepare;  // before poll: runs what timers and closing handles made ready
  uv_check_t check;      // after poll: runs what I/O made ready
  uv_idle_t idle;        // active only while work is left over: poll then does not block
  uv_async_t wake;       // the mailbox has something
  uv_timer_t timer;      // armed for the wheel's next tick
  int64_t timer_at = -1;

  std::vector<std::coroutine_handle<>> ready, running;
  std::vector<TurnEnd*> turn_ends, ending;
  size_t tasks = 0;
  bool stopping = false;
  const std::function<bool()>* until =
      nullptr;  // of run_until: asked before each poll, which could block for ever

  std::mutex mail_lock;  // guards mail and mail_closed; held for a push or a swap only
  std::vector<std::move_only_function<void()>> mail;
  bool mail_closed = false;

  TimerWheel wheel{Instant{}};

  Instant turn;  // when this turn's work began: one look at the clock for all of it

  void drain();
  void arm_timer();
  void read_mail();
};

void Loop::Impl::drain() {
  turn.ns = static_cast<int64_t>(uv_hrtime());
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    if (ready.empty() && turn_ends.empty()) break;
    std::swap(ready, running);
    for (std::coroutine_handle<> h : running) h.resume();
    running.clear();
    if (!ready.empty()) continue;
    std::swap(turn_ends, ending);
    for (TurnEnd*& t : ending) {
      if (t == nullptr) continue;  // forgotten meanwhile
      TurnEnd* once = std::exchange(t, nullptr);
      once->listed_ = false;
      once->turn_end();
    }
    ending.clear();
  }
  bool left = !ready.empty() || !turn_ends.empty();
  if (left && !uv_is_active(reinterpret_cast<uv_handle_t*>(&idle))) uv_idle_start(&idle, [](uv_idle_t*) {});
  if (!left) uv_idle_stop(&idle);
  arm_timer();
  if (until != nullptr && (*until)()) uv_stop(&uv);
}

void Loop::Impl::arm_timer() {
  int64_t at = wheel.next().ns;
  if (at == timer_at) return;
  // A timer that is due earlier than needed only wakes the loop once more than it must: leave it.
  if (at < 0 || (timer_at >= 0 && timer_at < at)) return;
  timer_at = at;
  int64_t ms = (at - turn.ns + 999'999) / 1'000'000;
  uv_timer_start(
      &timer,
      [](uv_timer_t* t) {
        auto& self = *static_cast<Impl*>(t->data);
        self.timer_at = -1;
        self.turn.ns = static_cast<int64_t>(uv_hrtime());
        self.wheel.advance(self.turn);
      },
      ms > 0 ? static_cast<uint64_t>(ms) : 0, 0);
}

void Loop::Impl::read_mail() {
  std::vector<std::move_only_function<void()>> messages;
  {
    std::lock_guard hold(mail_lock);
    std::swap(messages, mail);
  }
  for (auto& message : messages) message();
}

Loop::Loop() : impl_(std::make_unique<Impl>()) {
  assert(current_loop == nullptr);
  Impl& i = *impl_;
  if (uv_loop_init(&i.uv) != 0) {
    log::error("cannot make an event loop; is the limit of open files reached?");
    std::abort();
  }
  i.turn.ns = static_cast<int64_t>(uv_hrtime());
  i.wheel = TimerWheel(i.turn);
  uv_prepare_init(&i.uv, &i.prepare);
  uv_check_init(&i.uv, &i.check);
  uv_idle_init(&i.uv, &i.idle);
  uv_timer_init(&i.uv, &i.timer);
  uv_async_init(&i.uv, &i.wake, [](uv_async_t* h) { static_cast<Impl*>(h->data)->read_mail(); });
  i.prepare.data = i.check.data = i.timer.data = i.wake.data = &i;
  uv_prepare_start(&i.prepare, [](uv_prepare_t* h) { static_cast<Impl*>(h->data)->drain(); });
  uv_check_start(&i.check, [](uv_check_t* h) { static_cast<Impl*>(h->data)->drain(); });
  current_loop = this;
}

Loop::~Loop() {
  Impl& i = *impl_;
  {
    std::lock_guard hold(i.mail_lock);
    i.mail_closed = true;
  }
  i.read_mail();
  i.drain();
  for (auto* h : {reinterpret_cast<uv_handle_t*>(&i.prepare), reinterpret_cast<uv_handle_t*>(&i.check),
                  reinterpret_cast<uv_handle_t*>(&i.idle), reinterpret_cast<uv_handle_t*>(&i.timer),
                  reinterpret_cast<uv_handle_t*>(&i.wake)})
    uv_close(h, nullptr);
  // Handles that owners closed in their destructors finish here.
  uv_run(&i.uv, UV_RUN_NOWAIT);
  i.drain();
  uv_run(&i.uv, UV_RUN_NOWAIT);
  int busy = uv_loop_close(&i.uv);
  assert(busy == 0);
  (void)busy;
  current_loop = nullptr;
}

void Loop::run() {
  impl_->stopping = false;
  while (!impl_->stopping) uv_run(&impl_->uv, UV_RUN_ONCE);
}

void Loop::run_until(const std::function<bool()>& done) {
  impl_->until = &done;
  impl_->drain();
  while (!done()) uv_run(&impl_->uv, UV_RUN_ONCE);
  impl_->until = nullptr;
}

void Loop::stop() {
  impl_->stopping = true;
  uv_async_send(&impl_->wake);
}

Loop& Loop::current() {
  assert(current_loop != nullptr);
  return *current_loop;
}

Instant Loop::now() const { return impl_->turn; }

bool Loop::post(std::move_only_function<void()> message) {
  {
    std::lock_guard hold(impl_->mail_lock);
    if (impl_->mail_closed || impl_->mail.size() >= kMailboxMax) return false;
    impl_->mail.push_back(std::move(message));
    // Under the lock: the loop cannot close its wake handle between the push and this.
    uv_async_send(&impl_->wake);
  }
  return true;
}

void Loop::at_turn_end(TurnEnd& t) {
  if (t.listed_) return;
  t.listed_ = true;
  impl_->turn_ends.push_back(&t);
}

void Loop::forget(TurnEnd& t) {
  t.listed_ = false;
  for (TurnEnd*& p : impl_->ending)
    if (p == &t) p = nullptr;
  std::erase(impl_->turn_ends, &t);
}

size_t Loop::tasks() const { return impl_->tasks; }

uv_loop_s* Loop::uv() { return &impl_->uv; }

void make_ready(std::coroutine_handle<> h) { Loop::current().impl().ready.push_back(h); }

namespace {

// Owns itself: starts from the ready list, frees its frame at its end.
struct Detached {
  struct promise_type {
    static void* operator new(size_t bytes) { return frame_allocate(bytes); }
    static void operator delete(void* p, size_t bytes) { frame_free(p, bytes); }
    Detached get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
  std::coroutine_handle<> handle;
};

Detached run_detached(Task<void> task, Loop::Impl& loop) {
  co_await task;
  --loop.tasks;
}

}  // namespace

void spawn(Task<void> task) {
  Loop::Impl& loop = Loop::current().impl();
  ++loop.tasks;
  loop.ready.push_back(run_detached(std::move(task), loop).handle);
}

void start(Task<void> task) {
  Loop::Impl& loop = Loop::current().impl();
  ++loop.tasks;
  run_detached(std::move(task), loop).handle.resume();
}

void Timer::start(milliseconds after) {
  Loop::Impl& loop = Loop::current().impl();
  loop.wheel.add(*this, loop.turn, after);
}

void Timer::stop() { TimerWheel::remove(*this); }

Task<void> sleep_for(milliseconds d) {
  Op<bool> done;
  Timer timer([](void* op) { static_cast<Op<bool>*>(op)->complete(true); }, &done);
  timer.start(d);
  co_await done;
}

}  // namespace meshd
