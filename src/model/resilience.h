// SPDX-License-Identifier: Apache-2.0
// resilience.h: what the file says about failures: retries, breakers, limits. Part of the model's values (model.h).
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace meshd::model {

using std::chrono::milliseconds;

// When a failed request is tried again.
struct Retries {
  enum On : uint8_t {
    connect_failure = 1,  // it cannot have arrived
    reset = 2,            // the connection broke before an answer began
    server_error = 4,     // status 500 to 599, or a try that took too long
    gateway_error = 8,    // 502, 503, 504, or a try that took too long
    too_many = 16,        // 429
  };
  uint32_t max = 2;  // tries beyond the first
  uint8_t on = connect_failure | reset;
  std::vector<std::string> methods;  // that may be done twice; empty: the idempotent ones
  milliseconds backoff_min{25}, backoff_max{250};
  uint32_t budget_permille = 200;  // retries as a share of a service's requests
};

// Takes an endpoint out when it fails.
struct Breaker {
  uint32_t consecutive_errors = 5;  // 0: failures in a row do not count
  milliseconds eject{30'000};       // the first time; longer each time in a row
  uint32_t max_ejected_permille = 500;
  uint32_t rate_below_permille =
      0;  // share of good results below which it is taken out; 0: it does not count
  milliseconds rate_over{10'000};
  uint32_t rate_requests_min = 20;
};

// What one endpoint is given at most by all loops of one node together; 0: no limit.
struct EndpointLimits {
  uint32_t connections = 0;  // in use: HTTP/1 requests and opaque connections
  uint32_t pending = 0;      // requests that wait for room; 0: none does
  uint32_t requests = 0;
  bool any() const { return connections != 0 || requests != 0; }
  friend bool operator==(const EndpointLimits&, const EndpointLimits&) = default;
};

// Requests beyond the rate are answered 429.
struct RateLimit {
  int64_t interval_ns = 0;  // of one request: 1 s / rate
  uint32_t burst = 1;       // at once
  std::string header;       // one budget per value of this field; empty: not by a field
  bool identity = false;    // one budget per caller
  bool mesh = false;        // all calling nodes together; else each of them for itself
  bool keyed() const { return identity || !header.empty(); }
};

}  // namespace meshd::model
