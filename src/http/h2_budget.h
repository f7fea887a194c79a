// SPDX-License-Identifier: Apache-2.0
// h2_budget.h: counts what a peer makes us do for nothing: a token bucket.
#pragma once
#include <algorithm>
#include <cstdint>

#include "base/clock.h"
#include "http/h2_options.h"

namespace meshd {

class H2Budget {
 public:
  explicit H2Budget(H2Allowance allowance) : allowance_(allowance), left_(allowance.burst) {}

  // False once more was spent than `burst` and what time has added since.
  bool spend(Instant now) {
    if (since_.ns == 0) since_ = now;
    if (left_ == 0) {
      int64_t earned = (now - since_).count() / 1'000'000 * allowance_.per_second / 1'000;
      if (earned <= 0) return false;
      left_ = static_cast<uint32_t>(std::min<int64_t>(earned, allowance_.burst));
      since_ = now;
    }
    --left_;
    return true;
  }

 private:
  H2Allowance allowance_;
  uint32_t left_;
  Instant since_;  // what was earned until then is in left_
};

}  // namespace meshd
