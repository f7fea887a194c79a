// SPDX-License-Identifier: Apache-2.0
#include "control/grpc_health.h"

#include <catch2/catch_test_macros.hpp>

#include "control/health_check.h"
#include "http/h1_server.h"
#include "http/h2_service.h"
#include "loop/loop.h"
#include "net/listener.h"

namespace meshd {
namespace {

using namespace std::string_literals;

// A gRPC program that answers every call as it is told to.
struct GrpcApp final : Service {
  struct Answer final : Body {
    std::string content;
    Fields end_fields;
    bool given = false;
    Await<Result<Chunk>> pull() override {
      if (std::exchange(given, true)) return Chunk();
      return Chunk::copy(content);
    }
    void close(Error) override {}
    const Fields* trailers() const override { return given && !end_fields.empty() ? &end_fields : nullptr; }
  };
  std::string content = "\0\0\0\0\2\x08\1"s;
  std::string status = "0";  // in the trailers; empty: none
  int http = 200;
  bool trailers_only = false, silent = false, http1 = false;
  std::string asked, path, type, te, timeout;
  ServerGroup group;
  std::unique_ptr<Listener> listener;
  Op<bool> never;

  GrpcApp() {
    listener =
        std::move(*Listener::open(*SocketAddress::parse("127.0.0.1:0"), [this](std::unique_ptr<TcpStream> s) {
          std::unique_ptr<ByteStream> stream = std::move(s);
          if (http1)
            spawn(serve_h1(std::move(stream), *this, group, H1ServerOptions()));
          else
            spawn(serve_h2(std::move(stream), *this, group, {}));
        }));
  }
  Task<Result<Response>> call(Request& request) override {
    path = request.head.path();
    type = request.head.find("content-type").value_or("");
    te = request.head.find("te").value_or("");
    timeout = request.head.find("grpc-timeout").value_or("");
    auto read = co_await read_all(*request.body, 1000);
    asked = read.value_or("");
    if (silent) {
      request.cancellation->arm([](void* self, Error) { static_cast<GrpcApp*>(self)->never.complete(true); },
                                this);
      co_await never;
      co_return fail(Errc::cancelled, Side::client, "gone");
    }
    Response r;
    r.head.status = static_cast<uint16_t>(http);
    r.head.add("content-type", "application/grpc");
    if (trailers_only) {
      r.head.add("grpc-status", status);
      co_return r;
    }
    auto body = std::make_unique<Answer>();
    body->content = content;
    if (!status.empty()) body->end_fields.add("grpc-status", status);
    r.body = std::move(body);
    co_return r;
  }
};

struct Fixture {
  Loop loop;
  GrpcApp app;
  ~Fixture() {
    app.listener->close();
    app.group.close_all({Errc::cancelled, Side::self, "test over"});
    loop.run_until([&] { return loop.tasks() == 0; });
  }
  std::string ask(std::string service = "", milliseconds limit = milliseconds(2000)) {
    model::Health health;
    health.kind = model::HealthKind::grpc;
    health.grpc_service = std::move(service);
    health.timeout = limit;
    std::optional<std::string> said;
    spawn(asking(app.listener->local(), std::move(health), said));
    loop.run_until([&] { return said.has_value(); });
    return *said;
  }
  static Task<void> asking(SocketAddress at, model::Health health, std::optional<std::string>& said) {
    Task<std::string> asked = ask_health(at, std::move(health));
    said = co_await asked;
  }
};

std::string message(std::string_view bytes) {
  return "\0\0\0\0"s + static_cast<char>(bytes.size()) + std::string(bytes);
}

}  // namespace

TEST_CASE("the question of a health check is one string field behind gRPC's prefix") {
  CHECK(grpc_health_request("") == "\0\0\0\0\0"s);
  CHECK(grpc_health_request("shop.Cart") == "\0\0\0\0\x0b\x0a\x09shop.Cart"s);
  std::string longest(model::kGrpcServiceMax, 's');
  CHECK(grpc_health_request(longest) == "\0\0\0\1\3\x0a\x80\x02"s + longest);
}

TEST_CASE("the answer of a health check is read strictly") {
  struct Case {
    std::string content;
    std::optional<uint64_t> status;
  };
  const Case cases[] = {
      {message("\x08\x01"), 1},
      {message("\x08\x02"), 2},
      {message(""), 0},
      {message("\x08\x80\x01"s), 128},
      {message("\x08\x01\x08\x02"), 2},    // the last one counts
      {message("\x10\x05\x08\x01"), 1},    // another field: a number,
      {message("\x12\x02hi\x08\x01"), 1},  // bytes,
      {message("\x15"
               "abcd\x08\x01"),
       1},  // four,
      {message("\x11"
               "abcdefgh\x08\x01"),
       1},  // eight
      {message("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), UINT64_MAX},
      {message("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), std::nullopt},  // more than 64 bits
      {message("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), std::nullopt},
      {"", std::nullopt},
      {"\0\0\0\0"s, std::nullopt},
      {"\1\0\0\0\2\x08\1"s, std::nullopt},    // compressed, which was not offered
      {"\0\0\0\0\2\x08"s, std::nullopt},      // cut
      {"\0\0\0\0\1\x08\1"s, std::nullopt},    // something after it
      {message("\x08"), std::nullopt},        // no value
      {message("\x08\x80"), std::nullopt},    // half a value
      {message("\x0a\x01x"), std::nullopt},   // field 1 is no string
      {message("\x12\x09hi"), std::nullopt},  // longer than what there is
      {message("\x0b"), std::nullopt},        // a group
      {message("\x13"), std::nullopt},
      {message("\0\1"s), std::nullopt},  // field 0
  };
  for (const Case& c : cases) {
    CAPTURE(c.content);
    CHECK(grpc_health_status(c.content) == c.status);
  }
}

TEST_CASE("a gRPC health check asks Health/Check, and only SERVING is healthy") {
  Fixture f;
  CHECK(f.ask("shop.Cart") == "");
  CHECK(f.app.path == "/grpc.health.v1.Health/Check");
  CHECK(f.app.type == "application/grpc");
  CHECK(f.app.te == "trailers");
  CHECK(f.app.timeout.ends_with("m"));
  CHECK(f.app.asked == grpc_health_request("shop.Cart"));

  f.app.content = message("\x08\x02");
  CHECK(f.ask() == "grpc NOT_SERVING");
  f.app.content = message("\x08\x03");
  CHECK(f.ask() == "grpc SERVICE_UNKNOWN");
  f.app.content = message("");
  CHECK(f.ask() == "grpc UNKNOWN");
  f.app.content = message("\x08\x07");
  CHECK(f.ask() == "grpc serving status 7");
  f.app.content = "OK";
  CHECK(f.ask() == "the grpc answer is malformed");
  f.app.content = std::string(kGrpcHealthAnswerMax + 1, 'x');
  CHECK(f.ask() == "body-too-large");
}

TEST_CASE("what a program answers instead of a health status is the reason") {
  Fixture f;
  SECTION("in the trailers") {
    f.app.status = "14";
    CHECK(f.ask() == "grpc UNAVAILABLE");
    f.app.status = "99";
    CHECK(f.ask() == "grpc status 99");
    f.app.status = "";
    CHECK(f.ask() == "the answer is not grpc");
  }
  SECTION("in trailers only") {
    f.app.trailers_only = true;
    f.app.status = "12";
    CHECK(f.ask() == "grpc UNIMPLEMENTED: the program has no grpc.health.v1.Health");
    f.app.status = "5";
    CHECK(f.ask("shop.Cart") == "grpc NOT_FOUND: the program has no service of that name");
    // OK without a message is not an answer.
    f.app.status = "0";
    CHECK(f.ask() == "the grpc answer is malformed");
  }
  SECTION("as HTTP") {
    f.app.http = 404;
    CHECK(f.ask() == "http 404");
  }
  SECTION("not at all") {
    f.app.silent = true;
    CHECK(f.ask("", milliseconds(100)) == "timeout");
  }
  SECTION("in HTTP/1") {
    f.app.http1 = true;
    CHECK(f.ask() == "it speaks no HTTP/2");
  }
}

}  // namespace meshd
