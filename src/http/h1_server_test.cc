// SPDX-License-Identifier: Apache-2.0
#include "http/h1_server.h"

#include <catch2/catch_test_macros.hpp>

#include "http/h1_test_kit.h"

namespace meshd::test {
namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// A server whose client end the test holds.
struct Served {
  explicit Served(Service& service, H1ServerOptions options = {}) {
    PipePair pipe = make_pipe();
    client = std::move(pipe.a);
    spawn(serve_h1(std::move(pipe.b), service, group, std::move(options)));
    spawn(read_raw(*client, in));
  }
  void send(Loop& loop, std::string_view text) {
    bool done = false;
    spawn(write(*client, std::string(text), done));
    loop.run_until([&] { return done; });
    settle(loop);
  }
  // Some turns: whatever follows without waiting has happened.
  static void settle(Loop& loop) {
    bool done = false;
    spawn(turns(done));
    loop.run_until([&] { return done; });
  }
  static Task<void> write(ByteStream& stream, std::string text, bool& done) {
    co_await stream.write(Chunk::copy(text));
    done = true;
  }
  static Task<void> turns(bool& done) {
    for (int i = 0; i < 30; ++i) co_await OneTurn();
    done = true;
  }
  void until_closed(Loop& loop) {
    loop.run_until([this] { return in.ended && group.size() == 0; });
  }
  void hang_up(Loop& loop) {
    client->close({Errc::reset, Side::client, "the client hangs up"});
    run_all(loop);
  }

  ServerGroup group;
  std::unique_ptr<ByteStream> client;
  Raw in;
};

// Answers with whatever content the test gives.
class BodyService final : public Service {
 public:
  std::unique_ptr<Body> next;
  std::unique_ptr<Body> request_body;
  int status = 200;
  Task<Result<Response>> call(Request& request) override {
    request_body = std::move(request.body);
    Response r;
    r.head.status = static_cast<uint16_t>(status);
    r.body = std::move(next);
    co_return r;
  }
};

constexpr const char* kGet = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

}  // namespace

TEST_CASE("pipelined requests are answered in order on one connection") {
  Loop loop;
  RecordingService service;
  service.answer = [](const Request& r, const std::string&) {
    return make_text_response(200, "", r.head.path());
  };
  std::string raw;
  for (int i = 0; i < 100; ++i) raw += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: a.test\r\n\r\n";
  std::string out = exchange(loop, service, raw);
  REQUIRE(service.complete.size() == 100);
  size_t at = 0;
  for (int i = 0; i < 100; ++i) {
    at = out.find("\r\n\r\n/" + std::to_string(i), at);
    REQUIRE(at != std::string::npos);
  }
}

TEST_CASE("content and trailers reach the service whatever their framing") {
  Loop loop;
  RecordingService service;
  exchange(loop, service,
           "POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello"
           "POST /b HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n\r\n"
           "3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nX-Sum: 1\r\nHost: evil\r\n\r\n");
  REQUIRE(service.complete.size() == 2);
  CHECK(service.complete[0].body == "hello");
  CHECK(service.complete[1].body == "hello");
  REQUIRE(service.complete[1].trailers.size() == 1);
  CHECK(service.complete[1].trailers[0].first == "X-Sum");
}

TEST_CASE(
    "an answer of unknown length is chunked, with its trailers; to HTTP/1.0 the end says where it ends") {
  Loop loop;
  RecordingService service;
  service.answer = [](const Request&, const std::string&) {
    Response r;
    auto body = std::make_unique<PieceBody>(std::vector<Result<std::string>>{"hel", "lo"});
    body->trailers_fields.add("x-sum", "1");
    r.body = std::move(body);
    return r;
  };
  std::string out = exchange(loop, service, kGet);
  CHECK(contains(out, "transfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\nx-sum: 1\r\n\r\n"));
  out = exchange(loop, service, "GET / HTTP/1.0\r\n\r\n");
  CHECK(contains(out, "connection: close\r\n\r\nhello"));
}

TEST_CASE("HTTP/1.0 keep-alive is honoured when asked for") {
  Loop loop;
  RecordingService service;
  std::string one = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  std::string out = exchange(loop, service, one + one);
  CHECK(service.complete.size() == 2);
  CHECK(contains(out, "connection: keep-alive\r\n\r\nok"));
}

