// SPDX-License-Identifier: Apache-2.0
#include "control/trial.h"

#include <catch2/catch_test_macros.hpp>

#include "control/confirm_desk.h"
#include "control/server_kit.h"

namespace meshd {
namespace {

SealedSnapshot snapshot(uint64_t revision) {
  return seal({{revision}, {{"mesh", "test", R"({"name":")" + std::to_string(revision) + "\"}"}}});
}

struct TestTrial {
  TestDir dir;
  FakeClock clock;
  LastGood live{dir / "snapshot"};
  Trial trial{dir / "", clock};

  // The node acts on 1, and now tries 2.
  explicit TestTrial(const std::string& guard = "") {
    must(live.save(snapshot(1)));
    trial.announce({{2}, {1}, 60, guard, 10});
    must(trial.before({2}, snapshot(1)));
    must(live.save(snapshot(2)));
    trial.after({2});
  }
  // Seconds in which the server speaks.
  void pass(int n) {
    for (int i = 0; i < n; ++i) clock.advance(seconds(1)), trial.heard();
  }
};

}  // namespace

TEST_CASE("a trial goes back when its time is over, and not before") {
  TestTrial t;
  t.pass(60);
  CHECK(!t.trial.due());
  t.pass(2);
  REQUIRE(t.trial.due());
  CHECK(*t.trial.due() == "it was not confirmed in time");
  CHECK(t.trial.kept()->sha256 == snapshot(1).sha256);
  t.trial.went_back("it was not confirmed in time");
  CHECK(!t.trial.active());
  CHECK(int_of(t.trial.last_return(), "revision") == 2);
  CHECK(!exists(t.dir / "trial.json"));
}

TEST_CASE("a trial goes back at once when the server is lost") {
  TestTrial t;
  t.pass(10);
  t.clock.advance(kSilenceMax - milliseconds(1));
  CHECK(!t.trial.due());
  t.clock.advance(milliseconds(1));
  REQUIRE(t.trial.due());
  CHECK(t.trial.due()->find("the server is lost") == 0);
}

