// SPDX-License-Identifier: Apache-2.0
// peak_ewma.h: how slow an endpoint answers: a moving average that forgets with time and takes a peak at once, as
// Finagle and Linkerd define it.
#pragma once
#include <cmath>
#include <cstdint>

#include "base/clock.h"

namespace meshd {

class PeakEwma {
 public:
  // What was seen this long ago weighs 1/e of what is seen now.
  static constexpr double kDecayNs = 10e9;

  // A request took `time`.
  void observe(nanoseconds time, Instant now) {
    auto seen = static_cast<double>(time.count());
    double old = value(now);
    double weight = weight_of(now);
    value_ = seen > old ? seen : value_ * weight + seen * (1 - weight);
    at_ = now;
  }
  // The same for a request that failed: who refuses at once must not look fast.
  void observe_failure(nanoseconds time, Instant now) {
    if (static_cast<double>(time.count()) > value(now)) observe(time, now);
  }
  // Nanoseconds, as if the endpoint had been instantaneous since: who is not asked is asked again some day. 0: unknown.
  double value(Instant now) const { return value_ == 0 ? 0 : value_ * weight_of(now); }
  // What a request costs that waits behind `active` others. Of an endpoint that nobody has measured yet one request
  // finds out, and no second one before that.
  double cost(double active, Instant now) const {
    double v = value(now);
    if (v == 0) return active > 0 ? kUnknown * (active + 1) : 0;
    return v * (active + 1);
  }

 private:
  static constexpr double kUnknown = 1e15;
  double weight_of(Instant now) const {
    int64_t passed = now.ns - at_.ns;
    return passed <= 0 ? 1 : std::exp(-static_cast<double>(passed) / kDecayNs);
  }
  double value_ = 0;
  Instant at_{};
};

}  // namespace meshd
