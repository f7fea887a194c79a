// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>

#include "control/history_api.h"
#include "control/server_kit.h"
#include "control/user_name.h"

namespace meshd {
namespace {

struct Answer {
  int status = 0;
  Json body;
};

struct TestHistory {
  TestServer server;
  ConfirmDesk confirm{*server.store, *server.publisher, server.clock, [] {}};
  HistoryApi api{*server.store, *server.publisher, confirm};
  ApiRouter router;
  TestHistory() { api.mount(router); }

  Answer ask(Loop& loop, std::string_view method, std::string_view path, const std::string& body = {}) {
    Request request;
    request.head.set_method(method);
    request.head.set_path(path);
    if (!body.empty()) request.body = make_body(Chunk::copy(body));
    auto response = finish(loop, router.serve(request, "alice"));
    must(response);
    auto text = finish(loop, read_all(*response->body, 1 << 20));
    must(text);
    auto j = parse_json(*text);
    must(j);
    return {response->head.status, *j};
  }
};

}  // namespace

TEST_CASE(
    "a rollback is a new revision with the old text, by its author, and the file has it with its mode") {
  Loop loop;
  TestHistory t;
  t.server.publish(test_file(90));
  t.server.publish(test_file(50));
  REQUIRE(chmod(t.server.file.c_str(), 0604) == 0);
  Answer back = t.ask(loop, "POST", "/v1/rollback", R"({"revision":1})");
  CHECK(back.status == 200);
  CHECK(int_of(back.body, "revision") == 3);
  CHECK(*read_file(t.server.file, 1 << 20) == test_file(90));
  struct stat st{};
  REQUIRE(stat(t.server.file.c_str(), &st) == 0);
  CHECK((st.st_mode & 0777) == 0604);
  const Json list = t.ask(loop, "GET", "/v1/revisions").body;
  const Json& newest = list_of(list, "revisions").at(0);
  CHECK(text_of(newest, "author") == "alice");
  CHECK(text_of(newest, "message") == "back to revision 1");

  CHECK(t.ask(loop, "POST", "/v1/rollback", R"({"revision":9})").status == 404);
  CHECK(t.ask(loop, "POST", "/v1/rollback", R"({"revision":0})").status == 400);
  Answer same = t.ask(loop, "POST", "/v1/rollback", R"({"revision":1})");
  CHECK(same.status == 200);
  CHECK(!flag_of(same.body, "changed"));
}

TEST_CASE("a rollback over an edit of the file that is not in force is a conflict, and nothing is lost") {
  Loop loop;
  TestHistory t;
  t.server.publish(test_file(90));
  t.server.publish(test_file(50));
  must(write_file(t.server.file, "half an edit"));
  Answer back = t.ask(loop, "POST", "/v1/rollback", R"({"revision":1})");
  CHECK(back.status == 409);
  CHECK(*read_file(t.server.file, 1 << 20) == "half an edit");
  CHECK(t.server.latest_stored().value == 2);
  CHECK(t.server.publisher->text() == test_file(50));
}

TEST_CASE("a difference is between two revisions, from one to the one in force, or what that one changed") {
  Loop loop;
  TestHistory t;
  for (int weight : {90, 50, 10}) t.server.publish(test_file(weight));
  auto diff = [&](const std::string& query) { return t.ask(loop, "GET", "/v1/diff" + query).body; };
  CHECK(text_of(diff(""), "diff").find("weight: 50 }\n+      - { tags: { version: v1 }, weight: 10 }") !=
        std::string::npos);
  CHECK(text_of(diff("?from=1"), "diff").starts_with("--- revision 1\n+++ revision 3\n"));
  CHECK(text_of(diff("?from=1&to=2"), "diff").starts_with("--- revision 1\n+++ revision 2\n"));
  CHECK(text_of(diff("?from=2&to=2"), "diff").empty());
  CHECK(int_of(diff("?to=1"), "from") == 0);
  CHECK(t.ask(loop, "GET", "/v1/diff?from=8").status == 404);
}

TEST_CASE("who a user is stands in the passwd file") {
  const std::string passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\n:x:7:\nann:x:1007:1007::/:/bin/sh";
  CHECK(user_name(passwd, 0) == "root");
  CHECK(user_name(passwd, 1007) == "ann");
  CHECK(user_name(passwd, 7) == "uid:7");
  CHECK(user_name(passwd, 1) == "uid:1");
}

}  // namespace meshd
