// SPDX-License-Identifier: Apache-2.0
// h2_websocket_test.cc: WebSocket across HTTP versions, in memory: extended CONNECT to an HTTP/1 backend, and an HTTP/1
// Upgrade to an HTTP/2 upstream.
#include "http/h2_websocket.h"

#include <catch2/catch_test_macros.hpp>

#include "base/encode.h"
#include "http/h1_test_kit.h"
#include "http/h2_peers_test.h"
#include "http/h2_service.h"

namespace meshd {
namespace {

// The example of RFC 6455 section 1.3.
constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr std::string_view kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

// Takes upgrades to WebSocket and gives their bytes back, or answers as the path asks.
struct Echo final : Service {
  std::vector<std::string> keys;
  std::string method, version;
  Task<Result<Response>> call(Request& request) override {
    method = request.head.method();
    version = request.head.find("sec-websocket-version").value_or("");
    std::string_view path = request.head.path();
    if (path == "/no") co_return make_text_response(403, "", "no");
    if (path == "/plain" || !is_websocket_upgrade(request.head))
      co_return make_text_response(200, "", "no socket");
    keys.emplace_back(request.head.find("sec-websocket-key").value_or(""));
    Response r;
    r.head.status = 101;
    r.head.add("sec-websocket-protocol", "chat");
    r.head.add("sec-websocket-accept", path == "/wrong" ? "AAAA" : websocket_accept(keys.back()));
    r.body = std::move(request.body);
    co_return r;
  }
};

// A client over HTTP/2 in front of a backend over HTTP/1.
struct ToHttp1 {
  Loop loop;
  Echo echo;
  ServerGroup edge, backend;
  int connects = 0;
  ClientPool pool{std::make_unique<test::PipeConnector>(echo, backend, connects)};
  std::unique_ptr<H2Client> client;

  explicit ToHttp1(bool offered = true) {
    H2ServerOptions o;
    o.h2.extended_connect = offered;
    PipePair p = make_pipe();
    spawn(serve_h2(std::move(p.a), pool, edge, o));
    client = std::make_unique<H2Client>(std::move(p.b), H2Options::edge());
    loop.run_until([&] { return !offered || client->extended_connect(); });
  }
  ~ToHttp1() {
    client.reset();
    loop.run_until([&] { return edge.size() == 0 && backend.size() == 0; });
    pool.close_all(test::kTestOver);
    test::run_all(loop);
  }
  std::unique_ptr<H2ClientStream> open(std::string_view path, std::string_view protocol = "websocket") {
    RequestHead head = request_head("CONNECT", path);
    head.set_scheme("http");
    head.set_path(path);
    head.set_protocol(protocol);
    head.add("sec-websocket-version", "13");
    auto s = client->open(head, false);
    REQUIRE(s.has_value());
    return std::move(*s);
  }
  Answer answer(H2ClientStream& s) {
    Answer a;
    spawn(read_answer(s, a));
    loop.run_until([&] { return a.done(); });
    return a;
  }
  int status_of(std::string_view path, std::string_view protocol = "websocket") {
    auto s = open(path, protocol);
    Answer a = answer(*s);
    return a.error ? 0 : a.heads.back().status;
  }
};

constexpr std::string_view kUpgrade =
    "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

// A client over HTTP/1 in front of an upstream over HTTP/2.
struct ToHttp2 {
  Loop loop;
  Echo echo;
  ServerGroup upstream;
  std::unique_ptr<H2Client> client;

