// SPDX-License-Identifier: Apache-2.0
#include "http/h2_connection.h"

#include <catch2/catch_test_macros.hpp>

#include "http/h2_peers_test.h"

namespace meshd {
namespace {

// Passes bytes on and counts the writes, each a coroutine as in TLS.
struct Counting final : ByteStream {
  std::unique_ptr<ByteStream> below;
  int writes = 0;
  Await<Result<Chunk>> read() override { return below->read(); }
  Await<Result<size_t>> write(Chunks c) override {
    ++writes;
    return pass(*below, std::move(c));
  }
  static Task<Result<size_t>> pass(ByteStream& below, Chunks c) {
    Await<Result<size_t>> taken = below.write(std::move(c));
    co_return co_await taken;
  }
  Await<Result<>> finish() override { return below->finish(); }
  void close(Error why) override { below->close(why); }
  bool ready() const override { return below->ready(); }
};

// A client whose server is the test itself, byte by byte.
struct RawServer {
  Loop loop;
  std::unique_ptr<ByteStream> wire;
  Reading seen;
  std::unique_ptr<H2Client> client;
  explicit RawServer(const H2Options& o = H2Options::edge()) {
    PipePair p = make_pipe();
    wire = std::move(p.a);
    client = std::make_unique<H2Client>(std::move(p.b), o);
    spawn(read_stream(*wire, seen));
  }
  ~RawServer() {
    client.reset();
    wire->close({Errc::reset, Side::self, "test is over"});
    loop.run_until([&] { return loop.tasks() == 0; });
  }
  void send(std::string_view bytes) { (void)wire->write(Chunk::copy(bytes)); }
  void settle() {
    for (int i = 0; i < 50; ++i) {
      bool posted = false;
      loop.post([&] { posted = true; });
      loop.run_until([&] { return posted; });
    }
  }
  template <class F>
  void until(F done) {
    loop.run_until(done);
  }
};
constexpr std::string_view kSettings{"\0\0\0\4\0\0\0\0\0", 9};
constexpr std::string_view kGoawayOne{"\0\0\x08\7\0\0\0\0\0\0\0\0\1\0\0\0\0", 17};

}  // namespace

TEST_CASE("a draining server finishes what is open and what was on its way, then closes") {
  Peers p;
  auto [c, s] = p.stream();
  p.server->drain();
  // Sent before the client can know.
  auto late = p.open(request_head("GET", "/late"), true);
  p.until([&] { return !p.keeper.streams.empty() && p.client->going_away(); });
  CHECK(p.client->available() == 0);
  CHECK_FALSE(p.client->open(request_head("GET", "/"), true).has_value());
  auto s2 = p.keeper.take();
  REQUIRE(s2->respond(response_head(200), true));
  Answer answer;
  spawn(read_answer(*late, answer));
  p.until([&] { return answer.done(); });
  CHECK_FALSE(answer.error);
  p.settle();
  CHECK_FALSE(p.server_end);
  Writing down, up;
  Reading r;
  REQUIRE(s->respond(response_head(200), false));
  spawn(write_stream(*s, 100'000, 10'000, down));
  spawn(write_stream(*c, 100'000, 10'000, up));
  Reading request;
  spawn(read_stream(*c, r));
  spawn(read_stream(*s, request));
  p.until([&] { return p.server_end && p.client->closed(); });
  CHECK(r.bytes.size() == 100'000);
  CHECK(request.bytes.size() == 100'000);
  CHECK(p.server_end->code == Errc::closed);
}

TEST_CASE("an idle server connection drains at once") {
  Peers p;
  p.settle();
  p.server->drain();
  p.until([&] { return p.server_end && p.client->closed(); });
  CHECK(p.server_end->code == Errc::closed);
}

TEST_CASE("a draining client closes after its last stream") {
  Peers p;
  auto [c, s] = p.stream("GET", true);
  p.client->drain();
  CHECK(p.client->available() == 0);
  p.settle();
  CHECK_FALSE(p.client->closed());
  REQUIRE(s->respond(response_head(200), true));
  p.until([&] { return p.client->closed() && p.server_end; });
  CHECK(c->no_content());
}

TEST_CASE("requests above the last id of a GOAWAY are refused, those below go on") {
  RawServer p;
  auto first = p.client->open(request_head("GET", "/1"), true);
  auto second = p.client->open(request_head("GET", "/2"), true);
  Answer a1, a2;
  spawn(read_answer(**first, a1));
  spawn(read_answer(**second, a2));
  p.send(kSettings);
  p.settle();
  p.send(kGoawayOne);
  p.until([&] { return a2.done(); });
  REQUIRE(a2.error);
  CHECK(a2.error->code == Errc::refused);
  CHECK(p.client->going_away());
  CHECK_FALSE(a1.done());
  p.send({"\0\0\1\1\5\0\0\0\1\x88", 10});  // HEADERS, END_STREAM: 200
  p.until([&] { return a1.done(); });
  REQUIRE_FALSE(a1.error);
  CHECK(a1.heads.back().status == 200);
}

TEST_CASE("when the peer vanishes every stream breaks, and requests that never left are safe to repeat") {
  RawServer p;
  auto sent = p.client->open(request_head("GET", "/1"), true);
  p.send(kSettings);
  p.settle();
  auto unsent = p.client->open(request_head("GET", "/2"), true);
  Answer a1, a2;
  spawn(read_answer(**sent, a1));
  spawn(read_answer(**unsent, a2));
  p.wire->close({Errc::reset, Side::self, "gone"});
  p.until([&] { return a1.done() && a2.done(); });
  CHECK(a1.error->code == Errc::reset);
  CHECK(a1.error->side == Side::upstream);
  CHECK((a2.error->code == Errc::refused || a2.error->code == Errc::reset));
  CHECK(p.client->closed());
}

TEST_CASE("a peer that answers no PING is given up") {
  H2Options o = H2Options::mesh();
  o.ping_after = o.ping_timeout = milliseconds(20);
  RawServer p(o);
  p.send(kSettings);
  auto s = p.client->open(request_head("GET", "/"), true);
  Answer a;
  spawn(read_answer(**s, a));
  p.until([&] { return a.done(); });
  CHECK(a.error->code == Errc::timeout);
  CHECK(p.client->closed());
}

TEST_CASE("a live peer is kept, however long it is silent") {
  H2Options o = H2Options::mesh();
  o.ping_after = o.ping_timeout = milliseconds(8);
  Peers p(o, o);
  Op<bool> waited;
  bool enough = false;
  Timer timer([](void* flag) { *static_cast<bool*>(flag) = true; }, &enough);
  timer.start(milliseconds(100));
  p.until([&] { return enough; });
  CHECK_FALSE(p.client->closed());
  CHECK_FALSE(p.server_end);
}

TEST_CASE("a connection without streams is drained after its idle time") {
  H2Options o = H2Options::edge();
  o.idle_timeout = milliseconds(20);
  Peers p(o);
  auto [c, s] = p.stream("GET", true);
  REQUIRE(s->respond(response_head(200), true));
  p.until([&] { return p.server_end && p.client->closed(); });
  CHECK(c->no_content());
}

TEST_CASE("a stream whose peer takes nothing is reset after the stall time, a tunnel is not") {
  H2Options o = H2Options::edge();
  o.stall_timeout = milliseconds(40);
  Peers p(o);
  auto [c, s] = p.stream("GET", true);
  auto tunnel_c = p.open(request_head("CONNECT", "", "a.test:80"), false);
  p.until([&] { return !p.keeper.streams.empty(); });
  auto tunnel_s = p.keeper.take();
  Writing w, tunnel_w;
  REQUIRE(s->respond(response_head(200), false));
  REQUIRE(tunnel_s->respond(response_head(200), false));
  spawn(write_stream(*s, 1'000'000, 10'000, w));
  spawn(write_stream(*tunnel_s, 1'000'000, 10'000, tunnel_w));
  p.until([&] { return w.error.has_value(); });
  CHECK(w.error->code == Errc::stalled);
  p.settle();
  CHECK(c->reset_code() == 8);
  CHECK_FALSE(tunnel_w.error);
  tunnel_s->close({Errc::cancelled, Side::self, "test is over"});
  p.settle();
}

TEST_CASE("the frames of a turn go down in one write, whatever the number of streams") {
  Loop loop;
  Keeper keeper;
  PipePair pipe = make_pipe();
  auto counting = std::make_unique<Counting>();
  Counting& wire = *counting;
  counting->below = std::move(pipe.a);
  H2Server server(std::move(counting), keeper, H2Options::edge());
  std::optional<Error> end;
  struct Run {
    static Task<void> run(H2Server& s, std::optional<Error>& end) { end = co_await s.run(); }
  };
  spawn(Run::run(server, end));
  H2Client client(std::move(pipe.b), H2Options::edge());
  std::vector<std::unique_ptr<H2ClientStream>> streams;
  for (int i = 0; i < 50; ++i) streams.push_back(*client.open(request_head("GET", "/"), true));
  loop.run_until([&] { return keeper.streams.size() == 50; });
  bool posted = false;
  loop.post([&] { posted = true; });
  loop.run_until([&] { return posted; });
  int before = wire.writes;
  std::vector<Writing> writing(50);
  for (size_t i = 0; i < 50; ++i) {
    REQUIRE(keeper.streams[i]->respond(response_head(200), false));
    spawn(write_stream(*keeper.streams[i], 500, 500, writing[i]));
  }
  loop.run_until([&] { return writing.back().done; });
  CHECK(wire.writes == before + 1);
  streams.clear();
  keeper.streams.clear();
  client.close({Errc::cancelled, Side::self, "test is over"});
  loop.run_until([&] { return loop.tasks() == 0; });
}

TEST_CASE("an observer hears of free streams and of the end, and may destroy the client") {
  struct Watch final : H2ClientObserver {
    std::unique_ptr<H2Client>* client;
    int calls = 0;
    bool destroy = false;
    void h2_changed(H2Client& c) override {
      ++calls;
      if (destroy && c.closed()) client->reset();
    }
  };
  Peers p;
  Watch watch;
  watch.client = &p.client;
  p.client->observe(&watch);
  auto [c, s] = p.stream("GET", true);
  p.settle();
  int before = watch.calls;
  REQUIRE(s->respond(response_head(200), true));
  p.settle();
  CHECK(watch.calls > before);
  watch.destroy = true;
  p.server->drain();
  p.until([&] { return p.client == nullptr; });
}

TEST_CASE("a handler may close its connection from within on_stream") {
  struct Closer final : H2Handler {
    H2Server* server = nullptr;
    int calls = 0;
    void on_stream(std::unique_ptr<H2ServerStream>) override {
      ++calls;
      server->close({Errc::limit, Side::self, "test"});
    }
  };
  Loop loop;
  Closer closer;
  PipePair pipe = make_pipe();
  H2Server server(std::move(pipe.a), closer, H2Options::edge());
  closer.server = &server;
  std::optional<Error> end;
  struct Run {
    static Task<void> run(H2Server& s, std::optional<Error>& end) { end = co_await s.run(); }
  };
  spawn(Run::run(server, end));
  H2Client client(std::move(pipe.b), H2Options::edge());
  auto s1 = client.open(request_head("GET", "/1"), true);
  auto s2 = client.open(request_head("GET", "/2"), true);
  Answer a;
  spawn(read_answer(**s1, a));
  loop.run_until([&] { return end && a.done(); });
  CHECK(closer.calls == 1);
  CHECK(end->code == Errc::limit);
  CHECK(a.error);
  loop.run_until([&] { return loop.tasks() == 0; });
}

TEST_CASE("bytes that were read before are served first") {
  Loop loop;
  Keeper keeper;
  PipePair pipe = make_pipe();
  std::string first = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string(kSettings) +
                      std::string("\0\0\6\1\5\0\0\0\1\x82\x86\x84\x41\1a", 15);
  H2Server server(std::move(pipe.a), keeper, H2Options::edge(), Chunk::copy(first));
  std::optional<Error> end;
  struct Run {
    static Task<void> run(H2Server& s, std::optional<Error>& end) { end = co_await s.run(); }
  };
  spawn(Run::run(server, end));
  loop.run_until([&] { return !keeper.streams.empty(); });
  CHECK(keeper.streams[0]->head().path() == "/");
  keeper.streams.clear();
  pipe.b->close({Errc::reset, Side::self, "test is over"});
  loop.run_until([&] { return end.has_value(); });
  loop.run_until([&] { return loop.tasks() == 0; });
}

TEST_CASE("a head that takes too long ends the connection, so does a preface that does not come") {
  for (bool preface : {false, true}) {
    Loop loop;
    Keeper keeper;
    PipePair pipe = make_pipe();
    H2Options o = H2Options::edge();
    o.head_timeout = milliseconds(20);
    H2Server server(std::move(pipe.a), keeper, o);
    std::optional<Error> end;
    struct Run {
      static Task<void> run(H2Server& s, std::optional<Error>& end) { end = co_await s.run(); }
    };
    spawn(Run::run(server, end));
    Reading seen;
    spawn(read_stream(*pipe.b, seen));
    // HEADERS that announces more than comes.
    std::string first = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string(kSettings) +
                        std::string("\0\0\x40\1\5\0\0\0\1\x82\x86\x84", 12);
    if (preface) (void)pipe.b->write(Chunk::copy(first));
    loop.run_until([&] { return seen.ended; });
    pipe.b->close({Errc::cancelled, Side::self, "test is over"});
    loop.run_until([&] { return end.has_value(); });
    CHECK(end->code == Errc::slow_head);
    CHECK(keeper.streams.empty());
    loop.run_until([&] { return loop.tasks() == 0; });
  }
}

TEST_CASE("many tiny frames are held side by side") {
  Peers p;
  auto [c, s] = p.stream();
  for (int i = 0; i < 500; ++i) {
    (void)c->write(Chunk::literal("x"));
    p.step();  // a frame each
  }
  p.settle();
  struct Count {
    static Task<void> run(ByteStream& s, int& chunks, size_t& bytes) {
      while (bytes < 500) {
        Result<Chunk> c = co_await s.read();
        ++chunks;
        bytes += c->size();
      }
    }
  };
  int chunks = 0;
  size_t bytes = 0;
  spawn(Count::run(*s, chunks, bytes));
  p.until([&] { return bytes == 500; });
  CHECK(chunks == 2);
}

TEST_CASE("small streams cost little memory") {
  CHECK(sizeof(H2ServerStream) <= 1024);
  CHECK(sizeof(H2ClientStream) <= 1024);
  CHECK(sizeof(H2Connection) <= 1024);
}

}  // namespace meshd
