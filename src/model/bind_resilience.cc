// SPDX-License-Identifier: Apache-2.0
#include "model/bind_resilience.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace meshd::model {
namespace {

uint8_t condition(std::string_view word) {
  if (word == "connect-failure") return Retries::connect_failure;
  if (word == "reset" || word == "reset-before-response") return Retries::reset;
  if (word == "5xx") return Retries::server_error;
  if (word == "gateway-error") return Retries::gateway_error;
  return word == "429" ? Retries::too_many : 0;
}

}  // namespace

Retries read_retries(const Reader& r, Retries base) {
  Retries out = std::move(base);
  if (r.has("max")) out.max = static_cast<uint32_t>(r.integer("max"));
  if (r.has("on")) {
    out.on = 0;
    for (const std::string& word : r.texts("on")) out.on |= condition(word);
  }
  if (r.has("methods")) out.methods = r.texts("methods");
  if (r.has("backoff")) std::tie(out.backoff_min, out.backoff_max) = r.duration_range("backoff");
  if (r.has("budget")) out.budget_permille = r.permille("budget");
  return out;
}

std::optional<RateLimit> read_rate_limit(const Reader& route) {
  Reader r = route.below("rate_limit");
  double rate = r.rate("rate");
  if (!route.has("rate_limit") || rate <= 0) return std::nullopt;
  RateLimit out;
  out.interval_ns = std::max<int64_t>(1, static_cast<int64_t>(1e9 / rate));
  out.burst =
      static_cast<uint32_t>(r.has("burst") ? r.integer("burst") : std::max<int64_t>(1, std::llround(rate)));
  out.mesh = r.text("scope") == "mesh";
  Reader key = r.below("key");
  out.header = lower_case(key.text("header"));
  out.identity = key.flag("identity");
  return out;
}

}  // namespace meshd::model
