// SPDX-License-Identifier: Apache-2.0
#include "loop/loop.h"

#include <catch2/catch_test_macros.hpp>
#include <thread>
#include <vector>

#include "base/limits.h"
#include "loop/timer_wheel.h"

namespace meshd {

namespace {

Task<int> add(int a, int b) { co_return a + b; }

Task<int> add_three(int a) {
  int b = co_await add(a, 1);
  if (co_await add(0, 0) != 0) co_return -1;
  co_return co_await add(b, 2);
}

Task<void> store(Task<int> task, int& out) { out = co_await task; }

Task<void> wait_for(Op<int>& op, std::vector<int>& seen) {
  for (int i = 0; i < 3; ++i) seen.push_back(co_await op);
}

Task<void> sleep_and_note(milliseconds d, int name, std::vector<int>& order) {
  co_await sleep_for(d);
  order.push_back(name);
}

Await<int> ready_value() { return 7; }
Task<void> take_ready(int& out) { out = co_await ready_value(); }

}  // namespace

TEST_CASE("tasks await tasks and give their values") {
  Loop loop;
  int out = 0;
  spawn(store(add_three(10), out));
  CHECK(out == 0);  // nothing runs before the loop does
  loop.run_until([&] { return loop.tasks() == 0; });
  CHECK(out == 13);
  CHECK(live_frames() == 0);
  CHECK(largest_frame() <= 1024);
}

TEST_CASE("an Op is filled again and again, and its waiter never runs inside complete()") {
  Loop loop;
  Op<int> op;
  std::vector<int> seen;
  spawn(wait_for(op, seen));
  for (int i = 1; i <= 3; ++i) {
    loop.run_until([&] { return op.waiting(); });
    op.complete(i);
    CHECK(seen.size() == static_cast<size_t>(i - 1));
    loop.run_until([&] { return seen.size() == static_cast<size_t>(i); });
  }
  CHECK(seen == std::vector{1, 2, 3});
  loop.run_until([&] { return loop.tasks() == 0; });
}

TEST_CASE("an Await that has its value does not wait") {
  Loop loop;
  int out = 0;
  spawn(take_ready(out));
  loop.run_until([&] { return loop.tasks() == 0; });
  CHECK(out == 7);
}

TEST_CASE("sleeping tasks wake in the order of their deadlines") {
  Loop loop;
  std::vector<int> order;
  spawn(sleep_and_note(milliseconds(40), 3, order));
  spawn(sleep_and_note(milliseconds(1), 1, order));
  spawn(sleep_and_note(milliseconds(20), 2, order));
  loop.run_until([&] { return loop.tasks() == 0; });
  CHECK(order == std::vector{1, 2, 3});
}

TEST_CASE("messages from other threads run on the loop, in order") {
  Loop loop;
  std::vector<int> seen;
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) loop.post([&seen, i] { seen.push_back(i); });
  });
  loop.run_until([&] { return seen.size() == 1000; });
  other.join();
  for (int i = 0; i < 1000; ++i) REQUIRE(seen[static_cast<size_t>(i)] == i);
}

TEST_CASE("a full mailbox says so") {
  Loop loop;
  for (size_t i = 0; i < kMailboxMax; ++i) REQUIRE(loop.post([] {}));
  CHECK_FALSE(loop.post([] {}));
}

namespace {

struct Once final : TurnEnd {
  int calls = 0;
  void turn_end() override { ++calls; }
};

}  // namespace

TEST_CASE("work at the turn's end runs once however often it was asked for, and not when forgotten") {
  Loop loop;
  Once a, b;
  loop.at_turn_end(a);
  loop.at_turn_end(a);
  loop.at_turn_end(b);
  loop.forget(b);
  bool turned = false;
  loop.post([&] { turned = true; });
  loop.run_until([&] { return turned; });
  CHECK(a.calls == 1);
  CHECK(b.calls == 0);
}

TEST_CASE("the wheel fires each timer once, never early, at most one tick late") {
  // Against a plain reference: many timers over every level of the wheel, time moved in uneven steps.
  struct Entry {
    Timer timer;
    int64_t due = 0;
    int64_t fired = -1;
    const int64_t* now = nullptr;
    Entry() : timer([](void* e) { static_cast<Entry*>(e)->fired = *static_cast<Entry*>(e)->now; }, this) {}
  };
  constexpr int64_t kMs = 1'000'000;
  Instant start{123'456'789};
  TimerWheel wheel(start);
  int64_t now = start.ns;
  std::vector<std::unique_ptr<Entry>> entries;
  uint64_t x = 42;
  auto next = [&x](uint64_t bound) {
    x = x * 6364136223846793005 + 1442695040888963407;
    return static_cast<int64_t>((x >> 33) % bound);
  };
  auto add = [&](int64_t ms) {
    auto e = std::make_unique<Entry>();
    e->now = &now;
    e->due = now + ms * kMs;
    wheel.add(e->timer, Instant{now}, milliseconds(ms));
    entries.push_back(std::move(e));
  };
  for (int i = 0; i < 2000; ++i) add(next(i % 4 == 0 ? 30'000'000 : i % 4 == 1 ? 100'000 : 300));
  for (int step = 0; step < 4000; ++step) {
    now += next(20) * kMs + (step % 100 == 0 ? next(20'000'000) * kMs : 0);
    int64_t previous_tick = now;
    wheel.advance(Instant{now});
    for (auto& e : entries) {
      if (e->fired == now && previous_tick == now) REQUIRE(e->due <= now);
      if (e->fired < 0) REQUIRE(e->due + kTickNs > now - kTickNs);
    }
    if (step < 1000) add(next(5'000));
  }
  now += 40'000'000 * kMs;
  wheel.advance(Instant{now});
  for (auto& e : entries) CHECK(e->fired >= 0);
  CHECK(wheel.next().ns < 0);
}

}  // namespace meshd
