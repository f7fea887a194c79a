// SPDX-License-Identifier: Apache-2.0
#include "http/h2_pool.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <list>

#include "http/h2_peers_test.h"
#include "http/h2_service.h"

namespace meshd {
namespace {

// Answers when it is let, so that streams stay open.
struct Gate final : Service {
  bool open = true;
  int served = 0;
  std::list<Op<bool>> waiting;
  Task<Result<Response>> call(Request& request) override {
    if (request.body) (void)co_await read_all(*request.body, 1 << 20);
    if (!open) {
      waiting.emplace_back();
      (void)co_await waiting.back();
    }
    ++served;
    co_return make_text_response(200, "text/plain", "ok");
  }
  void let() {
    open = true;
    for (Op<bool>& w : waiting) w.complete(true);
  }
};

struct Upstream {
  Loop loop;
  Gate gate;
  ServerGroup group;
  H2ServerOptions options;
  int connects = 0;
  bool refuse = false;
  Op<bool> tried;
  std::unique_ptr<H2Pool> pool;

  struct Connect final : Connector {
    explicit Connect(Upstream& u) : u_(u) {}
    Task<Result<std::unique_ptr<ByteStream>>> connect() override {
      ++u_.connects;
      if (u_.refuse) (void)co_await u_.tried;
      if (u_.refuse) co_return fail(Errc::refused, Side::upstream, "nobody listens");
      PipePair pipe = make_pipe();
      spawn(serve_h2(std::move(pipe.a), u_.gate, u_.group, u_.options));
      co_return std::move(pipe.b);
    }
    Upstream& u_;
  };

  explicit Upstream(uint32_t streams_max = 100) {
    options.h2.streams_max = streams_max;
    pool = std::make_unique<H2Pool>(std::make_unique<Connect>(*this), H2Options::upstream());
  }
  ~Upstream() {
    pool.reset();
    group.close_all({Errc::cancelled, Side::self, "over"});
    until([&] { return loop.tasks() == 0; });
  }
  template <class F>
  void until(F done) {
    bool late = false;
    Timer limit([](void* flag) { *static_cast<bool*>(flag) = true; }, &late);
    limit.start(milliseconds(10'000));
    loop.run_until([&] { return late || done(); });
    REQUIRE_FALSE(late);
  }
};

struct Call {
  Request request;
  std::optional<Result<Response>> answer;
  std::string content;
  explicit Call(const char* text = nullptr) {
    request.head = request_head("POST", "/");
    if (text != nullptr) request.body = make_body(Chunk::copy(text));
  }
  bool ok() const { return answer && *answer && (*answer)->head.status == 200 && content == "ok"; }
};
Task<void> run(Service& pool, Call& c) {
  auto answer = co_await pool.call(c.request);
  if (answer && answer->body) {
    auto all = co_await read_all(*answer->body, 1 << 20);
    if (all) c.content = *all;
    answer->body.reset();
  }
  c.answer = std::move(answer);
}

TEST_CASE("calls share one connection, also those that come while it is made") {
  Upstream u;
  std::list<Call> calls(50);
  for (Call& c : calls) spawn(run(*u.pool, c));
  u.until([&] { return std::ranges::all_of(calls, &Call::ok); });
  CHECK(u.connects == 1);
  CHECK(u.pool->connections() == 1);
}

TEST_CASE("another connection is made when the first has no stream left") {
  Upstream u(4);
  Call first("x");
  spawn(run(*u.pool, first));
  u.until([&] { return first.ok(); });  // the upstream's limit is known now
  u.gate.open = false;
  std::list<Call> calls(10);
  for (Call& c : calls) spawn(run(*u.pool, c));
  u.until([&] { return u.gate.waiting.size() == 10; });
  CHECK(u.connects == 3);
  u.gate.let();
  u.until([&] { return std::ranges::all_of(calls, &Call::ok); });
}

TEST_CASE("a connection that goes away takes no new calls and loses none") {
  Upstream u;
  u.gate.open = false;
  Call before("x");
  spawn(run(*u.pool, before));
  u.until([&] { return u.gate.waiting.size() == 1; });
  u.group.drain();
  u.gate.let();
  u.until([&] { return before.ok(); });
  u.until([&] { return u.pool->connections() == 0; });
}

TEST_CASE("who waits for a connection that cannot be made hears why") {
  Upstream u;
  u.refuse = true;
  std::list<Call> calls(3);
  for (Call& c : calls) spawn(run(*u.pool, c));
  u.until([&] { return u.loop.tasks() == 3 && u.tried.waiting(); });
  u.tried.complete(true);
  u.until([&] { return std::ranges::all_of(calls, [](const Call& c) { return c.answer.has_value(); }); });
  for (const Call& c : calls) CHECK(c.answer->error().code == Errc::refused);
  CHECK(u.connects == 1);
}

TEST_CASE("a pool that goes leaves the calls under way to their end") {
  Upstream u;
  u.gate.open = false;
  Call c("x");
  spawn(run(*u.pool, c));
  u.until([&] { return u.gate.waiting.size() == 1; });
  u.pool.reset();
  u.gate.let();
  u.until([&] { return c.ok(); });
}

}  // namespace
}  // namespace meshd
