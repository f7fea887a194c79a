// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include <array>
#include <catch2/catch_test_macros.hpp>

namespace meshd {

TEST_CASE("secrets have the length asked for and do not repeat") {
  REQUIRE(random_bytes(0).empty());
  REQUIRE(random_bytes(1).size() == 1);
  REQUIRE(random_bytes(100'000).size() == 100'000);
  REQUIRE(random_bytes(32) != random_bytes(32));
}

TEST_CASE("below stays below, reaches every value and favours none") {
  FastRandom random(1);
  for (int i = 0; i < 1000; ++i) REQUIRE(random.below(1) == 0);
  std::array<int, 10> seen{};
  for (int i = 0; i < 100'000; ++i) {
    uint32_t value = random.below(10);
    REQUIRE(value < 10);
    ++seen[value];
  }
  for (int count : seen) {
    REQUIRE(count > 9'500);  // 5 standard deviations
    REQUIRE(count < 10'500);
  }
  uint32_t highest = 0;
  for (int i = 0; i < 100; ++i) highest = std::max(highest, random.below(UINT32_MAX));
  REQUIRE(highest > UINT32_MAX / 2);
}

TEST_CASE("unit stays in [0, 1) with its mean in the middle") {
  FastRandom random(2);
  double sum = 0;
  for (int i = 0; i < 100'000; ++i) {
    double u = random.unit();
    REQUIRE(u >= 0);
    REQUIRE(u < 1);
    sum += u;
  }
  REQUIRE(sum > 49'500);
  REQUIRE(sum < 50'500);
}

TEST_CASE("the same seed gives the same numbers and another seed others") {
  FastRandom a(5), b(5), c(6), zero(0);
  for (int i = 0; i < 10; ++i) REQUIRE(a.next() == b.next());
  REQUIRE(a.next() != c.next());
  REQUIRE(zero.next() != zero.next());  // a seed of zero is no dead state
}

TEST_CASE("the generator is xoshiro256** seeded by SplitMix64") {
  // From the authors' C code (https://prng.di.unimi.it) with SplitMix64 started at 0.
  FastRandom random(0);
  REQUIRE(random.next() == 0x99ec5f36cb75f2b4);
  REQUIRE(random.next() == 0xbf6e1f784956452a);
  REQUIRE(random.next() == 0x1a5f849d4933e6e0);
}

}  // namespace meshd
