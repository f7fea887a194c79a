// SPDX-License-Identifier: Apache-2.0
#include "control/live_config.h"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <optional>

#include "control/test_mesh.h"
#include "loop/loop.h"

namespace meshd {
namespace {

constexpr const char* kWeb = "  web: { instances: [{ node: n1, port: 80 }] }\n";

// Data loops that remember what they were given.
struct Fixture {
  TestDir dir;
  FakeClock clock;
  Loop loop;
  std::vector<SnapshotPtr> swapped;
  std::vector<ListenProblem> problems;
  LiveConfig live = make();
  std::optional<Outcome<>> outcome;

  LiveConfig make() {
    return LiveConfig(
        LastGood(dir / "snapshot"),
        [this](SnapshotPtr s, std::function<void(std::vector<ListenProblem>)> done) {
          swapped.push_back(std::move(s));
          loop.post([this, done = std::move(done)] { done(problems); });
        },
        clock);
  }
  static Task<void> take_into(LiveConfig& live, SealedSnapshot next, std::optional<Outcome<>>& into) {
    Task<Outcome<>> taken = live.take(std::move(next));
    into = co_await taken;
  }
  Outcome<> take(SealedSnapshot next) {
    outcome.reset();
    spawn(take_into(live, std::move(next), outcome));
    loop.run_until([this] { return outcome.has_value(); });
    return *outcome;
  }
};

}  // namespace

TEST_CASE("a snapshot is compiled, stored, swapped, and only then taken") {
  Fixture f;
  bool prepared = false;
  f.live.prepare_with([&](SnapshotPtr) -> Task<void> {
    // Before the swap: what the snapshot places here must be able to show who it is.
    prepared = f.swapped.empty();
    return sleep_for(milliseconds(0));
  });
  std::vector<uint64_t> watched;
  f.live.watch([&](const SnapshotPtr& s) { watched.push_back(s->revision.value); });
  f.problems = {{"web", "127.0.0.1:80 is in use"}};
  REQUIRE(f.take(seal({Revision{3}, objects_of(kWeb)})));
  CHECK(prepared);
  CHECK(watched == std::vector<uint64_t>{3});
  REQUIRE(f.swapped.size() == 1);
  CHECK(f.live.snapshot() == f.swapped[0]);
  CHECK(f.live.listen_problems().size() == 1);
  CHECK(LastGood(f.dir / "snapshot").load().snapshot->stored.revision == Revision{3});
}

TEST_CASE("what cannot be understood is refused and nothing changes") {
  Fixture f;
  REQUIRE(f.take(seal({Revision{1}, objects_of(kWeb)})));
  auto objects = objects_of(kWeb);
  objects.front().json = R"({"from_the_future":1})";
  auto refused = f.take(seal({Revision{2}, objects}));
  REQUIRE_FALSE(refused);
  CHECK(f.swapped.size() == 1);
  CHECK(f.live.snapshot()->revision == Revision{1});
  CHECK(LastGood(f.dir / "snapshot").load().snapshot->stored.revision == Revision{1});
}

TEST_CASE("a disk that takes nothing does not keep the node from its policies") {
  Fixture f;
  std::filesystem::remove_all(f.dir.path());
  REQUIRE(f.take(seal({Revision{4}, objects_of(kWeb)})));
  CHECK(f.live.snapshot()->revision == Revision{4});
  CHECK(f.live.storage_problem().find("snapshot") != std::string::npos);
  std::filesystem::create_directory(f.dir.path());
}

TEST_CASE("a restart acts on what was stored") {
  Fixture f;
  CHECK_FALSE(f.live.restore([] {}));
  REQUIRE(f.take(seal({Revision{5}, objects_of(kWeb)})));
  LiveConfig second = f.make();
  bool placed = false;
  REQUIRE(second.restore([&] { placed = true; }));
  f.loop.run_until([&] { return placed; });
  CHECK(second.snapshot()->revision == Revision{5});
  CHECK(second.sealed().sha256 == f.live.sealed().sha256);
}

}  // namespace meshd
