// build_test.cc: proves that the test harness builds and runs; goes away with the first real test.
// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <expected>

TEST_CASE("the compiler has the library features we build on") {
  std::expected<int, char> value = 1;
  REQUIRE(value.has_value());
}
