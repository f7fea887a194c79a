// SPDX-License-Identifier: Apache-2.0
#include "control/last_good.h"

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "base/file.h"
#include "control/test_dir.h"

namespace meshd {
namespace {

SealedSnapshot revision(uint64_t n) {
  return seal({Revision{n}, {{"mesh", "mesh", R"({"n":)" + std::to_string(n) + "}"}}});
}

}  // namespace

TEST_CASE("what was saved is loaded, byte for byte") {
  TestDir dir;
  LastGood store(dir / "snapshot");
  REQUIRE_FALSE(store.load().snapshot);
  REQUIRE(store.load().warning.empty());
  REQUIRE(store.save(revision(7)));
  auto loaded = store.load();
  REQUIRE(loaded.snapshot);
  REQUIRE(loaded.warning.empty());
  REQUIRE(loaded.snapshot->stored.revision == Revision{7});
  REQUIRE(loaded.snapshot->stored.objects == revision(7).stored.objects);
  REQUIRE(loaded.snapshot->sha256 == revision(7).sha256);
}

TEST_CASE("any flipped byte of the newest leads to the previous one") {
  TestDir dir;
  std::string path = dir / "snapshot";
  LastGood store(path);
  REQUIRE(store.save(revision(1)));
  REQUIRE(store.save(revision(2)));
  std::string good = *read_file(path, 1 << 20);
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] ^= 1;
    REQUIRE(write_file(path, bad));
    auto loaded = store.load();
    REQUIRE(loaded.snapshot);
    REQUIRE(loaded.snapshot->stored.revision == Revision{1});
    REQUIRE(loaded.warning.find(path) != std::string::npos);
  }
}

TEST_CASE("two damaged files give no snapshot and say so") {
  TestDir dir;
  std::string path = dir / "snapshot";
  REQUIRE(write_file(path, "meshd-last-good sha256="));
  REQUIRE(write_file(path + ".prev", ""));
  auto loaded = LastGood(path).load();
  REQUIRE_FALSE(loaded.snapshot);
  REQUIRE(loaded.warning.find("damaged") != std::string::npos);
}

}  // namespace meshd
