// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "http/h2_peers_test.h"

namespace meshd {
namespace {

Task<void> end_with(H2Stream& s, std::string text, Fields& trailers, bool& done) {
  if (!text.empty()) (void)co_await s.write(Chunk::copy(text));
  Result<> r = co_await s.send_trailers(trailers);
  done = r.has_value();
}

}  // namespace

TEST_CASE("a request and its answer carry heads, bodies and trailers both ways") {
  Peers p;
  RequestHead head = request_head("POST", "/a?b=c");
  head.add("X-Mixed", "One");
  auto c = p.open(head, false);
  Fields request_trailers, response_trailers;
  request_trailers.add("sum", "1");
  response_trailers.add("grpc-status", "0");
  bool request_sent = false, response_sent = false;
  spawn(end_with(*c, "hello", request_trailers, request_sent));
  p.until([&] { return !p.keeper.streams.empty(); });
  auto s = p.keeper.take();
  CHECK(s->head().method() == "POST");
  CHECK(s->head().path() == "/a?b=c");
  CHECK(s->head().authority() == "a.test");
  CHECK(s->head().scheme() == "http");
  CHECK(s->head().find("x-mixed") == "One");
  CHECK(s->head()[0].name == "x-mixed");
  CHECK_FALSE(s->no_content());

  Reading request, response;
  spawn(read_stream(*s, request));
  p.until([&] { return request.done(); });
  CHECK(request.bytes == "hello");
  REQUIRE(s->trailers() != nullptr);
  CHECK(s->trailers()->find("sum") == "1");
  CHECK(request_sent);

  ResponseHead early = response_head(103);
  early.add("link", "</style.css>");
  REQUIRE(s->interim(early));
  REQUIRE(s->respond(response_head(201), false, 5));
  spawn(end_with(*s, "world", response_trailers, response_sent));
  Answer answer;
  spawn(read_answer(*c, answer));
  spawn(read_stream(*c, response));
  p.until([&] { return answer.done() && response.done(); });
  REQUIRE(answer.heads.size() == 2);
  CHECK(answer.heads[0].status == 103);
  CHECK(answer.heads[0].find("link") == "</style.css>");
  CHECK(answer.heads[1].status == 201);
  CHECK(answer.heads[1].find("content-length") == "5");
  CHECK(response.bytes == "world");
  REQUIRE(c->trailers() != nullptr);
  CHECK(c->trailers()->find("grpc-status") == "0");
  CHECK(response_sent);
  p.settle();
  CHECK(p.client->idle());
  CHECK(p.server->idle());
  CHECK(p.server->served() == 1);
}

TEST_CASE("a request and an answer without content need no DATA") {
  Peers p;
  auto [c, s] = p.stream("GET", true);
  CHECK(s->no_content());
  REQUIRE(s->respond(response_head(204), true));
  s.reset();
  Answer answer;
  spawn(read_answer(*c, answer));
  p.until([&] { return answer.done(); });
  REQUIRE_FALSE(answer.error);
  CHECK(answer.heads.back().status == 204);
  CHECK(c->no_content());
  Reading rest;
  spawn(read_stream(*c, rest));
  p.until([&] { return rest.done(); });
  CHECK(rest.ended);
}

TEST_CASE("CONNECT opens a tunnel that closes in halves") {
  Peers p(H2Options::mesh(), H2Options::mesh());
  auto c = p.open(request_head("CONNECT", "", "10.0.0.1:80"), false);
  p.until([&] { return !p.keeper.streams.empty(); });
  auto s = p.keeper.take();
  CHECK(s->head().method() == "CONNECT");
  CHECK(s->head().authority() == "10.0.0.1:80");
  CHECK(s->head().path().empty());
  CHECK(s->head().scheme().empty());
  REQUIRE(s->respond(response_head(200), false));
  Reading up, down;
  Writing up_written, down_written;
  spawn(write_stream(*c, 1000, 100, up_written));
  spawn(read_stream(*s, up));
  p.until([&] { return up.done(); });
  CHECK(up.bytes.size() == 1000);
  CHECK(up.ended);
  spawn(write_stream(*s, 3'000'000, 50'000, down_written));
  spawn(read_stream(*c, down));
  p.until([&] { return down.done() && down_written.done; });
  CHECK(down.bytes.size() == 3'000'000);
  p.settle();
  CHECK(p.client->idle());
}

TEST_CASE("a slow reader stops its own writer and nobody else") {
  Peers p;
  auto [slow_c, slow_s] = p.stream();
  auto [fast_c, fast_s] = p.stream();
  Writing slow, fast;
  Reading fast_read;
  spawn(write_stream(*slow_c, 10'000'000, 10'000, slow));
  spawn(write_stream(*fast_c, 10'000'000, 10'000, fast));
  spawn(read_stream(*fast_s, fast_read));
  p.until([&] { return fast_read.done(); });
  CHECK(fast_read.bytes.size() == 10'000'000);
  CHECK(fast.done);
  // One window at the reader and one outbox at the writer.
  size_t bound = H2Options::edge().stream_window + H2Options::edge().stream_outbox + 10'000;
  CHECK(slow.taken <= bound);
  CHECK(slow_c->queued() <= H2Options::edge().stream_outbox + 10'000);
  CHECK_FALSE(slow.done);
  Reading slow_read;
  spawn(read_stream(*slow_s, slow_read));
  p.until([&] { return slow_read.done() && slow.done; });
  CHECK(slow_read.bytes.size() == 10'000'000);
}

TEST_CASE("resets carry the code that fits, both ways") {
  struct Case {
    Error why;
    uint32_t code;
    Errc seen;
  };
  for (const Case& k : {Case{{Errc::cancelled, Side::self, ""}, 8, Errc::reset},
                        Case{{Errc::protocol, Side::client, ""}, 1, Errc::reset},
                        Case{{Errc::internal, Side::self, ""}, 2, Errc::reset},
                        Case{{Errc::overload, Side::self, ""}, 7, Errc::refused},
                        Case{{Errc::reset, Side::upstream, ""}, 2, Errc::reset}}) {
    for (bool by_client : {true, false}) {
      Peers p;
      auto [c, s] = p.stream();
      H2Stream& near = by_client ? static_cast<H2Stream&>(*c) : *s;
      H2Stream& far = by_client ? static_cast<H2Stream&>(*s) : *c;
      Reading near_read, far_read;
      spawn(read_stream(near, near_read));
      spawn(read_stream(far, far_read));
      p.settle();
      near.close(k.why);
      p.until([&] { return near_read.done() && far_read.done(); });
      CHECK(near_read.error->code == k.why.code);
      CHECK(far_read.error->code == k.seen);
      CHECK(far.reset_code() == k.code);
      CHECK(p.client->idle());
      p.settle();
      CHECK(p.server->idle());
    }
  }
}

TEST_CASE("a stream that is let go unfinished is cancelled at the other end") {
  Peers p;
  auto [c, s] = p.stream();
  Reading r;
  spawn(read_stream(*s, r));
  p.settle();
  c.reset();
  p.until([&] { return r.done(); });
  CHECK(r.error->code == Errc::reset);
  CHECK(s->reset_code() == 8);
}

TEST_CASE("an answer in full ends an unfinished request without an error") {
  Peers p;
  auto [c, s] = p.stream();
  Writing w;
  spawn(write_stream(*c, 10'000'000, 10'000, w));
  p.settle();
  REQUIRE(s->respond(response_head(413), true));
  s.reset();
  Answer answer;
  spawn(read_answer(*c, answer));
  p.until([&] { return answer.done() && (w.done || w.error); });
  CHECK(answer.heads.back().status == 413);
  REQUIRE(w.error);
  CHECK(w.error->code == Errc::closed);
  CHECK(c->reset_code() == 0);
}

TEST_CASE("a hundred streams at once, each with its own bytes") {
  Peers p;
  struct Echo {
    std::unique_ptr<H2ClientStream> c;
    std::unique_ptr<H2ServerStream> s;
    Writing up, down;
    Reading up_read, down_read;
  };
  std::vector<std::unique_ptr<Echo>> all;
  for (int i = 0; i < 100; ++i) {
    auto e = std::make_unique<Echo>();
    e->c = p.open(request_head("POST", "/" + std::to_string(i)), false);
    spawn(write_stream(*e->c, 100'000, 1'000, e->up));
    spawn(read_stream(*e->c, e->down_read));
    all.push_back(std::move(e));
  }
  CHECK(p.client->available() == 0);
  CHECK_FALSE(p.client->open(request_head("GET", "/"), true).has_value());
  p.until([&] { return p.keeper.streams.size() == 100; });
  for (auto& s : p.keeper.streams) {
    Echo& e = *all[std::stoul(std::string(s->head().path().substr(1)))];
    e.s = std::move(s);
    REQUIRE(e.s->respond(response_head(200), false));
    spawn(write_stream(*e.s, 100'000, 3'000, e.down));
    spawn(read_stream(*e.s, e.up_read));
  }
  p.keeper.streams.clear();
  p.until([&] {
    for (auto& e : all)
      if (!e->up_read.done() || !e->down_read.done()) return false;
    return true;
  });
  for (auto& e : all) {
    CHECK(e->up_read.bytes.size() == 100'000);
    CHECK(e->down_read.bytes.size() == 102'000);
  }
  p.settle();
  CHECK(p.client->available() == 100);
}

TEST_CASE("streams outlive their connection, broken but readable") {
  Peers p;
  auto [c, s] = p.stream();
  Writing w;
  spawn(write_stream(*c, 1'000, 1'000, w));
  p.until([&] { return w.done; });
  p.settle();
  p.client->close({Errc::cancelled, Side::self, "test"});
  p.client.reset();
  p.settle();
  Reading r;
  spawn(read_stream(*s, r));
  p.until([&] { return r.done(); });
  CHECK(r.bytes.size() == 1'000);
  CHECK(r.ended);
  REQUIRE(s->broken());
  CHECK_FALSE(s->respond(response_head(200), true).has_value());
  REQUIRE(c->broken());
}

TEST_CASE("on_broken tells of a reset and of a lost connection, not of an own close") {
  Peers p;
  int told = 0;
  auto count = [](void* n, Error) { ++*static_cast<int*>(n); };
  auto [c1, s1] = p.stream();
  auto [c2, s2] = p.stream();
  auto [c3, s3] = p.stream();
  for (H2ServerStream* s : {s1.get(), s2.get(), s3.get()}) s->on_broken(count, &told);
  c1->close({Errc::cancelled, Side::self, "test"});
  p.settle();
  CHECK(told == 1);
  s2->close({Errc::cancelled, Side::self, "test"});
  p.settle();
  CHECK(told == 1);
  p.client->close({Errc::cancelled, Side::self, "test"});
  p.settle();
  CHECK(told == 2);
}

}  // namespace meshd
