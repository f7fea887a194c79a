// SPDX-License-Identifier: Apache-2.0
#include "snapshot/resilience_json.h"

namespace meshd {

using model::Balance;
using model::BalancePolicy;
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
  o.flag("mesh", l.mesh);
  return o.done();
}

RateLimit read_rate_limit(const Json& j, ReadError& error) {
  In in(j, error);
  RateLimit l;
  l.interval_ns = in.number<int64_t>("interval_ns");
  l.burst = in.number<uint32_t>("burst");
  l.header = in.text("header");
  l.identity = in.flag("identity");
  l.mesh = in.flag("mesh");
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
  if (b.rate_below_permille != 0) {
    o.number("rate_below_permille", b.rate_below_permille);
    o.number("rate_over_ms", b.rate_over.count());
    o.number("rate_requests_min", b.rate_requests_min);
  }
  return o.done();
}

Breaker read_breaker(const Json& j, ReadError& error) {
  In in(j, error);
  Breaker b{in.number<uint32_t>("consecutive_errors"), in.ms("eject_ms"),
            in.number<uint32_t>("max_ejected_permille")};
  if (in.has("rate_below_permille")) {
    b.rate_below_permille = in.number<uint32_t>("rate_below_permille");
    b.rate_over = in.ms("rate_over_ms");
    b.rate_requests_min = in.number<uint32_t>("rate_requests_min");
    if (b.rate_over.count() <= 0) in.wrong("rate_over_ms");
  }
  return b;
}

Json write_balance(const Balance& b) {
  Out o({});
  o.text("policy", name_of(b.policy), name_of(BalancePolicy::least_request));
  if (b.key.key != model::Sticky::none) {
    Out k({});
    k.number("on", b.key.key);
    k.text("name", b.key.name);
    k.flag("issue", b.key.issue);
    k.number("ttl_s", b.key.ttl.count());
    k.text("path", b.key.path);
    o.value("key", k.done());
  }
  o.flag("prefer_node", b.prefer_node);
  o.flag("prefer_zone", b.prefer_zone);
  o.number("slow_start_ms", b.slow_start.count());
  o.number("panic_permille", b.panic_permille);
  return o.done();
}

Balance read_balance(const Json& j, ReadError& error) {
  In in(j, error);
  Balance b;
  b.policy = in.choice("policy", BalancePolicy::least_request, 6);
  if (in.has("key")) {
    In k(in.take("key"), error);
    auto on = k.number<uint8_t>("on");
    if (on == model::Sticky::none || on > model::Sticky::source) k.wrong("on");
    b.key.key = static_cast<model::Sticky::Key>(on);
    b.key.name = k.text("name");
    b.key.issue = k.flag("issue");
    b.key.ttl = std::chrono::seconds(k.number<int64_t>("ttl_s"));
    b.key.path = k.text("path");
  }
  b.prefer_node = in.flag("prefer_node");
  b.prefer_zone = in.flag("prefer_zone");
  b.slow_start = in.ms("slow_start_ms");
  b.panic_permille = in.number<uint32_t>("panic_permille");
  return b;
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