TEST_CASE("HEAD, 204 and 304 carry no content, HEAD and 304 the length it would have") {
  Loop loop;
  RecordingService service;
  int status = 200;
  service.answer = [&](const Request&, const std::string&) {
    return make_text_response(status, "", "hello");
  };
  std::string head = "HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n";
  CHECK(exchange(loop, service, head) == "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n");
  status = 304;
  CHECK(exchange(loop, service, kGet) == "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n");
  status = 204;
  CHECK(exchange(loop, service, kGet) == "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST_CASE("100 (Continue) is sent when the service first pulls, and only then") {
  Loop loop;
  RecordingService reads;
  Served s(reads);
  s.send(loop, "POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  CHECK(s.in.text == "HTTP/1.1 100 Continue\r\n\r\n");
  s.send(loop, "hello");
  CHECK(contains(s.in.text, "HTTP/1.1 200 OK"));
  CHECK(reads.complete.at(0).body == "hello");
  s.hang_up(loop);

  BodyService ignores;
  std::string out = exchange(
      loop, ignores, "POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  CHECK(statuses(out) == std::vector<int>{200});
  CHECK(contains(out, "connection: close"));
}

TEST_CASE("interim answers go out before the final one") {
  Loop loop;
  class Hints final : public Service {
    Task<Result<Response>> call(Request& request) override {
      for (int i = 0; i < 2; ++i) {
        ResponseHead early;
        early.status = 103;
        early.add("link", "</a>");
        request.interim->interim(std::move(early));
      }
      co_return make_text_response(200, "", "ok");
    }
  } hints;
  std::string out = exchange(loop, hints, kGet);
  std::string early = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
  CHECK(out.starts_with(early + early + "HTTP/1.1 200 OK\r\n"));
}

TEST_CASE(
    "an answer before the request's end: a small rest is thrown away, a large one ends the connection") {
  Loop loop;
  BodyService service;
  std::string small =
      "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'x');
  std::string out = exchange(loop, service, small + kGet);
  CHECK(statuses(out) == std::vector<int>{200, 200});
  CHECK_FALSE(contains(out, "connection: close"));
  std::string large =
      "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\n" + std::string(100000, 'x');
  out = exchange(loop, service, large + kGet);
  CHECK(statuses(out) == std::vector<int>{200});
  CHECK(contains(out, "connection: close"));
}

TEST_CASE("content that fails in the middle of an answer cuts the connection") {
  Loop loop;
  BodyService service;
  service.next = std::make_unique<PieceBody>(
      std::vector<Result<std::string>>{"hel", fail(Errc::reset, Side::upstream, "gone")});
  Served s(service);
  s.send(loop, kGet);
  s.until_closed(loop);
  REQUIRE(s.in.error);
  CHECK(s.in.error->code == Errc::reset);
  run_all(loop);
}

TEST_CASE("content that fails before the answer has begun is an error answer") {
  Loop loop;
  BodyService service;
  service.next = std::make_unique<PieceBody>(
      std::vector<Result<std::string>>{fail(Errc::protocol, Side::upstream, "a broken chunk")});
  std::string out = exchange(loop, service, std::string(kGet) + kGet);
  CHECK(statuses(out) == std::vector<int>{502});
  CHECK(contains(out, "connection: close"));
}

TEST_CASE("the answer's content is destroyed when the client goes") {
  Loop loop;
  BodyService service;
  GatedBody::Gate gate;
  service.next = std::make_unique<GatedBody>(gate);
  Served s(service);
  s.send(loop, kGet);
  REQUIRE(gate.op.waiting());
  s.client->close({Errc::reset, Side::client, "gone"});
  // Nothing is written, so it takes the watch to see it.
  loop.run_until([&] { return gate.destroyed; });
  run_all(loop);
  CHECK(s.group.size() == 0);
}

TEST_CASE("a request's content held longer than its connection gives an error and nothing else") {
  Loop loop;
  BodyService service;
  Served s(service);
  s.send(loop, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhello");
  s.client->close({Errc::reset, Side::client, "gone"});
  run_all(loop);
  REQUIRE(service.request_body);
  auto pull = service.request_body->pull();
  REQUIRE(pull.await_ready());
  CHECK_FALSE(pull.await_resume().has_value());
  service.request_body.reset();
}

TEST_CASE("a head that does not come to its end in time is 408, a silent connection just ends") {
  Loop loop;
  RecordingService service;
  H1ServerOptions options;
  options.head_deadline = options.idle = milliseconds(20);
  Served slow(service, options);
  slow.send(loop, "GET / HTTP/1.1\r\nHost:");
  slow.until_closed(loop);
  CHECK(statuses(slow.in.text) == std::vector<int>{408});
  Served silent(service, options);
  silent.until_closed(loop);
  CHECK(silent.in.text.empty());
  run_all(loop);
}

TEST_CASE("content that stalls is 408 and the end of the connection") {
  Loop loop;
  RecordingService service;
  H1ServerOptions options;
  options.body_stall = milliseconds(20);
  Served s(service, options);
  s.send(loop, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhello");
  s.until_closed(loop);
  CHECK(statuses(s.in.text) == std::vector<int>{408});
  run_all(loop);
}

TEST_CASE("draining ends idle connections and lets busy ones finish") {
  Loop loop;
  BodyService service;
  GatedBody::Gate gate;
  service.next = std::make_unique<GatedBody>(gate);
  ServerGroup group;
  PipePair idle = make_pipe(), busy = make_pipe();
  Raw idle_in, busy_in;
  spawn(serve_h1(std::move(idle.b), service, group, {}));
  spawn(serve_h1(std::move(busy.b), service, group, {}));
  spawn(read_raw(*idle.a, idle_in));
  spawn(read_raw(*busy.a, busy_in));
  bool sent = false;
  spawn(Served::write(*busy.a, kGet, sent));
  Served::settle(loop);
  REQUIRE(group.size() == 2);
  CHECK(group.busy() == 1);
  group.drain();
  loop.run_until([&] { return idle_in.ended; });
  CHECK_FALSE(idle_in.error);
  CHECK_FALSE(busy_in.ended);
  gate.op.complete(Chunk());
  loop.run_until([&] { return busy_in.ended; });
  CHECK(contains(busy_in.text, "0\r\n\r\n"));
  run_all(loop);
  CHECK(group.size() == 0);
}

TEST_CASE("close_all ends everything at once") {
  Loop loop;
  BodyService service;
  GatedBody::Gate gate;
  service.next = std::make_unique<GatedBody>(gate);
  Served s(service);
  s.send(loop, kGet);
  s.group.close_all(kTestOver);
  run_all(loop);
  CHECK(s.group.size() == 0);
  CHECK(s.in.ended);
}

TEST_CASE("an upgrade becomes a tunnel that half-closes") {
  Loop loop;
  class Switch final : public Service {
   public:
    std::unique_ptr<Body> from_client;
    GatedBody::Gate to_client;
    Task<Result<Response>> call(Request& request) override {
      REQUIRE(request.head.protocol() == "echo");
      from_client = std::move(request.body);
      Response r;
      r.head.status = 101;
      r.body = std::make_unique<GatedBody>(to_client);
      co_return r;
    }
  } service;
  Served s(service);
  s.send(loop, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly");
  CHECK(s.in.text == "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n");
  auto first = service.from_client->pull();
  REQUIRE(first.await_ready());
  CHECK(first.await_resume()->view() == "early");
  service.to_client.op.complete(Chunk::literal("raw"));
  Served::settle(loop);
  CHECK(s.in.text.ends_with("\r\n\r\nraw"));
  service.to_client.op.complete(Chunk());  // their end; ours goes on
  Served::settle(loop);
  CHECK(s.in.ended);
  CHECK(s.group.size() == 1);
  s.send(loop, "more");
  std::string rest;
  bool over = false;
  auto reader = [](Body& body, std::string& out, bool& done) -> Task<void> {
    auto all = co_await read_all(body, 100);
    out = all.value_or("failed");
    done = true;
  };
  spawn(reader(*service.from_client, rest, over));
  bool finished = false;
  auto finish = [](ByteStream& stream, bool& done) -> Task<void> {
    auto ok = co_await stream.finish();
    done = ok.has_value();
  };
  spawn(finish(*s.client, finished));
  loop.run_until([&] { return over; });
  CHECK(rest == "more");
  run_all(loop);
  CHECK(s.group.size() == 0);
}

TEST_CASE("an upgrade that is not taken leaves an ordinary connection") {
  Loop loop;
  RecordingService service;
  std::string upgrade =
      "GET /1 HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  std::string out = exchange(loop, service, upgrade + kGet);
  CHECK(statuses(out) == std::vector<int>{200, 200});
}

TEST_CASE("an error of the service is an answer with a reason") {
  Loop loop;
  class Denies final : public Service {
    Task<Result<Response>> call(Request&) override { co_return fail(Errc::denied, Side::client, "no"); }
  } denies;
  std::string out = exchange(loop, denies, std::string(kGet) + kGet);
  CHECK(statuses(out) == std::vector<int>{403, 403});
  CHECK(contains(out, "x-meshd-error: denied\r\n"));
}

TEST_CASE("after everything has ended no frame is left and none was large") {
  Loop loop;
  size_t before = live_frames();
  {
    BodyService service;
    exchange(loop, service, std::string(kGet) + kGet);
    exchange(loop, service, "GET / HTTP/1.1\r\n");
    exchange(loop, service, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9\r\n\r\nx");
  }
  run_all(loop);
  CHECK(live_frames() == before);
}

}  // namespace meshd::test