TEST_CASE("a trial goes back when its guard breaks, judged by what came since it began") {
  TestTrial t("success>=99%");
  t.trial.count({1'000, 500, {}});
  t.trial.count({1'009, 509, {}});
  CHECK(!t.trial.due());
  t.trial.count({1'020, 509, {}});
  CHECK(*t.trial.due() == "success>=99%: success was 55.00% of 20 requests");
}

TEST_CASE("what is confirmed stays, and what follows it is no trial") {
  TestTrial t;
  SECTION("another one is confirmed: it does not matter") {
    t.trial.confirmed({3});
    CHECK(t.trial.active());
  }
  SECTION("confirmed") { t.trial.confirmed({2}); }
  SECTION("a revision that nobody has to confirm") {
    must(t.trial.before({3}, snapshot(2)));
    t.trial.after({3});
  }
  if (t.trial.active()) return;
  t.clock.advance(std::chrono::hours(1));
  CHECK(!t.trial.due());
  CHECK(!exists(t.dir / "snapshot.confirmed"));
}

TEST_CASE("a second trial leads back to what was confirmed: the first only where it was") {
  for (uint64_t before : {uint64_t{1}, uint64_t{2}}) {
    CAPTURE(before);
    TestTrial t;
    t.trial.announce({{3}, {before}, 60, "", 0});
    must(t.trial.before({3}, snapshot(2)));
    t.trial.after({3});
    CHECK(t.trial.active());
    CHECK(t.trial.kept()->sha256 == snapshot(before).sha256);
  }
}

TEST_CASE("the time of a trial begins when it is announced, and a clock that is set does not move it") {
  TestTrial t;
  t.clock.set_unix(t.clock.unix_now() + 3600);
  CHECK(!t.trial.due());
  CHECK(int_of(t.trial.json(), "seconds_left") == 60);
  // Tried again without new terms, such as when other content has the same revision.
  t.trial.went_back("a guard");
  t.pass(50);
  must(t.trial.before({2}, snapshot(1)));
  CHECK(int_of(t.trial.json(), "seconds_left") == 10);
  t.clock.set_unix(t.clock.unix_now() - 7200);  // written down before: no more than was left then
  Trial again{t.dir / "", t.clock};
  CHECK(!again.settle(t.live));
  CHECK(int_of(again.json(), "seconds_left") == 10);
}

TEST_CASE("a restarted node remembers, and serves the confirmed snapshot where the time passed meanwhile") {
  TestTrial t;
  Trial again{t.dir / "", t.clock};
  t.clock.advance(seconds(30));
  CHECK(!again.settle(t.live));
  CHECK(again.active());
  CHECK(int_of(again.json(), "seconds_left") == 30);
  t.clock.advance(seconds(31));
  Trial late{t.dir / "", t.clock};
  REQUIRE(late.settle(t.live));
  CHECK(!late.active());
  CHECK(t.live.load().snapshot->sha256 == snapshot(1).sha256);
}

// ---- the server's part

namespace {

struct TestConfirm {
  TestServer server;
  std::unique_ptr<ConfirmDesk> desk;
  int told = 0;
  TestConfirm() {
    server.publish(test_file(90));
    begin();
  }
  void begin() {
    desk = std::make_unique<ConfirmDesk>(*server.store, *server.publisher, server.clock, [this] { ++told; });
    must(desk->load());
  }
  void restart() {
    desk.reset();
    server.restart();
    begin();
  }
  Outcome<Published> apply(int weight) {
    Change change;
    change.text = test_file(weight);
    change.author = "alice";
    return desk->apply(change, {60, "success>=99%", 10});
  }
  std::string file() { return *read_file(server.file, 1 << 20); }
};

}  // namespace

TEST_CASE("an unconfirmed revision is taken back in time, as a new revision, through a restart too") {
  Loop loop;
  TestConfirm t;
  REQUIRE(t.apply(50));
  CHECK(t.file() == test_file(50));
  CHECK(t.desk->line().find("\"seconds_left\":60") != std::string::npos);
  SECTION("running") { t.server.clock.advance(seconds(59)); }
  SECTION("restarted") {
    t.server.clock.advance(seconds(59));
    t.restart();
  }
  t.desk->tick();
  CHECK(t.server.latest_stored().value == 2);
  t.server.clock.advance(seconds(1));
  t.desk->tick();
  CHECK(t.server.latest_stored().value == 3);
  CHECK(t.file() == test_file(90));
  CHECK(t.desk->json().is<picojson::null>());
  t.restart();
  CHECK(t.desk->json().is<picojson::null>());
}

TEST_CASE("a confirmed revision stays") {
  Loop loop;
  TestConfirm t;
  CHECK(!t.desk->confirm("bob"));
  REQUIRE(t.apply(50));
  int told = t.told;
  CHECK(t.desk->confirm("bob")->value == 2);
  CHECK(t.told == told + 1);
  CHECK(t.desk->line().find("\"confirmed\":true") != std::string::npos);
  t.server.clock.advance(seconds(100));
  t.desk->tick();
  CHECK(t.file() == test_file(50));
}

TEST_CASE("while one waits no other change is taken; what a node says of its guard takes it back") {
  Loop loop;
  TestConfirm t;
  REQUIRE(t.apply(50));
  auto other = t.apply(30);
  REQUIRE(!other);
  CHECK(other.error().code == Errc::conflict);
  Change plain;
  plain.text = test_file(30);
  CHECK(t.server.publisher->publish(plain).error().code == Errc::conflict);
  CHECK(t.file() == test_file(50));
  t.desk->went_back("n2", {1}, "an older one");
  CHECK(t.server.latest_stored().value == 2);
  t.desk->went_back("n2", {2}, "success>=99%: success was 90%");
  CHECK(t.file() == test_file(90));
  CHECK((*t.server.store->revisions().latest())->message ==
        "back to revision 1: revision 2, taken back by n2: success>=99%: success was 90%");
  REQUIRE(t.server.publisher->publish(plain));
}

TEST_CASE("an edit of the file meanwhile is laid aside, not lost") {
  Loop loop;
  TestConfirm t;
  REQUIRE(t.apply(50));
  must(write_file(t.server.file, test_file(40)));
  t.server.clock.advance(seconds(60));
  t.desk->tick();
  CHECK(t.file() == test_file(90));
  CHECK(*read_file(t.server.file + ".prev", 1 << 20) == test_file(40));
}

TEST_CASE("there must be something to go back to, and a time and guard that make sense") {
  Loop loop;
  TestConfirm t;
  Change change;
  change.text = test_file(1);
  CHECK(!t.desk->apply(change, {0, "", 0}));
  CHECK(!t.desk->apply(change, {60, "success>99", 0}));
  CHECK(t.server.latest_stored().value == 1);
}

}  // namespace meshd