  explicit ToHttp2(bool offered = true) {
    H2ServerOptions o;
    o.h2.extended_connect = offered;
    PipePair p = make_pipe();
    spawn(serve_h2(std::move(p.a), echo, upstream, o));
    client = std::make_unique<H2Client>(std::move(p.b), H2Options::edge());
  }
  ~ToHttp2() {
    client.reset();
    test::run_all(loop);
  }
};

Task<void> call_into(H2Client& client, Request& request, std::optional<Result<Response>>& answer) {
  answer = co_await client.call(request);
}

}  // namespace

TEST_CASE("a key is accepted as RFC 6455 says") { CHECK(websocket_accept(kKey) == kAccept); }

TEST_CASE("extended CONNECT reaches an HTTP/1 backend as an Upgrade, and both ends close in halves") {
  ToHttp1 x;
  auto s = x.open("/");
  Answer a = x.answer(*s);
  REQUIRE_FALSE(a.error);
  CHECK(a.heads.back().status == 200);
  CHECK(a.heads.back().find("sec-websocket-protocol") == "chat");
  CHECK_FALSE(a.heads.back().find("sec-websocket-accept"));
  CHECK(x.echo.method == "GET");
  CHECK(x.echo.version == "13");
  REQUIRE(x.echo.keys.size() == 1);
  CHECK(from_base64(x.echo.keys[0]).value_or("").size() == 16);

  Writing w;
  Reading r;
  spawn(write_stream(*s, 100'000, 1'000, w));
  spawn(read_stream(*s, r));
  x.loop.run_until([&] { return r.done() && w.done; });
  CHECK(r.ended);
  CHECK(r.bytes == std::string(100'000, 'x'));
  // Each has a key of its own.
  auto second = x.open("/");
  CHECK(x.answer(*second).heads.back().status == 200);
  CHECK(x.echo.keys.at(0) != x.echo.keys.at(1));
}

TEST_CASE("what is no proper answer to the Upgrade never looks like an open WebSocket") {
  ToHttp1 x;
  CHECK(x.status_of("/no") == 403);
  CHECK(x.status_of("/wrong") == 502);
  CHECK(x.status_of("/plain") == 502);
  CHECK(x.status_of("/", "connect-udp") == 501);
}

TEST_CASE("a reset of the client's stream ends the backend's connection") {
  ToHttp1 x;
  auto s = x.open("/");
  CHECK(x.answer(*s).heads.back().status == 200);
  CHECK(x.backend.size() == 1);
  s.reset();
  x.loop.run_until([&] { return x.backend.size() == 0; });
  CHECK(x.edge.size() == 1);
}

TEST_CASE("extended CONNECT that was not offered is refused") {
  ToHttp1 x(false);
  auto s = x.open("/");
  CHECK(x.answer(*s).error);
  CHECK(x.echo.keys.empty());
}

TEST_CASE("an Upgrade reaches an HTTP/2 upstream as extended CONNECT, once its SETTINGS have come") {
  ToHttp2 x;
  std::string out = test::exchange(x.loop, *x.client, std::string(kUpgrade) + "to and fro");
  CHECK(out.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
  CHECK(out.find("\r\nsec-websocket-accept: " + std::string(kAccept) + "\r\n") != std::string::npos);
  CHECK(out.find("\r\nconnection: upgrade\r\nupgrade: WebSocket\r\n") != std::string::npos);
  CHECK(out.ends_with("\r\n\r\nto and fro"));
  REQUIRE(x.echo.keys.size() == 1);
  CHECK(x.echo.keys[0] != kKey);  // the key of the client's hop goes no further
}

TEST_CASE("an Upgrade that the upstream refuses or cannot take is answered as such") {
  std::optional<ToHttp2> held(std::in_place);
  ToHttp2& x = *held;
  std::string no = std::string(kUpgrade).replace(4, 1, "/no");
  CHECK(test::statuses(test::exchange(x.loop, *x.client, no)) == std::vector<int>{403});
  std::string bad = std::string(kUpgrade);
  bad.replace(bad.find(kKey), kKey.size(), "c2hvcnQ=");
  CHECK(test::statuses(test::exchange(x.loop, *x.client, bad)) == std::vector<int>{400});
  CHECK(x.echo.keys.empty());
  held.reset();

  ToHttp2 without(false);
  CHECK(test::statuses(test::exchange(without.loop, *without.client, std::string(kUpgrade))) ==
        std::vector<int>{502});
}

TEST_CASE("who waits for SETTINGS hears of a cancellation and of the connection's end") {
  for (bool cancel : {true, false}) {
    Loop loop;
    PipePair p = make_pipe();
    auto client = std::make_unique<H2Client>(std::move(p.b), H2Options::edge());
    Request request = test::make_request("GET", "/");
    request.head.set_protocol("websocket");
    request.head.add("sec-websocket-key", kKey);
    Cancellation cancellation;
    request.cancellation = &cancellation;
    std::optional<Result<Response>> answer;
    spawn(call_into(*client, request, answer));
    bool posted = false;
    loop.post([&] { posted = true; });
    loop.run_until([&] { return posted; });
    CHECK_FALSE(answer);
    if (cancel)
      cancellation.fire({Errc::timeout, Side::upstream, "too late"});
    else
      client.reset();
    loop.run_until([&] { return answer.has_value(); });
    REQUIRE_FALSE(answer->has_value());
    CHECK(answer->error().code == (cancel ? Errc::timeout : Errc::refused));
    client.reset();
    p.a->close(test::kTestOver);
    test::run_all(loop);
  }
}

}  // namespace meshd
