// SPDX-License-Identifier: Apache-2.0
#include "snapshot/resilience_json.h"

namespace meshd {

using model::Breaker;
using model::EndpointLimits;
using model::RateLimit;
using model::Retries;

Json write_retries(const Retries& r) {
  Out o({});
  o.number("max", r.max);
  o.number("on", r.on);
  o.texts("methods", r.methods);
  o.number("backoff_min_ms", r.backoff_min.count());
  o.number("backoff_max_ms", r.backoff_max.count());
  o.number("budget_permille", r.budget_permille);
  return o.done();
}

Retries read_retries(const Json& j, ReadError& error) {
  In in(j, error);
  Retries r;
  r.max = in.number<uint32_t>("max");
  r.on = in.number<uint8_t>("on");
  r.methods = in.texts("methods");
  r.backoff_min = in.ms("backoff_min_ms");
  r.backoff_max = in.ms("backoff_max_ms");
  r.budget_permille = in.number<uint32_t>("budget_permille");
  return r;
}

Json write_rate_limit(const RateLimit& l) {
  Out o({});
  o.number("interval_ns", l.interval_ns);
  o.number("burst", l.burst);
  o.text("header", l.header);
  o.flag("identity", l.identity);
  return o.done();
}

RateLimit read_rate_limit(const Json& j, ReadError& error) {
  In in(j, error);
  RateLimit l;
  l.interval_ns = in.number<int64_t>("interval_ns");
  l.burst = in.number<uint32_t>("burst");
  l.header = in.text("header");
  l.identity = in.flag("identity");
  // Within these no sum of ours overflows.
  constexpr int64_t kDay = 86'400'000'000'000;
  if (l.interval_ns <= 0 || l.interval_ns > kDay || l.burst == 0 || l.burst > 10'000'000)
    in.wrong("interval_ns");
  return l;
}

Json write_breaker(const Breaker& b) {
  Out o({});
  o.number("consecutive_errors", b.consecutive_errors);
  o.number("eject_ms", b.eject.count());
  o.number("max_ejected_permille", b.max_ejected_permille);
  return o.done();
}

Breaker read_breaker(const Json& j, ReadError& error) {
  In in(j, error);
  return {in.number<uint32_t>("consecutive_errors"), in.ms("eject_ms"),
          in.number<uint32_t>("max_ejected_permille")};
}

Json write_limits(const EndpointLimits& l) {
  Out o({});
  o.number("connections", l.connections);
  o.number("pending", l.pending);
  o.number("requests", l.requests);
  return o.done();
}

EndpointLimits read_limits(const Json& j, ReadError& error) {
  In in(j, error);
  return {in.number<uint32_t>("connections"), in.number<uint32_t>("pending"),
          in.number<uint32_t>("requests")};
}

}  // namespace meshd
