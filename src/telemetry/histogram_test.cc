// SPDX-License-Identifier: Apache-2.0
#include "telemetry/histogram.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "base/random.h"

namespace meshd {

TEST_CASE("every value lies in its step, and steps follow each other without gaps") {
  STATIC_REQUIRE(LogLinear::kSteps == 432);
  for (size_t step = 0; step < LogLinear::kSteps; ++step) {
    uint64_t lower = LogLinear::lower_of(step);
    uint64_t next = LogLinear::lower_of(step + 1);
    REQUIRE(lower < next);
    REQUIRE(LogLinear::step_of(lower) == step);
    REQUIRE(LogLinear::step_of(next - 1) == step);
    if (lower >= 16) REQUIRE(next - lower <= lower / 16);
  }
  REQUIRE(LogLinear::lower_of(LogLinear::kSteps) == uint64_t{1} << 30);
  REQUIRE(LogLinear::step_of(uint64_t{1} << 30) == LogLinear::kSteps - 1);
  REQUIRE(LogLinear::step_of(UINT64_MAX) == LogLinear::kSteps - 1);
}

TEST_CASE("a value on a bound belongs to its bucket and one nanosecond more does not") {
  for (size_t i = 0; i < kBoundsNs.size(); ++i) {
    REQUIRE(Histogram::bucket_of(kBoundsNs[i]) == i);
    REQUIRE(Histogram::bucket_of(kBoundsNs[i] + 1) == i + 1);
  }
  REQUIRE(Histogram::bucket_of(0) == 0);
  REQUIRE(Histogram::bucket_of(UINT64_MAX) == kBoundsNs.size());
}

TEST_CASE("quantiles are within one sixteenth of the sorted values'") {
  FastRandom random(7);
  Histogram h;
  std::vector<uint64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    // Log-uniform from 10 µs to 10 s.
    auto ns = static_cast<uint64_t>(std::exp(random.unit() * std::log(1e6)) * 10'000);
    values.push_back(ns);
    h.record(ns);
  }
  std::ranges::sort(values);
  HistogramCopy copy = h.copy();
  REQUIRE(copy.count() == values.size());
  for (double q : {0.0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0}) {
    auto rank = static_cast<size_t>(std::max(1.0, std::ceil(q * static_cast<double>(values.size()))));
    double truth = static_cast<double>(values[rank - 1]) * 1e-9;
    INFO("q " << q << " truth " << truth << " estimate " << copy.quantile(q));
    // A twelfth: one step, and the microsecond that is rounded away at 10 µs.
    REQUIRE(std::abs(copy.quantile(q) - truth) <= truth / 12);
  }
}

TEST_CASE("an empty histogram has no quantiles, and one value is all of them") {
  Histogram h;
  REQUIRE(h.copy().quantile(0.99) == 0);
  REQUIRE(h.copy().steps.empty());
  h.record(2'000'000);
  REQUIRE(std::abs(h.copy().quantile(0) - 0.002) < 0.000125);
  REQUIRE(h.copy().quantile(0) == h.copy().quantile(1));
  REQUIRE(h.copy().sum_ns == 2'000'000);
}

TEST_CASE("two histograms added are the histogram of both") {
  Histogram a, b, both;
  for (uint64_t ns : {5'000ull, 700'000ull, 3'000'000ull}) a.record(ns), both.record(ns);
  for (uint64_t ns : {700'000ull, 90'000'000'000ull}) b.record(ns), both.record(ns);
  HistogramCopy sum = a.copy();
  sum.add(b.copy());
  REQUIRE(sum.steps == both.copy().steps);
  REQUIRE(sum.buckets == both.copy().buckets);
  REQUIRE(sum.sum_ns == both.copy().sum_ns);
}

TEST_CASE("a histogram stays under 4 KiB") { REQUIRE(sizeof(Histogram) <= 4096); }

}  // namespace meshd
