// SPDX-License-Identifier: Apache-2.0
// client_pool_test.cc: HTTP/1 client connections, one and pooled, against the real server over pipes.
#include "http/client_pool.h"

#include <catch2/catch_test_macros.hpp>
#include <thread>

#include "http/h1_test_kit.h"

namespace meshd::test {
namespace {

// A pool in front of a served service.
struct Mesh {
  explicit Mesh(Service& service, ClientPool::Options options = {})
      : pool(std::make_unique<ClientPool>(std::make_unique<PipeConnector>(service, group, connects),
                                          options)) {}
  int connects = 0;
  ServerGroup group;
  std::unique_ptr<ClientPool> pool;

  void over(Loop& loop) {
    pool.reset();
    run_all(loop);
    CHECK(group.size() == 0);
  }
};

struct Answer {
  bool done = false;
  std::optional<Error> error;
  int status = 0;
  std::string body;
  std::optional<Error> body_error;
  std::optional<uint64_t> length;
  CallFacts facts;
};

Task<void> call(ClientPool& pool, Request& request, Answer& answer) {
  auto response = co_await pool.call(request, &answer.facts);
  if (!response) {
    answer.error = response.error();
    answer.done = true;
    co_return;
  }
  answer.status = response->head.status;
  if (response->body) {
    answer.length = response->body->length();
    auto body = co_await read_all(*response->body, 64 * 1024 * 1024);
    if (body)
      answer.body = std::move(*body);
    else
      answer.body_error = body.error();
  }
  answer.done = true;
}

Answer ask(Loop& loop, ClientPool& pool, Request request) {
  Answer answer;
  spawn(call(pool, request, answer));
  loop.run_until([&] { return answer.done; });
  return answer;
}

Request post(std::unique_ptr<Body> body) {
  Request r = make_request("POST", "/");
  r.body = std::move(body);
  return r;
}

// Gives the request's content back as it comes.
class EchoService final : public Service {
  Task<Result<Response>> call(Request& request) override {
    Response r;
    r.body = std::move(request.body);
    co_return r;
  }
};

// Answers without looking at the content, which it keeps or not.
class HastyService final : public Service {
 public:
  std::unique_ptr<Body> kept;
  bool keep = false;
  Task<Result<Response>> call(Request& request) override {
    if (keep) kept = std::move(request.body);
    co_return make_text_response(413, "", "no");
  }
};

// Connections whose other end the test holds.
class HeldConnector final : public Connector {
 public:
  explicit HeldConnector(std::vector<std::unique_ptr<ByteStream>>& held) : held_(held) {}
  Task<Result<std::unique_ptr<ByteStream>>> connect() override {
    PipePair pipe = make_pipe();
    held_.push_back(std::move(pipe.b));
    co_return std::move(pipe.a);
  }

