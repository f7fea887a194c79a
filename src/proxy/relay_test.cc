// SPDX-License-Identifier: Apache-2.0
#include "proxy/relay.h"

#include <catch2/catch_test_macros.hpp>
#include <optional>
#include <string>

#include "loop/loop.h"
#include "net/pipe.h"

namespace meshd {

namespace {

Task<void> run(ByteStream& a, ByteStream& b, milliseconds idle, std::optional<RelayTotals>& out) {
  out = co_await relay(a, b, idle);
}
Task<void> say(ByteStream& s, std::string text, bool end) {
  (void)co_await s.write(Chunk::copy(text));
  if (end) (void)co_await s.finish();
}
Task<void> hear(ByteStream& s, std::string& out, std::optional<Error>& error) {
  for (;;) {
    auto chunk = co_await s.read();
    if (!chunk) {
      error = chunk.error();
      co_return;
    }
    if (chunk->empty()) co_return;
    out += chunk->view();
  }
}

struct Relayed {
  Loop loop;
  PipePair client = make_pipe(), upstream = make_pipe();
  std::optional<RelayTotals> totals;
  std::string at_upstream, at_client;
  std::optional<Error> upstream_error, client_error;

  explicit Relayed(milliseconds idle) {
    spawn(run(*client.b, *upstream.a, idle, totals));
    spawn(hear(*upstream.b, at_upstream, upstream_error));
    spawn(hear(*client.a, at_client, client_error));
  }
  void finish() {
    loop.run_until([&] { return loop.tasks() == 0; });
  }
};

}  // namespace

TEST_CASE("each direction ends for itself: a client that has said all still hears the answer") {
  Relayed r(milliseconds(0));
  spawn(say(*r.client.a, "question", true));
  r.loop.run_until([&] { return r.at_upstream == "question"; });
  spawn(say(*r.upstream.b, "answer", true));
  r.finish();
  CHECK(r.at_client == "answer");
  CHECK_FALSE(r.totals->error);
  CHECK(r.totals->from_client == 8);
  CHECK(r.totals->to_client == 6);
}

TEST_CASE("a reset on one side resets the other") {
  Relayed r(milliseconds(0));
  spawn(say(*r.client.a, "x", false));
  r.loop.run_until([&] { return r.at_upstream == "x"; });
  r.upstream.b->close({Errc::reset, Side::self, "test"});
  r.finish();
  REQUIRE(r.totals->error);
  CHECK(r.totals->error->side == Side::upstream);
  CHECK(r.client_error->code == Errc::reset);
}

TEST_CASE("silence ends it") {
  Relayed r(milliseconds(20));
  r.finish();
  REQUIRE(r.totals->error);
  CHECK(r.totals->error->code == Errc::idle);
}

}  // namespace meshd
