// SPDX-License-Identifier: Apache-2.0
#include "proxy/rate_limit.h"

#include <catch2/catch_test_macros.hpp>

#include "base/limits.h"

namespace meshd {
namespace {

Instant at(double s) { return {static_cast<int64_t>((1000 + s) * 1e9)}; }
model::RateLimit limit(double rate, uint32_t burst) {
  model::RateLimit l;
  l.interval_ns = static_cast<int64_t>(1e9 / rate);
  l.burst = burst;
  return l;
}

TEST_CASE("a budget gives its burst at once and its rate from then on, and says when there is more") {
  RateBudgets budgets;
  model::RateLimit l = limit(10, 5);
  int passed = 0;
  for (int i = 0; i < 20; ++i) passed += !budgets.take("a", l, 1, at(0));
  CHECK(passed == 5);
  CHECK(budgets.take("a", l, 1, at(0))->count() == 100'000'000);
  CHECK_FALSE(budgets.take("a", l, 1, at(0.1)));
  CHECK(budgets.take("a", l, 1, at(0.1)));
  CHECK_FALSE(budgets.take("b", l, 1, at(0.1)));  // another key, another budget
  passed = 0;
  for (int i = 0; i < 10'000; ++i) passed += !budgets.take("c", l, 1, at(i / 1000.0));
  CHECK(passed == 105 - 1);  // 10 s at 10/s, and the burst; the last tick has not come
  passed = 0;
  for (int i = 0; i < 20; ++i) passed += !budgets.take("a", l, 1, at(100));
  CHECK(passed == 5);  // no more than the burst is saved up
}

TEST_CASE("budgets that are full again make room for others; when all are in use the rest shares one") {
  RateBudgets budgets;
  model::RateLimit l = limit(1, 1);
  auto key = [](size_t i) { return std::string("route") + '\0' + std::to_string(i); };
  for (size_t i = 0; i < kRateKeysMax + 10; ++i) (void)budgets.take(key(i), l, 1, at(0));
  CHECK(budgets.size() <= kRateKeysMax + 1);
  CHECK(budgets.take(key(kRateKeysMax + 11), l, 1, at(0)));  // the shared one is spent
  CHECK_FALSE(budgets.take(key(kRateKeysMax + 12), l, 1, at(5)));
  CHECK(budgets.size() == 1);
}

}  // namespace
}  // namespace meshd
