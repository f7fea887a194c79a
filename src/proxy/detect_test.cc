// SPDX-License-Identifier: Apache-2.0
#include "proxy/detect.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "loop/loop.h"
#include "net/pipe.h"

namespace meshd {
namespace {

struct Hello final : Service {
  int calls = 0;
  Task<Result<Response>> call(Request&) override {
    ++calls;
    co_return make_text_response(200, "text/plain", "hello");
  }
};

// The far program, as the test's end of a pipe.
struct Bytes final : OpaqueSide {
  PipePair pipe = make_pipe();
  int opened = 0;
  bool refuse = false, was_dropped = false;
  std::string first;
  std::optional<RelayTotals> totals;
  Task<Result<std::unique_ptr<ByteStream>>> open(std::string_view said) override {
    ++opened;
    first = said;
    if (refuse) co_return fail(Errc::refused, Side::upstream, "nobody listens");
    co_return std::move(pipe.a);
  }
  milliseconds idle() const override { return milliseconds(0); }
  void ended(const RelayTotals& t) override { totals = t; }
  void dropped() override { was_dropped = true; }
};

Task<void> say(ByteStream& s, std::string text) { (void)co_await s.write(Chunk::copy(text)); }
Task<void> hear(ByteStream& s, std::string& out, bool& ended) {
  for (;;) {
    auto chunk = co_await s.read();
    if (!chunk || chunk->empty()) break;
    out += chunk->view();
  }
  ended = true;
}

struct Place {
  Loop loop;
  Hello http;
  ServerGroup group;
  FirstSpeaker seen = FirstSpeaker::unknown;
  Bytes bytes;
  PipePair client = make_pipe();
  std::string at_client, at_server;
  bool client_ended = false, server_ended = false;

  explicit Place(FirstSpeaker known = FirstSpeaker::unknown) : seen(known) {
    spawn(hear(*client.a, at_client, client_ended));
    spawn(hear(*bytes.pipe.b, at_server, server_ended));
    spawn(serve_detect(std::move(client.b), http, bytes, group, {seen, HttpOptions::edge()}));
  }
  ~Place() {
    client.a->close({Errc::cancelled, Side::self, "over"});
    bytes.pipe.b->close({Errc::cancelled, Side::self, "over"});
    group.close_all({Errc::cancelled, Side::self, "over"});
    until([&] { return loop.tasks() == 0; });
  }
  // What is under way in memory has arrived.
  void settle() {
    for (int i = 0; i < 20; ++i) {
      bool posted = false;
      loop.post([&] { posted = true; });
      loop.run_until([&] { return posted; });
    }
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

TEST_CASE("a client that speaks HTTP is served as HTTP, also in pieces, and no upstream is opened") {
  Place p(FirstSpeaker::client);
  for (const char* piece : {"GE", "T / HT", "TP/1.1\r\nHost: a.test\r\n", "Connection: close\r\n\r\n"}) {
    spawn(say(*p.client.a, piece));
    p.settle();
  }
  p.until([&] { return p.client_ended; });
  CHECK(p.at_client.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(p.http.calls == 1);
  CHECK(p.bytes.opened == 0);
  CHECK(p.bytes.was_dropped);
}

TEST_CASE("a silent client gets what its server says first, and the place is remembered") {
  Place p;
  p.until([&] { return p.bytes.opened == 1; });
  spawn(say(*p.bytes.pipe.b, "220 ready\r\n"));
  p.until([&] { return p.at_client == "220 ready\r\n"; });
  CHECK(p.seen == FirstSpeaker::server);
  spawn(say(*p.client.a, "EHLO a\r\n"));
  p.until([&] { return p.at_server == "EHLO a\r\n"; });
  CHECK(p.bytes.first.empty());
}

TEST_CASE("a client that was slow to speak HTTP is served as HTTP all the same") {
  Place p;
  p.until([&] { return p.bytes.opened == 1; });  // opened for nothing
  spawn(say(*p.client.a, "GET / HTTP/1.0\r\n\r\n"));
  p.until([&] { return p.client_ended; });
  CHECK(p.at_client.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(p.seen == FirstSpeaker::client);
  p.until([&] { return p.server_ended; });
  CHECK(p.at_server.empty());
  CHECK(p.bytes.was_dropped);
}

TEST_CASE("other bytes of a client go to the server, first ones included") {
  Place p(FirstSpeaker::client);
  spawn(say(*p.client.a, "PING\r\n"));
  p.until([&] { return p.at_server == "PING\r\n"; });
  CHECK(p.bytes.first == "PING\r\n");
  spawn(say(*p.bytes.pipe.b, "+PONG\r\n"));
  p.until([&] { return p.at_client == "+PONG\r\n"; });
  p.client.a->close({Errc::reset, Side::client, "gone"});
  p.until([&] { return p.bytes.totals.has_value(); });
  CHECK(p.bytes.totals->from_client == 6);
  CHECK(p.bytes.totals->to_client == 7);
}

TEST_CASE("a client whose server cannot be reached is closed") {
  Place p(FirstSpeaker::server);
  p.bytes.refuse = true;
  p.until([&] { return p.client_ended; });
  CHECK(p.at_client.empty());
}

TEST_CASE("a drain does not wait for a client that says nothing") {
  Place p(FirstSpeaker::client);
  p.until([&] { return p.group.size() == 1; });
  p.group.drain();
  p.until([&] { return p.client_ended && p.group.size() == 0; });
  CHECK(p.bytes.opened == 0);
}

}  // namespace
}  // namespace meshd
