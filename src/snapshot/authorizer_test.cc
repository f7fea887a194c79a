// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "snapshot/codec.h"
#include "snapshot/testing.h"

namespace meshd::testing {
namespace {

std::string file_with(std::string_view authorizer) {
  return "services:\n"
         "  web: { instances: [{ node: n1, port: 1 }] }\n"
         "  api: { instances: [{ node: n1, port: 2 }] }\n"
         "  db: { protocol: tcp }\n"
         "  far: { instances: [{ address: \"192.0.2.1:80\" }] }\n"
         "policy: { authorizer: " +
         std::string(authorizer) + " }\n";
}

}  // namespace

TEST_CASE("an authorizer reaches the nodes as the file says, for the services that it names alone") {
  auto m = model_of(file_with(
      "{ url: \"http://127.0.0.1:9191/a/check?x=1\", to: [web], timeout: 1s, on_failure: allow, headers: "
      "[Authorization], set: [X-User] }"));
  auto back = from_objects(to_objects(m, nodes(1)));
  REQUIRE(back);
  auto s = compile(back->model, back->nodes, {});
  const model::Authorizer* a = s->service("web")->authorizer;
  REQUIRE(a);
  CHECK(s->service("api")->authorizer == nullptr);
  CHECK(a->authority == "127.0.0.1:9191");
  CHECK(a->ip == "127.0.0.1");
  CHECK(a->port == 9191);
  CHECK(a->path == "/a/check?x=1");
  CHECK(a->timeout == std::chrono::seconds(1));
  CHECK(a->fail_open);
  CHECK(a->headers == std::vector<std::string>{"authorization"});
  CHECK(a->sets == std::vector<std::string>{"x-user"});
  CHECK(a->at == m.policy.authorizer->at);
}

TEST_CASE("without its switch an authorizer that fails denies") {
  auto m = model_of(file_with("{ url: \"http://127.0.0.1:9191\", to: [web] }"));
  CHECK_FALSE(m.policy.authorizer->fail_open);
  CHECK(m.policy.authorizer->timeout == std::chrono::milliseconds(200));
  CHECK(m.policy.authorizer->path == "/");
}

TEST_CASE("an authorizer that could not be asked, or not about this, is refused with the file") {
  for (const char* bad :
       {"{ url: \"https://127.0.0.1:1/\", to: [web] }", "{ url: \"http://name:1/\", to: [web] }",
        "{ url: \"http://127.0.0.1/\", to: [web] }", "{ url: \"http://u@127.0.0.1:1/\", to: [web] }",
        "{ url: \"http://127.0.0.1:1/ x\", to: [web] }", "{ to: [web] }", "{ url: \"http://127.0.0.1:1/\" }",
        "{ url: \"http://127.0.0.1:1/\", to: [] }", "{ url: \"http://127.0.0.1:1/\", to: [nix] }",
        "{ url: \"http://127.0.0.1:1/\", to: [db] }", "{ url: \"http://127.0.0.1:1/\", to: [far] }",
        "{ url: \"http://127.0.0.1:1/\", to: [web], set: [x-meshd-client-id] }",
        "{ url: \"http://127.0.0.1:1/\", to: [web], set: [content-length] }",
        "{ url: \"http://127.0.0.1:1/\", to: [web], headers: [\"a b\"] }",
        "{ url: \"http://127.0.0.1:1/\", to: [web], on_failure: maybe }",
        "{ url: \"http://127.0.0.1:1/\", to: [web], timeout: 0s }"}) {
    INFO(bad);
    CHECK_FALSE(model::parse_config(file_with(bad)).model);
  }
}

}  // namespace meshd::testing
