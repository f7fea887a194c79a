// SPDX-License-Identifier: Apache-2.0
#include "control/explain_balance.h"

#include <algorithm>

#include "proxy/endpoint_set.h"
#include "snapshot/hash_key.h"

namespace meshd {
namespace {

using model::Balance;
using model::Sticky;

std::string percent(double part) { return std::to_string(static_cast<int>(part * 100 + 0.5)) + " %"; }

std::string seconds_text(milliseconds t) {
  return t.count() < 1000 ? std::to_string(t.count()) + " ms"
                          : std::to_string((t.count() + 500) / 1000) + " s";
}

std::string address_of(const Endpoint& e) { return e.address + ":" + std::to_string(e.port); }

// What all loops know of one endpoint together.
struct Seen {
  bool down = false;
  size_t loops = 0;  // that have sent something to it
  size_t out = 0;    // of these, where it is not usable
  std::string why;   // of the worst
  double part = 1;   // of its weight
  uint32_t active = 0;
  nanoseconds latency{0};
  // One loop's trouble is no more than a share.
  bool usable() const { return !down && (loops == 0 || out < loops); }
};

Seen seen_of(const Endpoint& e, const Known& known) {
  Seen out;
  if (auto it = known.down.find(e.id); it != known.down.end()) out.down = true, out.why = it->second;
  double parts = 0, latencies = 0;
  size_t measured = 0;
  milliseconds longest{0};
  for (const EndpointViews& loop : known.loops) {
    auto it = loop.find(e.id);
    if (it == loop.end()) continue;
    const EndpointView& v = it->second;
    ++out.loops;
    out.active += v.active;
    parts += v.part;
    if (v.latency.count() > 0) ++measured, latencies += static_cast<double>(v.latency.count());
    bool ejected = v.probing || v.ejected.count() > 0;
    if (!ejected && v.avoided.count() == 0) continue;
    ++out.out;
    milliseconds left = std::max(v.ejected, v.avoided);
    if (out.down || left < longest) continue;
    longest = left;
    out.why = v.probing ? "a request tries it after its ejection"
              : v.ejected.count() > 0
                  ? "taken out by its breaker for " + seconds_text(v.ejected) + " yet"
                  : "could not be reached, avoided for " + seconds_text(v.avoided) + " yet";
  }
  if (out.loops > 0) out.part = parts / static_cast<double>(out.loops);
  if (measured > 0)
    out.latency = nanoseconds(static_cast<int64_t>(latencies / static_cast<double>(measured)));
  return out;
}

std::string_view here_zone(const Snapshot& s, const Known& known) {
  const NodeInfo* self = s.node(known.node);
  return self == nullptr ? std::string_view() : std::string_view(self->zone);
}

std::string key_text(const model::BalanceKey& key) {
  switch (key.key) {
    case Sticky::header: return "header " + key.name;
    case Sticky::cookie: return "cookie " + key.name + (key.issue ? ", which is issued" : "");
    case Sticky::query: return "query parameter " + key.name;
    case Sticky::source: return "the caller's address";
    case Sticky::none: break;
  }
  return {};
}

}  // namespace

Json explain_policy(const Destination& d, const RequestFacts& facts, const Known& known) {
  const Balance& b = *d.service->balance;
  JsonObject o;
  o["policy"] = json(name_of(b.policy));
  if (model::hashes(b.policy)) {
    auto value = request_key(b.key, facts);
    KeyPlace place = key_place(d, facts);
    o["key"] = json(key_text(b.key));
    if (place.table != nullptr) {
      o["value"] = json(*value);
      const Endpoint* to = place.named != nullptr
                               ? place.named
                               : d.endpoints[place.table->owner(place.table->place(place.hash))];
      o["endpoint"] = json(address_of(*to));
      if (!seen_of(*to, known).usable())
        o["why"] = json("it is not usable: the next in the key's order takes it");
    } else {
      o["why"] = json("the request has no such key: as with least-request");
    }
  }
  uint32_t usable = 0;
  for (const Endpoint* e : d.endpoints) usable += seen_of(*e, known).usable();
  o["usable"] = json(int64_t{usable});
  if (!d.endpoints.empty() && is_panic(usable, static_cast<uint32_t>(d.endpoints.size()), b))
    o["panic"] = json(usable == 0 ? "no endpoint is usable: all are used"
                                  : "fewer than " + std::to_string(b.panic_permille / 10) +
                                        " % of the endpoints are usable: all are used");
  const model::EndpointLimits& l = d.service->limits;
  for (auto [name, most] : {std::pair{"max_connections", l.connections},
                            {"max_pending", l.pending},
                            {"max_requests", l.requests}})
    if (most != 0) o[name] = json(int64_t{most});
  return Json(std::move(o));
}

Json explain_candidates(const Snapshot& s, const Destination& d, const Known& known) {
  constexpr const char* kGroups[kNearness] = {"node", "zone", "any"};
  const Balance& b = *d.service->balance;
  Here here{known.node, here_zone(s, known)};
  std::vector<Seen> seen;
  GroupCount counts[kNearness];
  for (const Endpoint* e : d.endpoints) {
    seen.push_back(seen_of(*e, known));
    GroupCount& g = counts[nearness(*e, b, here)];
    ++g.all;
    g.usable += seen.back().usable();
  }
  double shares[kNearness];
  spread_over(counts, shares);
  JsonArray out;
  for (size_t i = 0; i < d.endpoints.size(); ++i) {
    const Endpoint& e = *d.endpoints[i];
    const Seen& v = seen[i];
    JsonObject o;
    if (!e.outside()) o["node"] = json(e.node);
    o["address"] = json(e.address);
    o["port"] = json(int64_t{e.port});
    o["weight"] = json(int64_t{e.weight});
    if (e.at.line != 0)
      o["at"] = json(s.model.file + ":" + std::to_string(e.at.line) + ":" + std::to_string(e.at.column));
    o["state"] = json(v.down ? "down" : v.out > 0 ? "out" : v.part < 1 ? "slow-start" : "up");
    std::string why = v.why;
    if (!v.down && v.out > 0 && v.out < v.loops)
      why += " (" + std::to_string(v.out) + " of " + std::to_string(v.loops) + " data loops)";
    if (why.empty() && v.part < 1) why = percent(v.part) + " of its weight in its slow start";
    if (!why.empty()) o["why"] = json(why);
    if (b.prefer_node || b.prefer_zone) {
      uint32_t group = nearness(e, b, here);
      o["group"] = json(kGroups[group]);
      o["group_share"] = json(percent(shares[group]));
    }
    o["active"] = json(int64_t{v.active});
    if (v.latency.count() > 0) o["latency_us"] = json(static_cast<int64_t>(v.latency.count() / 1000));
    out.push_back(Json(std::move(o)));
  }
  return Json(std::move(out));
}

}  // namespace meshd
