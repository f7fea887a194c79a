// SPDX-License-Identifier: Apache-2.0
// histogram.h: how long things took, in fixed memory, without choosing bounds beforehand.
//
// Log-linear: 16 linear steps for each power of two from 1 µs to 2^30 µs (18 minutes), so a quantile is off by at most
// 1/16 of itself (half of that on average). Beside it the counts at the fixed bounds of the Prometheus text
// are kept exactly: a decimal bound lies inside a binary step, and estimates there would make counts go down.
#pragma once
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace meshd {

// The steps of a log-linear scale over microseconds.
struct LogLinear {
  static constexpr int kStepBits = 4;    // 16 steps per power of two
  static constexpr int kPowersMax = 30;  // values from 2^30 µs count as the last step
  static constexpr size_t kSteps = (kPowersMax - kStepBits + 1) << kStepBits;

  static constexpr size_t step_of(uint64_t us) {
    if (us >> kPowersMax) return kSteps - 1;
    if (us < 1u << kStepBits) return us;
    int shift = std::bit_width(us) - 1 - kStepBits;
    return (static_cast<size_t>(shift) << kStepBits) + (us >> shift);
  }
  // The step holds [lower_of(s), lower_of(s + 1)).
  static constexpr uint64_t lower_of(size_t step) {
    if (step < 2u << kStepBits) return step;
    size_t shift = (step >> kStepBits) - 1;
    return ((step & ((1u << kStepBits) - 1)) + (1u << kStepBits)) << shift;
  }
};

// Upper bounds (inclusive) of the exposed buckets, 0.5 ms to 60 s; what is longer counts in +Inf.
inline constexpr std::array<uint64_t, 16> kBoundsNs = {
    500'000,       1'000'000,      2'500'000,      5'000'000,     10'000'000,    25'000'000,
    50'000'000,    100'000'000,    250'000'000,    500'000'000,   1'000'000'000, 2'500'000'000,
    5'000'000'000, 10'000'000'000, 30'000'000'000, 60'000'000'000};

// Plain numbers, free to go to another thread.
struct HistogramCopy {
  std::vector<uint64_t> steps;                           // LogLinear; trailing zeros left out
  std::array<uint64_t, kBoundsNs.size() + 1> buckets{};  // not cumulative; the last is +Inf
  uint64_t sum_ns = 0;

  uint64_t count() const;
  void add(const HistogramCopy& other);
  // The value below which the part `q` (0 to 1) of all values lies, in seconds; 0 when there are none.
  double quantile(double q) const;
};

// Belongs to one loop.
class Histogram {
 public:
  void record(uint64_t ns) {
    ++steps_[LogLinear::step_of(ns / 1000)];
    ++buckets_[bucket_of(ns)];
    sum_ns_ += ns;
  }
  HistogramCopy copy() const;

  // Index of the first bound that is not below `ns`; kBoundsNs.size() for +Inf.
  static size_t bucket_of(uint64_t ns) {
    // Counting without branches: 16 comparisons are 4 vector instructions.
    size_t below = 0;
    for (uint64_t bound : kBoundsNs) below += bound < ns;
    return below;
  }

 private:
  std::array<uint64_t, LogLinear::kSteps> steps_{};  // 3.4 KiB: histograms are few, see kHistogramsMax
  std::array<uint64_t, kBoundsNs.size() + 1> buckets_{};
  uint64_t sum_ns_ = 0;
};

}  // namespace meshd
