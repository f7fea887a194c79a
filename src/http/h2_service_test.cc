// SPDX-License-Identifier: Apache-2.0
// h2_service_test.cc: whole exchanges, H2Client::call against serve_h2.
#include "http/h2_service.h"

#include <catch2/catch_test_macros.hpp>
#include <thread>

#include "http/h2_peers_test.h"
#include "loop/frame_slab.h"

namespace meshd {
namespace {

// A body made of pieces, which may end with trailers or an error.
struct Pieces final : Body {
  std::vector<std::string> pieces;
  Fields end_fields;
  std::optional<Error> error;
  std::optional<uint64_t> total;
  std::optional<Error>* closed = nullptr;  // told of close()
  Op<Result<Chunk>> never;
  bool hang = false;
  bool ended = false;
  size_t next = 0;
  Await<Result<Chunk>> pull() override {
    if (next < pieces.size()) return Chunk::copy(pieces[next++]);
    if (error) return Result<Chunk>(fail(*error));
    if (hang) return never;
    ended = true;
    return Chunk();
  }
  void close(Error why) override {
    if (closed != nullptr) *closed = why;
    hang = false;
    error = why;
    if (never.waiting()) never.complete(fail(why));
  }
  std::optional<uint64_t> length() const override { return total; }
  const Fields* trailers() const override { return ended && !end_fields.empty() ? &end_fields : nullptr; }
};

// Behaves as the path asks; remembers what it saw.
struct Backend final : Service {
  std::string seen_body;
  std::optional<std::string> seen_trailer;
  std::vector<std::string> seen_cookies;
  std::optional<Error> body_error, body_closed, cancelled;
  std::optional<uint64_t> seen_length;
  Op<bool> release;
  int calls = 0;
  size_t pulled = 0;

  Task<Result<Response>> call(Request& request) override {
    ++calls;
    std::string path(request.head.path());
    for (size_t i = 0; i < request.head.size(); ++i)
      if (same_name(request.head[i].name, "cookie")) seen_cookies.emplace_back(request.head[i].value);
    Response r;
    if (path == "/fail") co_return fail(Errc::no_endpoint, Side::upstream, "nobody is there");
    if (path == "/204") {
      r.head.status = 204;
      co_return r;
    }
    if (path == "/early") {
      r.head.status = 413;
      co_return r;
    }
    if (path == "/hints") {
      ResponseHead hints = response_head(103);
      hints.add("link", "</a>");
      request.interim->interim(std::move(hints));
    }
    if (path == "/wait") {
      request.cancellation->arm(
          [](void* self, Error why) {
            static_cast<Backend*>(self)->cancelled = why;
            static_cast<Backend*>(self)->release.complete(true);
          },
          this);
      co_await release;
      co_return fail(*cancelled);
    }
    if (path == "/broken" || path == "/hang") {
      auto body = std::make_unique<Pieces>();
      body->pieces = {"half"};
      if (path == "/broken")
        body->error = Error{Errc::reset, Side::upstream, "cut"};
      else
        body->hang = true;
      body->closed = &body_closed;
      r.body = std::move(body);
      co_return r;
    }
    if (request.body) {
      seen_length = request.body->length();
      std::string all;
      for (;;) {
        Result<Chunk> bytes = co_await request.body->pull();
        if (!bytes) {
          body_error = bytes.error();
          co_return fail(bytes.error());
        }
        if (bytes->empty()) break;
        pulled += bytes->size();
        all.append(bytes->view());
      }
      seen_body = all;
      if (const Fields* t = request.body->trailers()) seen_trailer = t->find("sum");
    }
    auto body = std::make_unique<Pieces>();
    body->pieces = {"echo:", seen_body};
    body->end_fields.add("grpc-status", "0");
    if (path == "/length") body->total = 5 + seen_body.size();
    r.head.add("x-path", path);
    r.body = std::move(body);
    co_return r;
  }
};

struct Sink final : InterimSink {
  std::vector<ResponseHead> heads;
  void interim(ResponseHead head) override { heads.push_back(std::move(head)); }
};

struct Call {
  Request request;
  Cancellation cancellation;
  Sink sink;
  std::optional<Result<Response>> response;
  std::optional<Result<std::string>> content;
  bool done = false;
};
Task<void> make_call(H2Client& client, Call& c) {
  c.request.interim = &c.sink;
  c.request.cancellation = &c.cancellation;
  c.response = co_await client.call(c.request);
  if (*c.response && (*c.response)->body) c.content = co_await read_all(*(*c.response)->body, 100'000'000);
  c.done = true;
}

struct Exchange {
  Loop loop;
  Backend backend;
  ServerGroup group;
  std::unique_ptr<H2Client> client;

