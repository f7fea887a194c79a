// SPDX-License-Identifier: Apache-2.0
#include "proxy/shadow.h"

#include <catch2/catch_test_macros.hpp>

namespace meshd {
namespace {

ShadowKey key(int n) {
  return {Difference::denied, Direction::inbound, "web", "allow by rule a",
          "deny by rule " + std::to_string(n)};
}

}  // namespace

TEST_CASE("a difference keeps its newest requests, however often it is seen") {
  ShadowRow row;
  for (int i = 1; i <= 10; ++i) row.add({i * 1000, "service/shop", "GET", "/" + std::to_string(i)});
  CHECK(row.count == 10);
  CHECK(row.first_ms == 1000);
  CHECK(row.last_ms == 10'000);
  REQUIRE(row.samples.size() == kShadowSamples);
  for (const ShadowSample& s : row.samples) CHECK(s.time_ms > 6000);
}

TEST_CASE("loops' counts are added up, newest samples first, and what has no row is counted together") {
  std::vector<ShadowCounts> loops(2);
  for (size_t loop = 0; loop < 2; ++loop) {
    loops[loop].judged = 500;
    loops[loop].different = kShadowRowsMax;
    for (size_t i = 0; i < kShadowRowsMax; ++i)
      loops[loop].rows[key(static_cast<int>(i + loop))].add(
          {static_cast<int64_t>(loop + 1), "service/shop", "GET", "/"});
  }
  ShadowCounts sum = merge(loops);
  CHECK(sum.judged == 1000);
  CHECK(sum.different == 2 * kShadowRowsMax);
  CHECK(sum.rows.size() == kShadowRowsMax);
  CHECK(sum.overflow == 1);
  const ShadowRow& shared = sum.rows.at(key(5));
  CHECK(shared.count == 2);
  CHECK(shared.first_ms == 1);
  REQUIRE(shared.samples.size() == 2);
  CHECK(shared.samples[0].time_ms == 2);
  uint64_t counted = sum.overflow;
  for (const auto& [k, row] : sum.rows) counted += row.count;
  CHECK(counted == sum.different);
}

}  // namespace meshd