 private:
  std::vector<std::unique_ptr<ByteStream>>& held_;
};

Task<void> expect_and_answer(ByteStream& stream, std::string answer, bool close) {
  std::string got;
  while (got.find("\r\n\r\n") == std::string::npos) {
    auto chunk = co_await stream.read();
    if (!chunk || chunk->empty()) co_return;
    got.append(chunk->view());
  }
  if (!answer.empty()) co_await stream.write(Chunk::copy(answer));
  if (close) stream.close({Errc::reset, Side::self, "test"});
}

}  // namespace

TEST_CASE("one connection carries one call after another") {
  Loop loop;
  RecordingService service;
  Mesh mesh(service);
  for (int i = 0; i < 5; ++i) {
    Answer a = ask(loop, *mesh.pool, make_request("GET", "/x"));
    CHECK(a.status == 200);
    CHECK(a.body == "ok");
    CHECK(a.facts.reused == (i > 0));
  }
  CHECK(mesh.connects == 1);
  CHECK(mesh.pool->idle() == 1);
  CHECK(mesh.pool->active() == 0);
  mesh.over(loop);
}

TEST_CASE("content goes both ways at once") {
  Loop loop;
  EchoService service;
  Mesh mesh(service);
  std::vector<Result<std::string>> pieces;
  std::string all;
  for (int i = 0; i < 300; ++i) {
    pieces.push_back(std::string(10'000, static_cast<char>('a' + i % 26)));
    all += *pieces.back();
  }
  Answer a = ask(loop, *mesh.pool, post(std::make_unique<PieceBody>(std::move(pieces))));
  CHECK(a.body == all);
  a = ask(loop, *mesh.pool, post(make_body(Chunk::literal("known length"))));
  CHECK(a.body == "known length");
  CHECK(a.length == 12);
  CHECK(mesh.connects == 1);
  mesh.over(loop);
}

TEST_CASE("answers without content keep the length they speak of") {
  Loop loop;
  RecordingService service;
  Mesh mesh(service);
  Answer a = ask(loop, *mesh.pool, make_request("HEAD", "/"));
  CHECK(a.length == 2);
  CHECK(a.body.empty());
  ask(loop, *mesh.pool, make_request("GET", "/"));
  CHECK(mesh.connects == 1);
  mesh.over(loop);
}

TEST_CASE("an idle connection that ended is not used") {
  Loop loop;
  RecordingService service;
  Mesh mesh(service);
  ask(loop, *mesh.pool, make_request("GET", "/"));
  mesh.group.close_all(kTestOver);
  loop.run_until([&] { return mesh.pool->idle() == 0; });
  Answer a = ask(loop, *mesh.pool, make_request("GET", "/"));
  CHECK(a.status == 200);
  CHECK_FALSE(a.facts.reused);
  CHECK(mesh.connects == 2);
  mesh.over(loop);
}

TEST_CASE(
    "a reused connection that dies without an answer is forgiven once, if nothing could be done twice") {
  Loop loop;
  struct Row {
    const char *method, *body;
    bool again;
  };
  for (Row row : {Row{"GET", nullptr, true}, Row{"POST", nullptr, false}, Row{"PUT", "x", false}}) {
    INFO(row.method);
    std::vector<std::unique_ptr<ByteStream>> held;
    ClientPool pool(std::make_unique<HeldConnector>(held));
    Request first = make_request("GET", "/");
    Answer a;
    spawn(call(pool, first, a));
    loop.run_until([&] { return held.size() == 1; });
    spawn(expect_and_answer(*held[0], "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", false));
    loop.run_until([&] { return a.done && pool.idle() == 1; });

    Request second = make_request(row.method, "/");
    if (row.body != nullptr) second.body = make_body(Chunk::literal(row.body));
    Answer b;
    spawn(call(pool, second, b));
    spawn(expect_and_answer(*held[0], "", true));
    loop.run_until([&] { return b.done || held.size() == 2; });
    CHECK((held.size() == 2) == row.again);
    if (held.size() == 2) {
      spawn(expect_and_answer(*held[1], "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", true));
      loop.run_until([&] { return b.done; });
      CHECK(b.status == 200);
    } else {
      REQUIRE(b.error);
      CHECK(b.error->side == Side::upstream);
      CHECK(b.facts.sent);
    }
    run_all(loop);
  }
}

TEST_CASE("a fresh connection that dies is not tried again") {
  Loop loop;
  std::vector<std::unique_ptr<ByteStream>> held;
  ClientPool pool(std::make_unique<HeldConnector>(held));
  Request request = make_request("GET", "/");
  Answer a;
  spawn(call(pool, request, a));
  loop.run_until([&] { return held.size() == 1; });
  spawn(expect_and_answer(*held[0], "HTTP/1.1 200", true));
  loop.run_until([&] { return a.done; });
  CHECK(a.error);
  CHECK(held.size() == 1);
  CHECK(pool.active() == 0);
  run_all(loop);
}

TEST_CASE("an answer before the request's end comes through, and its connection is not used again") {
  Loop loop;
  for (bool keep : {false, true}) {
    HastyService service;
    service.keep = keep;
    Mesh mesh(service);
    GatedBody::Gate gate;
    Answer a = ask(loop, *mesh.pool, post(std::make_unique<GatedBody>(gate)));
    CHECK(a.status == 413);
    CHECK(a.body == "no");
    loop.run_until([&] { return gate.destroyed; });
    CHECK(mesh.pool->idle() == 0);
    service.kept.reset();
    mesh.over(loop);
  }
}

TEST_CASE("a request whose content fails is cut upstream and its error handed back") {
  Loop loop;
  RecordingService service;
  Mesh mesh(service);
  Answer a = ask(loop, *mesh.pool,
                 post(std::make_unique<PieceBody>(std::vector<Result<std::string>>{
                     "x", fail(Errc::reset, Side::client, "the client left")})));
  REQUIRE(a.error);
  CHECK(a.error->side == Side::client);
  mesh.over(loop);
  CHECK(service.complete.empty());
}

TEST_CASE("content that is shorter than it declared is never complete upstream") {
  Loop loop;
  class Short final : public Body {
    Await<Result<Chunk>> pull() override { return Chunk(); }
    void close(Error) override {}
    std::optional<uint64_t> length() const override { return 10; }
  };
  RecordingService service;
  Mesh mesh(service);
  Answer a = ask(loop, *mesh.pool, post(std::make_unique<Short>()));
  CHECK(a.error);
  mesh.over(loop);
  CHECK(service.complete.empty());
}

TEST_CASE("an answer dropped before its end ends its connection") {
  Loop loop;
  class Endless final : public Service {
   public:
    GatedBody::Gate gate;
    Task<Result<Response>> call(Request&) override {
      Response r;
      r.body = std::make_unique<GatedBody>(gate);
      co_return r;
    }
  } service;
  Mesh mesh(service);
  Request request = make_request("GET", "/");
  std::optional<Response> kept;
  auto start = [](ClientPool& pool, Request& r, std::optional<Response>& out) -> Task<void> {
    auto response = co_await pool.call(r, nullptr);
    if (response) out = std::move(*response);
  };
  spawn(start(*mesh.pool, request, kept));
  loop.run_until([&] { return kept.has_value(); });
  CHECK(mesh.pool->active() == 1);
  kept.reset();
  CHECK(mesh.pool->active() == 0);
  // The service learns it as well.
  loop.run_until([&] { return service.gate.destroyed; });
  mesh.over(loop);
}

TEST_CASE("a pool may go while its calls go on") {
  Loop loop;
  EchoService service;
  Mesh mesh(service);
  GatedBody::Gate gate;
  Request request = post(std::make_unique<GatedBody>(gate));
  Answer a;
  spawn(call(*mesh.pool, request, a));
  loop.run_until([&] { return gate.op.waiting(); });
  mesh.pool.reset();
  gate.op.complete(Chunk::literal("still "));
  loop.run_until([&] { return gate.op.waiting(); });
  gate.op.complete(Chunk());
  loop.run_until([&] { return a.done; });
  CHECK(a.status == 200);
  CHECK(a.body == "still ");
  run_all(loop);
  CHECK(mesh.group.size() == 0);
}

TEST_CASE("idle connections are few and do not grow old") {
  Loop loop;
  EchoService service;
  Mesh mesh(service, {.idle_max = 2, .idle = milliseconds(20)});
  std::vector<Request> requests;
  std::vector<Answer> answers(5);
  for (int i = 0; i < 5; ++i) requests.push_back(post(make_body(Chunk::literal("x"))));
  for (size_t i = 0; i < 5; ++i) spawn(call(*mesh.pool, requests[i], answers[i]));
  loop.run_until([&] { return mesh.pool->active() == 0 && answers[4].done; });
  CHECK(mesh.connects == 5);
  CHECK(mesh.pool->idle() <= 2);
  loop.run_until([&] { return mesh.pool->idle() == 0; });
  mesh.over(loop);
}

TEST_CASE("close_all and cancel end calls with their reason") {
  Loop loop;
  std::vector<std::unique_ptr<ByteStream>> held;
  ClientPool pool(std::make_unique<HeldConnector>(held));
  for (bool all : {true, false}) {
    Request request = make_request("GET", "/");
    Cancellation cancellation;
    request.cancellation = &cancellation;
    Answer a;
    size_t before = held.size();
    spawn(call(pool, request, a));
    loop.run_until([&] { return held.size() == before + 1 && a.facts.sent; });
    if (all)
      pool.close_all({Errc::draining, Side::self, "draining"});
    else
      cancellation.fire({Errc::timeout, Side::upstream, "too slow"});
    loop.run_until([&] { return a.done; });
    REQUIRE(a.error);
    CHECK(a.error->code == (all ? Errc::draining : Errc::timeout));
    CHECK(pool.active() == 0);
  }
  run_all(loop);
}

TEST_CASE("a cancellation reaches the content of an answer, and a call that has not begun") {
  Loop loop;
  std::vector<std::unique_ptr<ByteStream>> held;
  ClientPool pool(std::make_unique<HeldConnector>(held));
  Cancellation cancellation;
  Request request = make_request("GET", "/");
  request.cancellation = &cancellation;
  Answer a;
  spawn(call(pool, request, a));
  loop.run_until([&] { return held.size() == 1; });
  spawn(expect_and_answer(*held[0], "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", false));
  loop.run_until([&] { return a.status == 200; });
  cancellation.fire({Errc::timeout, Side::upstream, "too slow"});
  loop.run_until([&] { return a.done; });
  REQUIRE(a.body_error);
  CHECK(a.body_error->code == Errc::timeout);
  Answer b = ask(loop, pool, std::move(request));
  REQUIRE(b.error);
  CHECK(b.error->code == Errc::timeout);
  CHECK_FALSE(b.facts.sent);
  run_all(loop);
  CHECK(pool.active() == 0);
}

TEST_CASE("a client that goes while the upstream thinks ends the upstream's call") {
  Loop loop;
  std::vector<std::unique_ptr<ByteStream>> held;
  ClientPool pool(std::make_unique<HeldConnector>(held));
  std::string out = exchange(loop, pool, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
  CHECK(statuses(out) == std::vector<int>{400});
  CHECK(pool.active() == 0);
  run_all(loop);
}

TEST_CASE("an upgrade passes server, pool and server, with both half-closes") {
  Loop loop;
  class Upper final : public Service {
   public:
    Task<Result<Response>> call(Request& request) override {
      Response r;
      r.head.status = 101;
      r.body = std::move(request.body);
      co_return r;
    }
  } service;
  Mesh mesh(service);
  std::string out =
      exchange(loop, *mesh.pool,
               "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello "
               "tunnel");
  CHECK(out ==
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nhello tunnel");
  CHECK(mesh.pool->idle() == 0);
  mesh.over(loop);
}

TEST_CASE("CONNECT makes a tunnel where it is served") {
  Loop loop;
  EchoService echo;
  H1ServerOptions options;
  options.connect = true;
  std::string out =
      exchange(loop, echo, "CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\n\r\nraw", {}, options);
  CHECK(out == "HTTP/1.1 200 OK\r\n\r\nraw");
}

namespace {

// Client, proxy and service with nothing in between; what remains afterwards.
struct Remains {
  size_t frames = 1, tasks = 1, largest = 0;
};
void whole_chain(Remains& remains) {
  Loop loop;
  {
    EchoService service;
    Mesh mesh(service);
    std::string one =
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello"
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    exchange(loop, *mesh.pool, one + one);
    exchange(loop, *mesh.pool, "GET / HTTP/1.1\r\n\r\n");
    mesh.pool.reset();
    loop.run_until([&] { return loop.tasks() == 0; });
  }
  remains = {live_frames(), loop.tasks(), largest_frame()};
}

}  // namespace

TEST_CASE("a whole chain leaves no frame, no task, and none of its frames is large") {
  // On a thread of its own: the largest frame is remembered per thread.
  Remains remains;
  std::thread thread(whole_chain, std::ref(remains));
  thread.join();
  CHECK(remains.frames == 0);
  CHECK(remains.tasks == 0);
  CHECK(remains.largest <= 1024);
}

}  // namespace meshd::test
