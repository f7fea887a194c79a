// SPDX-License-Identifier: Apache-2.0
#include "control/api_router.h"

#include <catch2/catch_test_macros.hpp>

#include "control/server_kit.h"

namespace meshd {

namespace {

Task<Result<Response>> say(std::string text) { co_return make_text_response(200, "text/plain", text); }
Task<Result<Response>> break_down() { co_return fail(Errc::timeout, Side::self, "too slow"); }

struct Answer {
  int status;
  std::string text;
  std::string allow;
};

Answer ask(Loop& loop, ApiRouter& router, std::string_view method, std::string_view path) {
  Request request;
  request.head.set_method(method);
  request.head.set_path(path);
  auto response = finish(loop, router.serve(request, "uid:7"));
  REQUIRE(response);
  auto text = finish(loop, read_all(*response->body, 10'000));
  return {response->head.status, *text, std::string(response->head.find("allow").value_or(""))};
}

Outcome<Json> body_of(Loop& loop, std::string text, size_t max = 1000) {
  Request request;
  request.body = make_body(Chunk::copy(text));
  return finish(loop, json_body(request, max));
}

}  // namespace

TEST_CASE("calls find their handlers by method and path; the more exact pattern wins") {
  Loop loop;
  ApiRouter router;
  router.add("GET", "/v1/things", [](ApiCall& c) { return say("list " + c.caller); });
  router.add("GET", "/v1/things/{}", [](ApiCall& c) { return say("one " + c.parts[0]); });
  router.add("GET", "/v1/things/special", [](ApiCall&) { return say("special"); });
  router.add("DELETE", "/v1/things/{}", [](ApiCall& c) { return say("gone " + c.parts[0]); });
  router.add("GET", "/v1/things/{}/parts/{}", [](ApiCall& c) { return say(c.parts[0] + " " + c.parts[1]); });
  router.add("GET", "/v1/query", [](ApiCall& c) {
    auto n = c.query_number("n", 5, 10);
    return say(c.query("name").value_or("none") + " " + (n ? std::to_string(*n) : n.error().what));
  });
  router.add("GET", "/v1/broken", [](ApiCall&) { return break_down(); });
  CHECK(ask(loop, router, "GET", "/v1/things").text == "list uid:7");
  CHECK(ask(loop, router, "GET", "/v1/things/a%20b?x=1").text == "one a b");
  CHECK(ask(loop, router, "GET", "/v1/things/special").text == "special");
  CHECK(ask(loop, router, "DELETE", "/v1/things/x").text == "gone x");
  CHECK(ask(loop, router, "GET", "/v1/things/a/parts/b").text == "a b");
  CHECK(ask(loop, router, "GET", "/v1/query?name=a+b%26c&n=7").text == "a b&c 7");
  CHECK(ask(loop, router, "GET", "/v1/query").text == "none 5");
  for (const char* bad : {"11", "-1", "x", "", "7x"})
    CHECK(ask(loop, router, "GET", std::string("/v1/query?n=") + bad).text.find("whole number") !=
          std::string::npos);

  Answer missing = ask(loop, router, "GET", "/v1/other");
  CHECK(missing.status == 404);
  CHECK(text_of(*parse_json(missing.text), "code") == "not-found");
  CHECK(ask(loop, router, "GET", "/v1/things/").status == 404);
  CHECK(ask(loop, router, "GET", "").status == 404);
  Answer method = ask(loop, router, "PUT", "/v1/things/x");
  CHECK(method.status == 405);
  CHECK(method.allow == "GET, DELETE");
  Answer broken = ask(loop, router, "GET", "/v1/broken");
  CHECK(broken.status == 504);
  CHECK(text_of(*parse_json(broken.text), "error") == "too slow");
}

TEST_CASE("a body is a JSON object of bounded size") {
  Loop loop;
  CHECK(int_of(*body_of(loop, "{\"a\":1}"), "a") == 1);
  CHECK(body_of(loop, "")->is<JsonObject>());
  CHECK(body_of(loop, "[1]").error().code == Errc::invalid_argument);
  CHECK(body_of(loop, "{").error().code == Errc::invalid_argument);
  CHECK(body_of(loop, "{\"a\":\"" + std::string(2000, 'x') + "\"}").error().code == Errc::body_too_large);
}

}  // namespace meshd
