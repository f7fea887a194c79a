// SPDX-License-Identifier: Apache-2.0
#include "telemetry/histogram.h"

#include <algorithm>
#include <cmath>

namespace meshd {

uint64_t HistogramCopy::count() const {
  uint64_t n = 0;
  for (uint64_t b : buckets) n += b;
  return n;
}

void HistogramCopy::add(const HistogramCopy& other) {
  if (steps.size() < other.steps.size()) steps.resize(other.steps.size());
  for (size_t i = 0; i < other.steps.size(); ++i) steps[i] += other.steps[i];
  for (size_t i = 0; i < buckets.size(); ++i) buckets[i] += other.buckets[i];
  sum_ns += other.sum_ns;
}

double HistogramCopy::quantile(double q) const {
  uint64_t total = count();
  if (total == 0) return 0;
  // The rank of the value asked for, from 1.
  double rank = std::max(1.0, std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(total)));
  double before = 0;
  for (size_t step = 0; step < steps.size(); ++step) {
    auto here = static_cast<double>(steps[step]);
    if (before + here >= rank) {
      // Values are taken to lie evenly within the step.
      auto lower = static_cast<double>(LogLinear::lower_of(step));
      auto width = static_cast<double>(LogLinear::lower_of(step + 1)) - lower;
      return (lower + width * (rank - before - 0.5) / here) * 1e-6;
    }
    before += here;
  }
  return 0;
}

HistogramCopy Histogram::copy() const {
  HistogramCopy c;
  size_t used = steps_.size();
  while (used > 0 && steps_[used - 1] == 0) --used;
  c.steps.assign(steps_.begin(), steps_.begin() + static_cast<ptrdiff_t>(used));
  c.buckets = buckets_;
  c.sum_ns = sum_ns_;
  return c;
}

}  // namespace meshd
