// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "control/health_check.h"
#include "control/health_view.h"
#include "control/test_mesh.h"
#include "http/h1_server.h"
#include "http/server_group.h"
#include "loop/loop.h"
#include "net/listener.h"

namespace meshd {
namespace {

// An application that answers with the status it is told to.
struct App final : Service {
  int status = 200;
  int asked = 0;
  ServerGroup group;
  std::unique_ptr<Listener> listener;

  App() {
    listener =
        std::move(*Listener::open(*SocketAddress::parse("127.0.0.1:0"), [this](std::unique_ptr<TcpStream> s) {
          spawn(serve_h1(std::unique_ptr<ByteStream>(std::move(s)), *this, group, H1ServerOptions()));
        }));
  }
  Task<Result<Response>> call(Request& request) override {
    ++asked;
    CHECK(request.head.path() == "/healthz");
    co_return make_text_response(status, "text/plain", "x");
  }
  uint16_t port() const { return listener->local().port(); }
};

SnapshotPtr web_at(uint16_t port, const std::string& health) {
  return compiled(objects_of("  web: { instances: [{ node: n1, port: " + std::to_string(port) +
                             " }], health: " + health + " }\n"));
}
constexpr const char* kHttp =
    "{ http: { path: /healthz }, interval: 100ms, timeout: 500ms, fall: 2, rise: 2 }";

EndpointId only_endpoint(const SnapshotPtr& s) { return s->services[0]->endpoints[0].id; }

}  // namespace

TEST_CASE("an instance goes down after `fall` failures and up after `rise` successes, with the reason") {
  Loop loop;
  App app;
  int changes = 0;
  HealthCheck check("n1", [&] { ++changes; });
  SnapshotPtr s = web_at(app.port(), kHttp);
  check.follow(s);
  EndpointId id = only_endpoint(s);
  loop.run_until([&] { return check.results()[id].known; });
  CHECK_FALSE(check.results()[id].down);
  CHECK(changes == 0);

  app.status = 503;
  int before = app.asked;
  loop.run_until([&] { return check.results()[id].down; });
  CHECK(check.results()[id].reason == "http 503");
  CHECK(app.asked - before >= 2);
  CHECK(changes == 1);

  app.status = 204;
  loop.run_until([&] { return !check.results()[id].down; });
  CHECK(changes == 2);
  check.stop();
  app.listener->close();
  app.group.close_all({Errc::cancelled, Side::self, "test over"});
  loop.run_until([&] { return loop.tasks() == 0; });
}

TEST_CASE("the first answer decides: a program that is not there is down at once") {
  Loop loop;
  auto free_port = [] {
    auto l = Listener::open(*SocketAddress::parse("127.0.0.1:0"), [](std::unique_ptr<TcpStream>) {});
    return (*l)->local().port();
  }();
  int changes = 0;
  HealthCheck check("n1", [&] { ++changes; });
  SnapshotPtr s = web_at(free_port, "{ tcp: {}, interval: 1s, timeout: 200ms, fall: 3, rise: 2 }");
  check.follow(s);
  loop.run_until([&] { return changes > 0; });
  CHECK(check.results()[only_endpoint(s)].reason == "connect refused");

  // The same check goes on over a new revision; one that is gone takes its verdict along.
  check.follow(web_at(free_port, "{ tcp: {}, interval: 1s, timeout: 200ms, fall: 3, rise: 2 }"));
  CHECK(check.results()[only_endpoint(s)].down);
  check.follow(compiled(
      objects_of("  web: { instances: [{ node: n2, port: 80 }], health: { tcp: {}, interval: 1s } }\n")));
  CHECK(check.results().empty());
  CHECK(changes == 2);
  loop.run_until([&] { return loop.tasks() == 0; });
}

TEST_CASE("a node believes itself about what it checks, and the server about the rest") {
  std::vector<DownEndpoints> published;
  HealthView view([&](std::shared_ptr<const DownEndpoints> down) { published.push_back(*down); });
  EndpointId mine{1}, other{2}, outside{3};
  view.set_server({{mine, "http 500"}, {other, "node n2 is away"}});
  REQUIRE(published.size() == 1);
  view.set_checked({{mine, {.known = true}},
                    {outside, {.outside = true, .known = true, .down = true, .reason = "timeout"}}});
  REQUIRE(published.size() == 2);
  CHECK(published[1] == DownEndpoints{{other, "node n2 is away"}, {outside, "timeout"}});
  CHECK(view.own_down().empty());
  view.set_server({{mine, "http 500"}, {other, "node n2 is away"}});
  CHECK(published.size() == 2);
}

TEST_CASE("the down set survives its way over the wire; rubbish in it is dropped") {
  DownEndpoints down{{EndpointId{0xfedcba9876543210}, "http 503"}, {EndpointId{1}, "connect refused"}};
  CHECK(down_from_json(*parse_json(to_text(down_to_json(down)))) == down);
  CHECK(down_from_json(*parse_json(R"({"12":"x","zzzzzzzzzzzzzzzz":"y","00000000000000010":"z"})")).empty());
  CHECK(down_from_json(*parse_json("[]")).empty());
}

}  // namespace meshd
