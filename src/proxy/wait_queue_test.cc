// SPDX-License-Identifier: Apache-2.0
#include "proxy/wait_queue.h"

#include <catch2/catch_test_macros.hpp>
#include <thread>

namespace meshd {
namespace {

const std::string kService = "web";

// One request that wants room for one.
struct Wants {
  Wants(WaitQueues& q, NodeLoad& l, std::vector<int>& s, int n) : queues(q), load(l), served(s), number(n) {
    request.cancellation = &cancellation;
  }
  WaitQueues& queues;
  NodeLoad& load;
  std::vector<int>& served;
  int number;
  Request request;
  Cancellation cancellation;
  enum { under_way, got_room, refused, gave_up } end = under_way;
};

constexpr model::EndpointLimits kOne{.requests = 1};

Task<void> want(Wants& w, milliseconds limit, uint32_t most = 10) {
  Waiting waiting(w.queues, kService, most);
  if (!waiting.admitted()) {
    w.end = Wants::refused;
    co_return;
  }
  bool got = w.load.take(kOne, false);
  while (!got) {
    bool told = co_await waiting.next(w.request, limit);
    if (!told) {
      w.end = Wants::gave_up;
      co_return;
    }
    got = w.load.take(kOne, false);
  }
  waiting.served();
  w.end = Wants::got_room;
  w.served.push_back(w.number);
}

struct Loop1 {
  Loop loop;
  std::shared_ptr<Bulkheads> node = std::make_shared<Bulkheads>();
  WaitQueues queues{loop, node};
  std::shared_ptr<NodeLoad> load = node->load(EndpointId{1});
  std::vector<int> served;
  void settle() {
    for (int i = 0; i < 3; ++i) {
      bool posted = false;
      loop.post([&] { posted = true; });
      loop.run_until([&] { return posted; });
    }
  }
  void free() {
    load->leave(false);
    queues.freed(kService);
    settle();
  }
};

}  // namespace

TEST_CASE("who waits for room gets it in the order of coming, and one at a time") {
  Loop1 l;
  REQUIRE(l.load->take(kOne, false));
  Wants a(l.queues, *l.load, l.served, 1), b(l.queues, *l.load, l.served, 2),
      c(l.queues, *l.load, l.served, 3);
  for (Wants* w : {&a, &b, &c}) spawn(want(*w, milliseconds(5000)));
  l.settle();
  CHECK(l.served.empty());
  CHECK(l.queues.busy(kService));
  l.free();
  CHECK(l.served == std::vector{1});
  l.free();
  CHECK(l.served == std::vector{1, 2});
  l.free();
  CHECK(l.served == std::vector{1, 2, 3});
  CHECK_FALSE(l.queues.busy(kService));
}

TEST_CASE("beyond its length the queue takes nobody; who goes makes place, and passes on what it was told") {
  Loop1 l;
  REQUIRE(l.load->take(kOne, false));
  Wants a(l.queues, *l.load, l.served, 1), b(l.queues, *l.load, l.served, 2),
      c(l.queues, *l.load, l.served, 3);
  spawn(want(a, milliseconds(5000), 2));
  spawn(want(b, milliseconds(5000), 2));
  spawn(want(c, milliseconds(5000), 2));
  l.settle();
  CHECK(c.end == Wants::refused);
  a.cancellation.fire({Errc::cancelled, Side::client, "gone"});
  l.settle();
  CHECK(a.end == Wants::gave_up);
  spawn(want(c, milliseconds(5000), 2));
  l.settle();
  l.free();
  CHECK(l.served == std::vector{2});
  l.free();
  CHECK(l.served == std::vector{2, 3});
}

TEST_CASE("nobody waits longer than its limit") {
  Loop1 l;
  REQUIRE(l.load->take(kOne, false));
  Wants a(l.queues, *l.load, l.served, 1);
  spawn(want(a, milliseconds(5)));
  l.loop.run_until([&] { return a.end != Wants::under_way; });
  CHECK(a.end == Wants::gave_up);
  CHECK_FALSE(l.queues.busy(kService));
}

TEST_CASE("room that one loop frees is told to who waits on another, and no limit is ever exceeded") {
  auto node = std::make_shared<Bulkheads>();
  auto load = node->load(EndpointId{1});
  std::atomic<uint32_t> most{0}, done{0};
  auto work = [&] {
    Loop loop;
    WaitQueues queues(loop, node);
    std::vector<int> served;
    for (int round = 0; round < 300; ++round) {
      Wants w(queues, *load, served, round);
      spawn(want(w, milliseconds(20'000)));
      loop.run_until([&] { return w.end != Wants::under_way; });
      if (w.end != Wants::got_room) return;
      uint32_t now = load->requests.load();
      for (uint32_t seen = most.load(); now > seen && !most.compare_exchange_weak(seen, now);) {}
      load->leave(false);
      queues.freed(kService);
    }
    done += 1;
    // The others may still tell this loop something.
    while (done.load() < 3) std::this_thread::yield();
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back(work);
  for (auto& t : threads) t.join();
  CHECK(done == 3);
}

}  // namespace meshd
