// SPDX-License-Identifier: Apache-2.0
// route_request.cc: the outbound side of decide(): which route, which arm of its split, which endpoints.
// Reads facts.method, path, headers, random. Next: the proxy's balancer, with live state.
#include "snapshot/decide.h"

#include <charconv>

#include "snapshot/hash_key.h"

namespace meshd {

const Destination* pick_split(const Route& route, uint64_t random) {
  if (route.weight_total == 0) return nullptr;
  // The high half of the product is uniform in [0, total) without a division (Lemire 2019).
  uint64_t at = static_cast<uint64_t>(static_cast<unsigned __int128>(random) * route.weight_total >> 64);
  for (const Destination& d : route.to) {
    if (at < d.weight) return &d;
    at -= d.weight;
  }
  return nullptr;
}

namespace {

// The endpoint that a cookie of ours names: 16 hexadecimal digits.
const Endpoint* named_by(std::string_view cookie, const Destination& to) {
  EndpointId id;
  auto [end, error] = std::from_chars(cookie.data(), cookie.data() + cookie.size(), id.value, 16);
  if (cookie.size() != 16 || error != std::errc() || end != cookie.data() + cookie.size()) return nullptr;
  auto at = to.hashes->find(id);
  return at ? to.endpoints[*at] : nullptr;
}

}  // namespace

KeyPlace key_place(const Destination& to, const RequestFacts& facts) {
  KeyPlace out;
  if (!to.hashes || to.endpoints.empty()) return out;
  const model::BalanceKey& key = to.service->balance->key;
  auto value = request_key(key, facts);
  if (!value || value->empty()) return out;
  out.table = to.hashes.get();
  // The service's name keeps two services from choosing alike.
  out.hash = hash_of(to.service->name, *value);
  if (key.issue) out.named = named_by(*value, to);
  return out;
}

Routing route_request(const ServiceEntry& to, const RequestFacts& facts) {
  Routing out;
  out.route = to.route_table.find(facts);
  if (!out.route) return out;
  if (facts.is_http()) out.timeout = out.route->timeout;
  if (!out.route->status.empty()) {
    out.reason = Errc::denied;
    return out;
  }
  // A route that answers itself sends nothing: it needs no endpoint.
  if (out.route->actions != nullptr && out.route->actions->answers()) {
    out.reason = facts.is_http() ? Errc::ok : Errc::unsupported;
    return out;
  }
  out.to = pick_split(*out.route, spread(*out.route, facts));
  if (out.to) {
    out.candidates = out.to->endpoints;
    out.key = key_place(*out.to, facts);
  }
  out.reason = out.candidates.empty() ? Errc::no_endpoint : Errc::ok;
  return out;
}

}  // namespace meshd
