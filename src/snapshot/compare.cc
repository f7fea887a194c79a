// SPDX-License-Identifier: Apache-2.0
#include "snapshot/compare.h"

#include <algorithm>

#include "snapshot/actions_json.h"
#include "snapshot/resilience_json.h"

namespace meshd {
namespace {

// Places are [line, column] under "at" and "…_at".
void drop_places(Json& j) {
  if (j.is<JsonArray>())
    for (Json& item : j.get<JsonArray>()) drop_places(item);
  if (!j.is<JsonObject>()) return;
  auto& o = j.get<JsonObject>();
  std::erase_if(o, [](const auto& m) {
    return (m.first == "at" || m.first.ends_with("_at")) && m.second.template is<JsonArray>() &&
           m.second.template get<JsonArray>().size() == 2;
  });
  for (auto& [name, value] : o) drop_places(value);
}

// Everything that a route does besides where it goes.
std::string deeds(const Route& r) {
  Out o;
  o.number("timeout_ms", r.timeout.count());
  o.number("per_try_ms", r.per_try.count());
  if (r.retries != nullptr) o.value("retries", write_retries(*r.retries));
  if (r.rate_limit != nullptr) o.value("rate_limit", write_rate_limit(*r.rate_limit));
  if (r.sticky != nullptr) write_sticky(o, *r.sticky);
  if (r.actions != nullptr) write_actions(o, *r.actions);
  Json j = o.done();
  drop_places(j);
  return to_text(j);
}

bool same_arm(const Destination& a, uint64_t a_total, const Destination& b, uint64_t b_total) {
  auto same_place = [](const Endpoint* x, const Endpoint* y) { return x->id == y->id; };
  return (a.service == nullptr) == (b.service == nullptr) &&
         (a.service == nullptr || a.service->name == b.service->name) && a.tags == b.tags &&
         static_cast<unsigned __int128>(a.weight) * b_total ==
             static_cast<unsigned __int128>(b.weight) * a_total &&
         std::ranges::equal(a.endpoints, b.endpoints, same_place);
}

bool same_arms(const Route& a, const Route& b) {
  return std::ranges::equal(a.to, b.to, [&](const Destination& x, const Destination& y) {
    return same_arm(x, a.weight_total, y, b.weight_total);
  });
}

std::string place(const Snapshot& s, SourcePos at) {
  if (at.line == 0) return {};
  return " (" + s.model.file + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) + ")";
}

std::string_view name_of_rule(const PolicyRule* rule) { return rule ? std::string_view(rule->name) : ""; }

}  // namespace

std::string_view name_of(Difference d) {
  switch (d) {
    case Difference::none: return "none";
    case Difference::service: return "service";
    case Difference::route: return "route";
    case Difference::arms: return "arms";
    case Difference::actions: return "actions";
    case Difference::denied: return "denied";
    case Difference::allowed: return "allowed";
    case Difference::rule: return "rule";
    case Difference::audit: return "audit";
  }
  return "?";
}

Difference compare(const Authorization& before, const Authorization& after) {
  if (before.verdict != after.verdict) return after.allowed() ? Difference::allowed : Difference::denied;
  if (name_of_rule(before.rule) != name_of_rule(after.rule) ||
      (before.rule == nullptr) != (after.rule == nullptr))
    return Difference::rule;
  if (name_of_rule(before.audit_rule) != name_of_rule(after.audit_rule) ||
      before.audit_verdict != after.audit_verdict)
    return Difference::audit;
  return Difference::none;
}

Difference RouteComparison::of(const Route* before, const Route* after) {
  auto [it, fresh] = seen_.try_emplace({before, after}, Difference::none);
  if (!fresh) return it->second;
  Difference& d = it->second;
  if (before == nullptr || after == nullptr)
    d = before == after ? Difference::none : Difference::route;
  else if (before->name != after->name || before->status.empty() != after->status.empty())
    d = Difference::route;
  else if (!same_arms(*before, *after))
    d = Difference::arms;
  else if (deeds(*before) != deeds(*after))
    d = Difference::actions;
  return d;
}

std::string arms_text(const Route& route) {
  std::string out;
  for (const Destination& d : route.to) {
    out += (out.empty() ? "" : ", ") + (d.service ? d.service->name : std::string("-"));
    std::string tags;
    for (const auto& [key, value] : d.tags) tags += (tags.empty() ? "" : ",") + key + "=" + value;
    if (!tags.empty()) out += "{" + tags + "}";
    out += " " + std::to_string(d.weight);
    constexpr size_t kShown = 3;
    for (size_t i = 0; i < std::min(d.endpoints.size(), kShown); ++i)
      out += (i == 0 ? " at " : " ") + d.endpoints[i]->address + ":" + std::to_string(d.endpoints[i]->port);
    if (d.endpoints.size() > kShown) out += " and " + std::to_string(d.endpoints.size() - kShown) + " more";
  }
  return out.empty() ? "answers itself" : out;
}

std::string route_words(const Snapshot& snapshot, const Route* route, Difference why) {
  if (route == nullptr) return "no route";
  std::string out = "route " + (route->name.empty() ? "-" : route->name) + place(snapshot, route->at);
  if (!route->status.empty()) return out + ", refused: " + route->status;
  return why == Difference::arms ? out + " to " + arms_text(*route) : out;
}

std::string policy_words(const Snapshot& snapshot, const Authorization& policy, Difference why) {
  if (why == Difference::audit) {
    if (policy.audit_rule == nullptr) return "nothing to audit";
    return "would " + std::string(name_of(policy.audit_verdict)) + " by rule " + policy.audit_rule->name +
           place(snapshot, policy.audit_rule->at);
  }
  return std::string(name_of(policy.verdict)) + " by " +
         (policy.rule ? "rule " + policy.rule->name : "default") + place(snapshot, policy.at);
}

}  // namespace meshd
