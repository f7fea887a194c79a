// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "control/canary_desk.h"
#include "control/config_watch.h"
#include "control/server_kit.h"

namespace meshd {
namespace {

std::string before() {
  std::string text = test_file(90);
  return text.replace(text.find("weight: 90 }"), 12, "weight: 90 }  # most");
}

// A server with a canary desk; the arm's figures are what the test says.
struct TestCanaries {
  TestServer server;
  std::set<std::string> watched;
  std::unique_ptr<CanaryDesk> desk;
  int64_t requests = 0, failures = 0;

  TestCanaries() {
    server.publish(before());
    begin();
  }
  void begin() {
    desk = std::make_unique<CanaryDesk>(*server.store, *server.registry, *server.publisher, server.clock,
                                        [this](const std::set<std::string>& routes) { watched = routes; });
    must(desk->load());
  }
  void restart() {
    desk.reset();
    server.restart();
    begin();
  }
  std::string file() { return *read_file(server.file, 1 << 20); }
  Json status() { return *desk->status("split"); }
  std::string state() { return text_of(status(), "state"); }

  CanaryDesk::RunOrder order(std::string guard = "success>=99%") {
    return {.route = "split",
            .arm = "v2",
            .by = "alice",
            .step = 40,
            .every = milliseconds(10'000),
            .guard = std::move(guard),
            .min_requests = 100};
  }
  void report(int64_t more, int64_t failed = 0) {
    requests += more;
    failures += failed;
    auto line = parse_json(R"({"epoch":7,"arms":[{"route":"split","arm":"version=v2","requests":)" +
                           std::to_string(requests) + R"(,"failures":)" + std::to_string(failures) +
                           R"(,"steps":[[3,)" + std::to_string(requests) + "]]}]}");
    desk->report("n1", *line);
  }
  // A second in which the arm has these.
  void second(int64_t more = 0, int64_t failed = 0) {
    server.clock.advance(seconds(1));
    report(more, failed);
    desk->tick();
  }
  void held(int64_t each = 50) {
    for (int i = 0; i < 14; ++i) second(each);
  }
};

}  // namespace

TEST_CASE("a run goes up by its steps while guards hold, and ends promoted") {
  Loop loop;
  TestCanaries t;
  REQUIRE(t.desk->run(t.order()));
  CHECK(t.watched == std::set<std::string>{"split"});
  CHECK(t.file().find("weight: 50 }  # most") != std::string::npos);
  t.held();
  CHECK(t.file().find("weight: 10 }  # most") != std::string::npos);
  CHECK(t.file().find("version: v2 }, weight: 90 }") != std::string::npos);
  t.held();
  CHECK(t.state() == "running");
  CHECK(t.file().find("weight: 0 }  # most") != std::string::npos);
  t.held();
  CHECK(t.state() == "promoted");
  CHECK(t.watched.empty());
  CHECK(t.server.latest_stored().value == 4);
  std::string text = t.file();
  t.held();
  CHECK(t.file() == text);
}

TEST_CASE("a guard that breaks puts the file back byte for byte, within the step, and says why") {
  Loop loop;
  TestCanaries t;
  REQUIRE(t.desk->run(t.order()));
  t.second();
  t.second();
  t.second(60);
  t.second(60, 3);
  CHECK(t.state() == "aborted");
  CHECK(t.file() == before());
  CHECK(t.server.publisher->text() == before());
  CHECK(text_of(t.status(), "reason") == "success>=99%: success was 97.50% of 120 requests at 50%");
  CHECK(t.server.latest_stored().value == 3);
}

TEST_CASE("what failed before the step settled does not count, nor does what another process counted") {
  Loop loop;
  TestCanaries t;
  t.report(1'000, 500);
  REQUIRE(t.desk->run(t.order()));
  t.second(10, 10);
  t.second();
  t.second(200);
  CHECK(t.state() == "running");
  CHECK(int_of(t.status(), "requests") == 200);
}

TEST_CASE("too few requests: it waits, and says so") {
  Loop loop;
  TestCanaries t;
  REQUIRE(t.desk->run(t.order()));
  for (int i = 0; i < 60; ++i) t.second(i == 30 ? 40 : 0, i == 30 ? 20 : 0);
  CHECK(t.state() == "running");
  CHECK(text_of(t.status(), "waiting") == "requests: 40 of 100");
  CHECK(t.server.latest_stored().value == 2);
}

TEST_CASE("a restarted server goes on with the step, measured anew") {
  Loop loop;
  TestCanaries t;
  REQUIRE(t.desk->run(t.order()));
  t.held();
  REQUIRE(t.server.latest_stored().value == 3);
  t.restart();
  CHECK(t.state() == "running");
  CHECK(t.watched == std::set<std::string>{"split"});
  t.second();
  t.second();
  t.second(200, 100);
  CHECK(t.state() == "aborted");
  CHECK(t.file() == before());
}

TEST_CASE("an edit of the route stops the run and stays; an edit elsewhere does not") {
  Loop loop;
  TestCanaries t;
  REQUIRE(t.desk->run(t.order()));
  std::string edited = t.file() + "# elsewhere\n";
  t.server.publish(edited);
  t.second();
  CHECK(t.state() == "running");
  SECTION("edited") {
    edited.replace(edited.find("weight: 50 }  # most"), 12, "weight: 70 }");
    t.server.publish(edited);
    t.second();
    CHECK(t.state() == "stopped");
    CHECK(t.file() == edited);
    CHECK(text_of(t.status(), "reason").find("was edited in revision 4 by ") != std::string::npos);
    auto no = t.desk->abort("split", "bob");
    REQUIRE(!no);
    CHECK(t.file() == edited);
  }
  SECTION("not edited: what goes back are the weights only") {
    t.second();
    t.second(200, 100);
    CHECK(t.state() == "aborted");
    CHECK(t.file() == before() + "# elsewhere\n");
  }
}

TEST_CASE("an edit that is not in force yet holds the run up; a breach puts the weights back without it") {
  Loop loop;
  TestCanaries t;
  REQUIRE(t.desk->run(t.order()));
  must(write_file(t.server.file, "broken: ["));
  t.held();
  CHECK(t.state() == "running");
  CHECK(t.server.latest_stored().value == 2);
  CHECK(text_of(t.status(), "waiting").find("holds an edit") != std::string::npos);
  for (int i = 0; i < 8; ++i) t.second(200, 200);
  CHECK(t.state() == "aborted");
  CHECK(t.server.publisher->text() == before());
  CHECK(t.file() == "broken: [");
}

TEST_CASE("a text of ours that the store does not have, because the server ended between, is known as ours") {
  Loop loop;
  TestCanaries t;
  REQUIRE(t.desk->run(t.order()));
  t.held(0);
  // The next step's text is in the file; the process dies, and the next one finds it as an edit.
  t.second(200);
  REQUIRE(t.server.latest_stored().value == 3);
  auto saved = t.server.store->settings().get("canaries");
  must(saved);
  std::string state = **saved;
  state.replace(state.find("\"revision\":3"), 12, "\"revision\":2");
  must(t.server.store->settings().set("canaries", state));
  t.restart();
  t.second();
  CHECK(t.state() == "running");
}

TEST_CASE("by hand: set, set again, abort leads to before the first") {
  Loop loop;
  TestCanaries t;
  REQUIRE(t.desk->set("split", {{"v2", 5}}, "alice"));
  CHECK(t.file().find("weight: 95 }  # most") != std::string::npos);
  REQUIRE(t.desk->set("split", {{"version=v2", 12.5}}, "alice"));
  CHECK(t.file().find("weight: 875 }  # most") != std::string::npos);
  CHECK(!t.desk->run(t.order()));
  auto back = t.desk->abort("split", "bob");
  REQUIRE(back);
  CHECK(t.file() == before());
  CHECK(!t.desk->abort("split", "bob"));
  CHECK(!t.desk->promote("split", "bob"));
  REQUIRE(t.desk->set("split", {{"v2", 5}}, "alice"));
  REQUIRE(t.desk->promote("split", "bob"));
  CHECK(t.file().find("version: v2 }, weight: 100 }") != std::string::npos);
  CHECK(t.state() == "promoted");
}

TEST_CASE("shares that cannot be are refused with what is there") {
  Loop loop;
  TestCanaries t;
  struct Case {
    const char* route;
    std::vector<Share> shares;
    const char* words;
  };
  for (const Case& c : {Case{"splt", {{"v2", 5}}, "did you mean 'split'?"},
                        Case{"split", {{"v3", 5}}, "no instance of web has the tag 'v3'"},
                        Case{"split", {{"v1", 5}, {"v2", 5}}, "must add up to 100%"},
                        Case{"split", {{"v2", 60}, {"version=v2", 60}}, "is named twice"}}) {
    auto no = t.desk->set(c.route, c.shares, "alice");
    REQUIRE(!no);
    INFO(no.error().what);
    CHECK(no.error().what.find(c.words) != std::string::npos);
    CHECK(t.file() == before());
  }
  CHECK(!parse_share("v2"));
  CHECK(!parse_share("v2=5"));
  CHECK(!parse_share("=5%"));
  CHECK(!parse_share("v2=0.123%"));
  CHECK(parse_share("version=v2=5%")->arm == "version=v2");
}

TEST_CASE(
    "a route without a list is split by the tag of its instances, and the way back takes the list away") {
  Loop loop;
  TestCanaries t;
  std::string plain = test_file();
  size_t to = plain.find("    to:\n");
  plain.erase(to, plain.find("policy:") - to);
  t.server.publish(plain);
  REQUIRE(t.desk->set("split", {{"v2", 5}}, "alice"));
  CHECK(t.file().find("    to:\n      - { tags: { version: v1 }, weight: 95 }\n      - { tags: { version: v2 "
                      "}, weight: 5 }\n") != std::string::npos);
  REQUIRE(t.desk->abort("split", "alice"));
  CHECK(t.file() == plain);
}

TEST_CASE("the rest is shared in proportion, exactly where it can be") {
  auto arms = [](std::vector<uint32_t> weights) {
    std::vector<model::RouteTo> out(weights.size());
    for (size_t i = 0; i < weights.size(); ++i) out[i].weight = weights[i];
    return out;
  };
  auto weights = [](const std::vector<model::RouteTo>& all) {
    std::vector<uint32_t> out;
    for (const auto& a : all) out.push_back(a.weight);
    return out;
  };
  CHECK(weights(with_share(arms({90, 10, 0}), 2, 5)) == std::vector<uint32_t>{855, 95, 50});
  CHECK(weights(with_share(arms({1, 1, 1, 0}), 3, 5)) == std::vector<uint32_t>{3167, 3167, 3166, 500});
  CHECK(weights(with_share(arms({0, 0, 5}), 2, 50)) == std::vector<uint32_t>{25, 25, 50});
  CHECK(weights(with_share(arms({3, 1}), 1, 100)) == std::vector<uint32_t>{0, 100});
}

}  // namespace meshd
