// SPDX-License-Identifier: Apache-2.0
#include "control/text_diff.h"

#include <stdlib.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdio>

#include "base/file.h"
#include "base/random.h"
#include "control/test_dir.h"

namespace meshd {

TEST_CASE("equal texts have no diff") { CHECK(text_diff({"a", "x\n"}, {"b", "x\n"}).empty()); }

TEST_CASE("a changed line is shown with its context") {
  CHECK(text_diff({"old", "1\n2\n3\n4\n5\n6\n7\n8\n9\n"}, {"new", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n"}) ==
        "--- old\n+++ new\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
}

TEST_CASE("an empty text and a missing last line end are shown as diff shows them") {
  CHECK(text_diff({"a", ""}, {"b", "x\n"}) == "--- a\n+++ b\n@@ -0,0 +1 @@\n+x\n");
  CHECK(text_diff({"a", "x"}, {"b", "x\n"}) ==
        "--- a\n+++ b\n@@ -1 +1 @@\n-x\n\\ No newline at end of file\n+x\n");
}

TEST_CASE("patch makes the second text of the first by any diff") {
  if (system("command -v patch >/dev/null") != 0) SKIP("patch is not installed");
  TestDir dir;
  FastRandom random(7);
  for (int round = 0; round < 40; ++round) {
    std::string a, b;
    uint32_t lines = random.below(60);
    for (uint32_t i = 0; i < lines; ++i) {
      std::string line = std::to_string(random.below(8)) + "\n";
      uint32_t fate = random.below(10);
      if (fate != 0) a += line;
      if (fate != 1) b += fate == 2 ? "changed\n" : line;
    }
    std::string diff = text_diff({"a", a}, {"a", b});
    if (diff.empty()) continue;
    REQUIRE(write_file(dir / "a", a));
    REQUIRE(write_file(dir / "d", diff));
    INFO(diff);
    REQUIRE(system(("cd " + dir.path() + " && patch -s -N --no-backup-if-mismatch -F0 a d").c_str()) == 0);
    std::string patched = exists(dir / "a") ? *read_file(dir / "a", 1 << 20) : "";
    REQUIRE(patched == b);
  }
}

}  // namespace meshd