  explicit Exchange(H2ServerOptions o = {}) {
    PipePair p = make_pipe();
    spawn(serve_h2(std::move(p.a), backend, group, std::move(o)));
    client = std::make_unique<H2Client>(std::move(p.b), H2Options::edge());
  }
  ~Exchange() {
    client.reset();
    loop.run_until([&] { return loop.tasks() == 0; });
    CHECK(group.size() == 0);
  }
  template <class F>
  void until(F done) {
    bool late = false;
    Timer limit([](void* flag) { *static_cast<bool*>(flag) = true; }, &late);
    limit.start(milliseconds(10'000));
    loop.run_until([&] { return late || done(); });
    REQUIRE_FALSE(late);
  }
  void settle() {
    for (int i = 0; i < 50; ++i) {
      bool posted = false;
      loop.post([&] { posted = true; });
      loop.run_until([&] { return posted; });
    }
  }
  std::unique_ptr<Call> start(std::string_view method, std::string_view path,
                              std::unique_ptr<Body> body = nullptr) {
    auto c = std::make_unique<Call>();
    c->request.head = request_head(method, path);
    c->request.body = std::move(body);
    spawn(make_call(*client, *c));
    return c;
  }
  std::unique_ptr<Call> run(std::string_view method, std::string_view path,
                            std::unique_ptr<Body> body = nullptr) {
    auto c = start(method, path, std::move(body));
    until([&] { return c->done; });
    return c;
  }
};

std::unique_ptr<Pieces> pieces(std::vector<std::string> list) {
  auto b = std::make_unique<Pieces>();
  b->pieces = std::move(list);
  return b;
}

}  // namespace

TEST_CASE("an exchange carries content and trailers both ways") {
  Exchange x;
  auto body = pieces({"one", "two", std::string(300'000, 'x')});
  body->end_fields.add("sum", "42");
  auto c = x.run("POST", "/echo", std::move(body));
  REQUIRE(c->response->has_value());
  CHECK((*c->response)->head.status == 200);
  CHECK((*c->response)->head.find("x-path") == "/echo");
  CHECK(c->content->value().size() == 5 + 6 + 300'000);
  CHECK(x.backend.seen_trailer == "42");
  CHECK_FALSE(x.backend.seen_length);
  REQUIRE((*c->response)->body->trailers() != nullptr);
  CHECK((*c->response)->body->trailers()->find("grpc-status") == "0");
}

TEST_CASE("declared lengths are carried both ways and are no field of the head") {
  Exchange x;
  auto c = x.run("POST", "/length", make_body(Chunk::copy("hello")));
  REQUIRE(c->response->has_value());
  CHECK(x.backend.seen_length == 5);
  CHECK((*c->response)->body->length() == 10);
  CHECK_FALSE((*c->response)->head.find("content-length"));
  CHECK(c->content->value() == "echo:hello");
}

TEST_CASE("content that goes on after its declared length is never complete for the service") {
  Exchange x;
  RequestHead head = request_head("POST", "/length");
  auto s = x.client->open(head, false, 5);
  REQUIRE(s.has_value());
  Writing w;
  spawn(write_stream(**s, 5, 5, w));  // nghttp2 of the client would not send more
  x.until([&] { return w.done; });
  Answer a;
  spawn(read_answer(**s, a));
  x.until([&] { return a.done(); });
  CHECK(x.backend.seen_body == "xxxxx");
  CHECK(x.backend.seen_length == 5);

  // The length is there, the end is not.
  x.backend.seen_body.clear();
  auto open_end = x.client->open(head, false, 5);
  REQUIRE(open_end.has_value());
  auto write = (*open_end)->write(Chunk::copy("12345"));
  CHECK(write.await_ready());
  x.settle();
  CHECK(x.backend.calls == 2);
  CHECK(x.backend.pulled == 5);  // those of the first request
  open_end->reset();
  x.until([&] { return x.backend.body_error.has_value(); });
}

TEST_CASE("streams that are refused before the service sees them are told to the group, by reason") {
  H2ServerOptions o;
  o.h2.streams_max = 2;
  Exchange x(o);
  std::vector<Errc> refused;
  x.group.on_refused(
      [](void* list, const Error& why) { static_cast<std::vector<Errc>*>(list)->push_back(why.code); },
      &refused);
  // Before the server's SETTINGS have come the client knows of no limit.
  auto one = x.start("GET", "/wait"), two = x.start("GET", "/echo");
  auto over = x.run("GET", "/echo");
  REQUIRE_FALSE(over->response->has_value());
  CHECK(over->response->error().code == Errc::refused);
  x.settle();
  CHECK(refused == std::vector<Errc>{Errc::limit});

  x.until([&] { return two->done; });
  refused.clear();
  auto c = std::make_unique<Call>();
  c->request.head = request_head("GET", "/echo");
  c->request.head.add("connection", "close");
  spawn(make_call(*x.client, *c));
  x.until([&] { return c->done; });
  CHECK_FALSE(c->response->has_value());
  CHECK(refused == std::vector<Errc>{Errc::protocol});
  one->cancellation.fire({Errc::cancelled, Side::client, "enough"});
  x.until([&] { return one->done; });
}

TEST_CASE("HEAD, 204 and requests without content") {
  Exchange x;
  auto head = x.run("HEAD", "/length");
  REQUIRE(head->response->has_value());
  CHECK((*head->response)->body->length() == 5);
  CHECK(head->content->value().empty());
  auto none = x.run("GET", "/204");
  CHECK((*none->response)->head.status == 204);
  CHECK((*none->response)->body == nullptr);
}

TEST_CASE("a failing service becomes an answer with a reason") {
  Exchange x;
  auto c = x.run("GET", "/fail");
  REQUIRE(c->response->has_value());
  CHECK((*c->response)->head.status == 503);
  CHECK((*c->response)->head.find("x-meshd-error") == "no-endpoint");
}

TEST_CASE("a response body that fails resets the stream, so that nobody takes it for complete") {
  Exchange x;
  auto c = x.run("GET", "/broken");
  // The reset may overtake the head.
  Error e = c->content ? c->content->error() : c->response->error();
  CHECK(e.code == Errc::reset);
}

TEST_CASE("an early answer comes through while the content is still on its way") {
  Exchange x;
  auto body = pieces(std::vector<std::string>(1000, std::string(10'000, 'x')));
  std::optional<Error> told;
  body->closed = &told;
  auto c = x.run("POST", "/early", std::move(body));
  REQUIRE(c->response->has_value());
  CHECK((*c->response)->head.status == 413);
  x.until([&] { return told.has_value(); });
}

TEST_CASE("interim answers pass") {
  Exchange x;
  auto c = x.run("GET", "/hints");
  REQUIRE(c->sink.heads.size() == 1);
  CHECK(c->sink.heads[0].status == 103);
  CHECK(c->sink.heads[0].find("link") == "</a>");
}

TEST_CASE("100 is sent when the service wants the content") {
  Exchange x;
  auto c = std::make_unique<Call>();
  c->request.head = request_head("POST", "/echo");
  c->request.head.add("expect", "100-continue");
  c->request.body = make_body(Chunk::copy("hello"));
  spawn(make_call(*x.client, *c));
  x.until([&] { return c->done; });
  REQUIRE(c->sink.heads.size() == 1);
  CHECK(c->sink.heads[0].status == 100);
}

TEST_CASE("a client that gives up cancels the call and the body at the server") {
  Exchange x;
  auto waiting = x.start("GET", "/wait");
  auto hanging = x.start("GET", "/hang");
  x.settle();
  CHECK(x.backend.calls == 2);
  waiting->cancellation.fire({Errc::timeout, Side::self, "deadline"});
  x.until([&] { return waiting->done && x.backend.cancelled; });
  CHECK(waiting->response->error().code == Errc::timeout);
  CHECK_FALSE(hanging->done);
  hanging->cancellation.fire({Errc::timeout, Side::self, "deadline"});
  x.until([&] { return hanging->done && x.backend.body_closed; });
  CHECK(hanging->content->error().code == Errc::timeout);
}

TEST_CASE("a request body that fails resets the request") {
  Exchange x;
  auto body = pieces({"half"});
  Pieces& source = *body;
  source.hang = true;
  auto c = x.start("POST", "/echo", std::move(body));
  x.settle();
  source.close({Errc::reset, Side::client, "cut"});
  x.until([&] { return c->done && x.backend.body_error.has_value(); });
  CHECK_FALSE(c->response->has_value());
}

TEST_CASE("cookies in pieces reach the service as one field") {
  Exchange x;
  auto c = std::make_unique<Call>();
  c->request.head = request_head("GET", "/echo");
  c->request.head.add("cookie", "a=1");
  c->request.head.add("accept", "*/*");
  c->request.head.add("cookie", "b=2");
  spawn(make_call(*x.client, *c));
  x.until([&] { return c->done; });
  CHECK(x.backend.seen_cookies == std::vector<std::string>{"a=1; b=2"});
}

TEST_CASE("CONNECT is refused where it is not served") {
  Exchange x;
  auto s = x.client->open(request_head("CONNECT", "", "db.test:5432"), false);
  REQUIRE(s.has_value());
  Answer a;
  spawn(read_answer(**s, a));
  x.until([&] { return a.done(); });
  REQUIRE_FALSE(a.error);
  CHECK(a.heads.back().status >= 400);
  CHECK(x.backend.calls == 0);
}

TEST_CASE("too many header fields are answered with 431") {
  Exchange x;
  RequestHead head = request_head("GET", "/");
  for (int i = 0; i < 40; ++i) head.add("x-fill-" + std::to_string(i), std::string(2'000, 'x'));
  auto s = x.client->open(head, true);
  REQUIRE(s.has_value());
  Answer a;
  spawn(read_answer(**s, a));
  x.until([&] { return a.done(); });
  REQUIRE_FALSE(a.error);
  CHECK(a.heads.back().status == 431);
  CHECK(x.backend.calls == 0);
}

TEST_CASE("a draining group lets exchanges finish and then is empty") {
  Exchange x;
  auto c = x.start("GET", "/hang");
  x.settle();
  CHECK(x.group.busy() == 1);
  x.group.drain();
  x.settle();
  CHECK(x.group.size() == 1);
  CHECK(x.client->available() == 0);
  c->cancellation.fire({Errc::timeout, Side::self, "deadline"});
  x.until([&] { return x.group.size() == 0; });
}

TEST_CASE("the frames of exchanges are small and none is left") {
  struct Plain final : Service {
    Task<Result<Response>> call(Request&) override { co_return make_text_response(200, "text/plain", "ok"); }
  };
  size_t largest = 0, left = 0;
  std::thread fresh([&] {  // its own slab, with its own figures
    {
      Loop loop;
      Plain plain;
      ServerGroup group;
      PipePair p = make_pipe();
      spawn(serve_h2(std::move(p.a), plain, group, {}));
      auto client = std::make_unique<H2Client>(std::move(p.b), H2Options::edge());
      Call c;
      c.request.head = request_head("POST", "/");
      c.request.body = make_body(Chunk::literal("hello"));
      spawn(make_call(*client, c));
      loop.run_until([&] { return c.done; });
      client.reset();
      loop.run_until([&] { return loop.tasks() == 0; });
    }
    largest = largest_frame();
    left = live_frames();
  });
  fresh.join();
  CHECK(largest <= 1024);
  CHECK(left == 0);
}

TEST_CASE("a thousand exchanges, a hundred at a time, leave nothing behind") {
  Exchange x;
  struct Many {
    static Task<void> loop(H2Client& client, int n, int& left) {
      for (int i = 0; i < n; ++i) {
        Call c;
        c.request.head = request_head("POST", "/echo");
        c.request.body = make_body(Chunk::copy("hello"));
        co_await make_call(client, c);
        CHECK(c.content.has_value());
      }
      --left;
    }
  };
  int left = 100;
  for (int i = 0; i < 100; ++i) spawn(Many::loop(*x.client, 10, left));
  x.until([&] { return left == 0; });
  x.settle();
  CHECK(x.backend.calls == 1000);
  CHECK(x.client->idle());
  CHECK(x.group.busy() == 0);
}

}  // namespace meshd
