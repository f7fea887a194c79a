// SPDX-License-Identifier: Apache-2.0
// retry.h: whether a failed try is followed by another, and when. Pure but for the budget's counts.
#pragma once
#include <optional>

#include "base/clock.h"
#include "base/random.h"
#include "http/message.h"
#include "model/resilience.h"

namespace meshd {

// How one try ended.
struct TryEnd {
  const Error* error = nullptr;        // no answer
  const Response* response = nullptr;  // or this one
  bool unreached = false;              // it cannot have reached the application
};

enum class Again : uint8_t {
  no,
  now,    // elsewhere, at once: nothing was asked of anybody
  later,  // after a back-off
};

// By the conditions and methods of `policy` alone.
Again again(const model::Retries& policy, std::string_view method, const TryEnd& end);

// Full jitter: uniform between 0 and the bound, which doubles with each retry; a Retry-After of seconds is waited for
// instead (RFC 9110 section 10.2.3). `retries`: made so far.
milliseconds backoff(const model::Retries& policy, uint32_t retries, const TryEnd& end, FastRandom& random);

// Retries as a share of a service's requests over the last 5 to 10 seconds, so that a service that fails is not buried
// by those who try again. A few are allowed where there are hardly any requests.
class RetryBudget {
 public:
  void request(Instant now) {
    roll(now);
    ++current_.requests;
  }
  // Takes one retry; false: spent.
  bool take(uint32_t permille, Instant now);

 private:
  struct Window {
    uint64_t requests = 0, retries = 0;
  };
  void roll(Instant now);
  Window current_, before_;
  Instant since_{};
};

}  // namespace meshd
