// SPDX-License-Identifier: Apache-2.0
#include "base/small_vector.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

namespace meshd {

namespace {

using Strings = SmallVector<std::string, 2>;

// Long enough to lie on the heap, so that a sanitizer sees every mistake.
std::string value(size_t i) { return std::string(40, 'x') + std::to_string(i); }

Strings filled(size_t n) {
  Strings v;
  for (size_t i = 0; i < n; ++i) v.push_back(value(i));
  return v;
}

}  // namespace

TEST_CASE("elements stay the same when a small vector outgrows its room") {
  Strings v = filled(9);
  REQUIRE(v.size() == 9);
  for (size_t i = 0; i < 9; ++i) REQUIRE(v[i] == value(i));
  v.push_back(v[3]);
  REQUIRE(v.back() == value(3));
  v.emplace_back(5, 'y');
  REQUIRE(v.back() == "yyyyy");
  v.pop_back();
  REQUIRE(v.size() == 10);
  v.clear();
  REQUIRE(v.empty());
  v.push_back("again");
  REQUIRE(*v.begin() == "again");
}

TEST_CASE("small vectors move between every pair of sizes") {
  for (size_t from : {0u, 1u, 2u, 3u, 8u}) {
    for (size_t to : {0u, 2u, 5u}) {
      Strings source = filled(from);
      Strings target = filled(to);
      target = std::move(source);
      REQUIRE(target.size() == from);
      for (size_t i = 0; i < from; ++i) REQUIRE(target[i] == value(i));
      REQUIRE(source.empty());  // NOLINT: a moved-from vector is empty
      source.clear();
      source.push_back("usable");
      REQUIRE(source.back() == "usable");
      Strings built = std::move(target);
      REQUIRE(built.size() == from);
      REQUIRE(target.empty());  // NOLINT
    }
  }
}

}  // namespace meshd
