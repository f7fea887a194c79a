// SPDX-License-Identifier: Apache-2.0
// bind_balance.cc: step 3 of 4, one part: balancing, limits and breakers of a service. Next: check_model.cc
#include "model/bind_balance.h"

#include "model/bind_actions.h"

namespace meshd::model {
namespace {

BalancePolicy policy_of(std::string_view word) {
  for (BalancePolicy p : {BalancePolicy::round_robin, BalancePolicy::random, BalancePolicy::ewma,
                          BalancePolicy::ring_hash, BalancePolicy::maglev})
    if (name_of(p) == word) return p;
  return BalancePolicy::least_request;
}

Diagnostic& at_key(Findings& findings, const Reader& r, std::string_view key, std::string message) {
  return findings.error(md::malformed, r.at(key), static_cast<uint32_t>(key.size()), std::move(message));
}

BalanceKey key_of(const Reader& balance, Findings& findings) {
  BalanceKey out;
  static_cast<Sticky&>(out) = bind_request_key(balance, "key", findings);
  Reader r = balance.below("key");
  if (out.key != Sticky::cookie) {
    for (std::string_view word : {"ttl", "path"})
      if (r.has(word)) at_key(findings, r, word, in_quotes(word) + " is a cookie's").hint = "cookie: NAME";
    return out;
  }
  out.issue = r.has("ttl");
  out.ttl = std::chrono::duration_cast<std::chrono::seconds>(r.duration("ttl"));
  out.path = r.text("path");
  if (r.has("path") && !out.issue)
    at_key(findings, r, "path", "without ttl the cookie is not ours to set").hint =
        "ttl: 1h, or 0s for as long as the browser runs";
  if (out.path.find_first_of(";, \t\"\\") != std::string::npos)
    at_key(findings, r, "path", in_quotes(out.path) + " cannot be a cookie's path");
  return out;
}

}  // namespace

Balance bind_balance(const Reader& service, Protocol protocol, Findings& findings) {
  Balance out;
  Reader r = service.below("balance");
  out.policy = policy_of(r.text("policy"));
  r.each("prefer", [&](const YamlNode& n) {
    out.prefer_node |= n.text == "node";
    out.prefer_zone |= n.text == "zone";
  });
  out.slow_start = r.duration("slow_start");
  out.panic_permille = r.permille("panic");
  std::string policy(name_of(out.policy));
  if (!hashes(out.policy)) {
    if (r.has("key"))
      at_key(findings, r, "key", policy + " looks at no key").hint = "policy: maglev, or ring-hash";
    return out;
  }
  if (out.slow_start.count() > 0)
    at_key(findings, r, "slow_start", "with " + policy + " the key says where a request goes: nothing ramps")
        .hint = "take it out, or choose another policy";
  if (!r.has("key")) {
    at_key(findings, r, "policy", policy + " needs a key").hint =
        "key: { header: NAME }, { cookie: NAME }, { query: NAME } or { source: true }";
    return out;
  }
  out.key = key_of(r, findings);
  if (protocol == Protocol::tcp && out.key.key != Sticky::source && out.key.key != Sticky::none)
    at_key(findings, r, "key", "opaque tcp shows no header, cookie or query").hint = "key: { source: true }";
  return out;
}

EndpointLimits bind_limits(const Reader& service, Protocol protocol, Findings& findings) {
  Reader r = service.below("limits");
  auto given = [&r](std::string_view key) { return r.has(key) ? static_cast<uint32_t>(r.integer(key)) : 0; };
  EndpointLimits out{given("max_connections"), given("max_pending"), given("max_requests")};
  if (protocol == Protocol::tcp && r.has("max_requests"))
    at_key(findings, r, "max_requests", "opaque tcp has connections, no requests").hint = "max_connections";
  if ((protocol == Protocol::http2 || protocol == Protocol::grpc) && r.has("max_connections"))
    at_key(findings, r, "max_connections", "HTTP/2 requests share connections").hint = "max_requests";
  if (r.has("max_pending") && !r.has("max_connections") && !r.has("max_requests"))
    at_key(findings, r, "max_pending", "without another limit nothing waits").hint =
        "max_connections or max_requests";
  if (protocol == Protocol::tcp && r.has("max_pending"))
    at_key(findings, r, "max_pending", "opaque connections do not wait");
  return out;
}

std::optional<Breaker> bind_breaker(const Reader& service, Findings& findings) {
  if (!service.has("breaker")) return std::nullopt;
  Reader r = service.below("breaker");
  Breaker out;
  out.eject = r.duration("eject");
  out.max_ejected_permille = r.permille("max_ejected");
  // Who asks for a rate alone means no count of failures in a row.
  bool rate = r.has("success_rate");
  out.consecutive_errors =
      rate && !r.has("consecutive_errors") ? 0 : static_cast<uint32_t>(r.integer("consecutive_errors"));
  if (!rate) return out;
  Reader s = r.below("success_rate");
  out.rate_below_permille = s.permille("below");
  out.rate_over = s.duration("over");
  out.rate_requests_min = static_cast<uint32_t>(s.integer("min_requests"));
  if (s.has("below") && out.rate_below_permille == 0)
    at_key(findings, s, "below", "no rate is below 0%").hint = "such as below: 80%";
  return out;
}

}  // namespace meshd::model
