// SPDX-License-Identifier: Apache-2.0
#include "proxy/route_action.h"

#include <catch2/catch_test_macros.hpp>

#include "http/semantics.h"
#include "proxy/data_plane.h"
#include "snapshot/testing.h"

namespace meshd {
namespace {

using testing::snapshot_of;

// A thread has one loop; several of these may live at a time.
std::shared_ptr<Loop> the_loop() {
  static std::weak_ptr<Loop> shared;
  std::shared_ptr<Loop> loop = shared.lock();
  if (!loop) shared = loop = std::make_shared<Loop>();
  return loop;
}

// One route with `action`, and a request to it that is decided.
struct Decided {
  std::shared_ptr<Loop> loop = the_loop();
  DataPlane plane;
  SnapshotPtr snapshot;
  Request request;
  Exchange x{plane, Direction::outbound};

  explicit Decided(const std::string& action, std::string_view path = "/old/a?q=1",
                   std::string_view method = "GET", std::string_view match = "{ path: { prefix: /old } }")
      : plane(*loop, settings(), {}, {}, [](std::vector<AccessRecord>) {}),
        snapshot(snapshot_of(
            "services: { web: { instances: [{ node: n1, port: 1 }] } }\nroutes: [{ name: r, service: "
            "web, match: " +
            std::string(match) + ", " + action + " }]\n")) {
    request.head.set_method(method);
    request.head.set_path(path);
    request.head.set_scheme("http");
    request.head.set_authority("web.test:9001");
    x.snapshot = SnapshotRef(new LoopSnapshot);
    x.snapshot->shared = snapshot;
    x.service = snapshot->service("web");
    x.request = &request;
    x.recorded = true;  // there is nothing to record
    RequestFacts facts;
    facts.method = request.head.method();
    facts.path = request.head.path_only();
    x.routing = route_request(*x.service, facts);
    REQUIRE(x.routing.ok());
  }
  static NodeSettings settings() {
    NodeSettings s;
    s.name = "n1";
    s.trust_domain = "t.mesh";
    return s;
  }
  std::string answer_field(std::string_view name) {
    auto answer = answer_by_route(x);
    REQUIRE(answer);
    return std::string(answer->head.find(name).value_or("-"));
  }
};

TEST_CASE("fields are removed, then set, then added") {
  Fields f;
  f.add("A", "1");
  f.add("b", "1");
  f.add("B", "2");
  f.add("c", "1");
  change_fields({{"a", "c"}, {{"b", "set"}, {"a", "again"}}, {{"b", "more"}}}, f);
  REQUIRE(f.size() == 3);
  CHECK(f.find("b") == "set");
  CHECK(f.count("b") == 2);
  CHECK(f.find("a") == "again");
}

TEST_CASE("no file may change what our semantic layer guards") {
  for (std::string_view name :
       {"Connection", "content-length", "transfer-encoding", "te", "upgrade", "keep-alive",
        "proxy-connection", "http2-settings", "host", "expect", "trailer", "x-meshd-error",
        "X-Meshd-Client-Id", "x-envoy-original-path", "l5d-dst-override", "x-forwarded-client-cert"}) {
    INFO(name);
    CHECK(model::is_reserved_field(name));
    for (const char* where : {"request: { set: { ", "response: { add: { "}) {
      auto p =
          model::parse_config("services: { web: {} }\nroutes:\n  - { name: r, service: web, headers: { " +
                              std::string(where) + std::string(name) + ": x } } } }\n");
      REQUIRE(p.diagnostics.size() == 1);
      CHECK(p.diagnostics[0].code == "MD1013");
      CHECK(p.diagnostics[0].at.line == 3);
    }
  }
  CHECK_FALSE(model::is_reserved_field("x-request-id"));
  auto p = model::parse_config(
      "services: { web: {} }\nroutes:\n  - { name: r, service: web, headers: { request: { set: { a: "
      "\"b\\r\\nc: d\" } } } }\n");
  CHECK_FALSE(p.model);
}

TEST_CASE("a path is rewritten, its query stays") {
  struct {
    const char *path, *action, *becomes;
  } const cases[] = {
      {"/old/a?q=1", "replace_prefix: /new", "/new/a?q=1"},
      {"/old/a", "replace_prefix: /", "/a"},
      {"/old", "replace_prefix: /", "/"},
      {"/old?q", "replace_prefix: /new/", "/new/?q"},
      {"/old/", "replace_prefix: /new", "/new/"},
      {"/old/a?q=1", "replace_full: /x", "/x?q=1"},
      {"/old/a/a", "regex: a, substitution: b", "/old/b/b"},
      {"/old/ab", "regex: \"^/old/(.)(.)$\", substitution: '/\\2/\\1'", "/b/a"},
      {"/old/ab", "regex: z, substitution: b", "/old/ab"},
  };
  for (const auto& c : cases) {
    INFO(c.path << " with " << c.action);
    Decided d("rewrite: { path: { " + std::string(c.action) + " } }", c.path);
    REQUIRE(change_request(d.x));
    CHECK(d.request.head.path() == c.becomes);
    CHECK(d.request.head.authority() == "web.test:9001");
  }
  Decided host("rewrite: { host: inner.test }");
  REQUIRE(change_request(host.x));
  CHECK(host.request.head.authority() == "inner.test");
  CHECK(host.request.head.path() == "/old/a?q=1");
}

TEST_CASE("a rewrite that makes no path refuses the request") {
  for (std::string_view path : {"/old/..b", "/old/.b", "/old/?b"}) {
    Decided d("rewrite: { path: { regex: b, substitution: '/' } }", path);
    if (path.contains('?')) continue;
    INFO(path);
    auto changed = change_request(d.x);
    REQUIRE_FALSE(changed);
    CHECK(changed.error().code == Errc::protocol);
  }
  Decided outside("rewrite: { path: { regex: \"^/old\", substitution: x } }");
  CHECK_FALSE(change_request(outside.x));
}

TEST_CASE("a redirect keeps what it does not name") {
  struct {
    const char *action, *location;
  } const cases[] = {
      {"scheme: https", "https://web.test/old/a?q=1"},
      {"host: new.test", "http://new.test/old/a?q=1"},
      {"port: 8443", "http://web.test:8443/old/a?q=1"},
      {"scheme: https, port: 8443", "https://web.test:8443/old/a?q=1"},
      {"path: { replace_full: /x }", "http://web.test:9001/x?q=1"},
      {"path: { replace_prefix: /new }", "http://web.test:9001/new/a?q=1"},
  };
  for (const auto& c : cases) {
    INFO(c.action);
    Decided d("redirect: { status: 307, " + std::string(c.action) + " }");
    CHECK(d.answer_field("location") == c.location);
    CHECK(answer_by_route(d.x)->head.status == 307);
  }
}

TEST_CASE("an answer that stands in the file") {
  Decided d("respond: { status: 404, body: nothing here, content_type: text/x }");
  auto answer = answer_by_route(d.x);
  REQUIRE(answer);
  CHECK(answer->head.status == 404);
  CHECK(answer->head.find("content-type") == "text/x");
  CHECK(answer->body->length() == 12);
  Decided empty("respond: { status: 204 }");
  CHECK(answer_by_route(empty.x)->body == nullptr);
}

TEST_CASE("a preflight is answered here, for origins that may call") {
  const char* cors =
      "cors: { allow_origins: [\"https://*.shop.test\", \"http://localhost:8080\"], allow_headers: [X-A], "
      "max_age: 1h }";
  struct {
    const char* origin;
    bool allowed;
  } const cases[] = {{"https://a.shop.test", true},
                     {"https://a.b.shop.test", true},
                     {"https://shop.test", false},
                     {"https://ashop.test", false},
                     {"http://a.shop.test", false},
                     {"https://a.shop.test:8443", false},
                     {"http://localhost:8080", true},
                     {"http://localhost", false},
                     {"null", false},
                     {"https://a.shop.test.evil", false}};
  for (const auto& c : cases) {
    INFO(c.origin);
    Decided d(cors, "/old/a", "OPTIONS");
    d.request.head.add("origin", c.origin);
    CHECK_FALSE(answer_by_route(d.x));  // not yet a preflight
    d.request.head.add("access-control-request-method", "PATCH");
    auto answer = answer_by_route(d.x);
    REQUIRE(answer);
    CHECK(answer->head.status == 204);
    CHECK(answer->head.find("vary") == "origin");
    CHECK((answer->head.find("access-control-allow-origin") == c.origin) == c.allowed);
    CHECK((answer->head.find("access-control-allow-methods") == "PATCH") == c.allowed);
    CHECK((answer->head.find("access-control-allow-headers") == "x-a") == c.allowed);
    CHECK((answer->head.find("access-control-max-age") == "3600") == c.allowed);
    // The program's own words on it do not count.
    Decided get(cors);
    get.request.head.add("origin", c.origin);
    ResponseHead head;
    head.add("access-control-allow-origin", "*");
    change_response(get.x, head);
    CHECK((head.find("access-control-allow-origin") == c.origin) == c.allowed);
    CHECK(head.count("access-control-allow-origin") == c.allowed);
  }
  Decided any("cors: { allow_origins: \"*\" }");
  any.request.head.add("origin", "https://x.test");
  ResponseHead head;
  change_response(any.x, head);
  CHECK(head.find("access-control-allow-origin") == "*");
  CHECK_FALSE(head.find("vary"));
}

TEST_CASE("faults hit their share, and say who they are") {
  Decided d("fault: { abort: { status: 555, percent: 25% } }");
  int hit = 0;
  for (int i = 0; i < 20'000; ++i) {
    auto answer = answer_by_route(d.x);
    if (!answer) continue;
    ++hit;
    REQUIRE(answer->head.status == 555);
    REQUIRE(answer->head.find("x-meshd-error") == "fault; route=r at meshd.yaml:2:10");
  }
  CHECK(std::abs(hit - 5'000) < 300);
  Decided grpc("fault: { abort: { status: 503 } }");
  grpc.request.head.set_method("POST");
  grpc.request.head.add("content-type", "application/grpc");
  CHECK(grpc.answer_field("grpc-status") == "14");
}

TEST_CASE("a delay ends with the request") {
  Decided d("fault: { delay: { time: 1h } }");
  Cancellation cancellation;
  d.request.cancellation = &cancellation;
  std::optional<bool> went_on;
  auto wait = [](Exchange& x, std::optional<bool>& out) -> Task<void> { out = co_await delay_fault(x); };
  spawn(wait(d.x, went_on));
  CHECK_FALSE(went_on);
  cancellation.fire({Errc::cancelled, Side::client, "the client went away"});
  d.loop->run_until([&] { return went_on.has_value(); });
  CHECK(went_on == false);
}

}  // namespace
}  // namespace meshd
