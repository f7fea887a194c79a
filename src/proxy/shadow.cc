// SPDX-License-Identifier: Apache-2.0
#include "proxy/shadow.h"

#include <algorithm>

#include "proxy/data_plane.h"
#include "proxy/exchange.h"

namespace meshd {

void ShadowRow::add(ShadowSample sample) {
  last_ms = std::max(last_ms, sample.time_ms);
  first_ms = first_ms == 0 ? sample.time_ms : std::min(first_ms, sample.time_ms);
  if (samples.size() < kShadowSamples)
    samples.push_back(std::move(sample));
  else
    samples[count % kShadowSamples] = std::move(sample);
  ++count;
}

ShadowCounts merge(const std::vector<ShadowCounts>& loops) {
  ShadowCounts out;
  for (const ShadowCounts& c : loops) {
    out.routed += c.routed;
    out.judged += c.judged;
    out.different += c.different;
    out.overflow += c.overflow;
    for (const auto& [key, row] : c.rows) {
      if (out.rows.size() >= kShadowRowsMax && !out.rows.contains(key)) {
        out.overflow += row.count;
        continue;
      }
      ShadowRow& sum = out.rows[key];
      sum.first_ms = sum.count == 0 ? row.first_ms : std::min(sum.first_ms, row.first_ms);
      sum.last_ms = std::max(sum.last_ms, row.last_ms);
      sum.count += row.count;
      sum.samples.insert(sum.samples.end(), row.samples.begin(), row.samples.end());
    }
  }
  for (auto& [key, row] : out.rows) {
    std::ranges::sort(row.samples, {}, [](const ShadowSample& s) { return -s.time_ms; });
    if (row.samples.size() > kShadowSamples) row.samples.resize(kShadowSamples);
  }
  return out;
}

size_t LoopShadow::SeenHash::operator()(const Seen& s) const noexcept {
  std::hash<const void*> h;
  return ((h(s.before) * 31 + h(s.after)) * 31 + h(s.service)) * 31 + static_cast<size_t>(s.kind);
}

LoopShadow::LoopShadow(ShadowOrderPtr order, LoopShadow* before) : order_(std::move(order)) {
  if (before != nullptr && before->order_->id == order_->id) counts_ = std::move(before->counts_);
}

RequestFacts LoopShadow::as_candidate(const Exchange& x, const ServiceEntry& of, const RequestFacts& facts) {
  RequestFacts out = facts;
  auto [service, new_service] = services_.try_emplace(&of);
  if (new_service) service->second = order_->candidate->service(of.name);
  out.to = service->second;
  auto [caller, new_caller] = principals_.try_emplace(x.from);
  if (new_caller) caller->second = order_->candidate->principal(x.from->uri);
  out.from = caller->second;
  return out;
}

template <class Words>
void LoopShadow::differs(const Exchange& x, const ServiceEntry& of, const RequestFacts& facts,
                         const Seen& seen, Words words) {
  ++counts_.different;
  auto [it, fresh] = seen_.try_emplace(seen);
  if (fresh) {
    auto [before, after] = words();
    ShadowKey key{seen.kind, x.direction, of.name, std::move(before), std::move(after)};
    if (counts_.rows.size() < kShadowRowsMax || counts_.rows.contains(key)) it->second = &counts_.rows[key];
  }
  if (it->second == nullptr) {
    ++counts_.overflow;
    return;
  }
  std::string path(x.request != nullptr ? x.request->head.path() : facts.server_name);
  it->second->add({x.plane.wall_ms(), x.from->text.substr(0, kShadowTextMax),
                   std::string(facts.method.substr(0, kShadowTextMax)), path.substr(0, kShadowTextMax)});
}

void LoopShadow::routed(const Exchange& x, const RequestFacts& facts) {
  // A request that began on another snapshot is compared with nothing.
  if (x.snapshot->shared != order_->live || x.service == nullptr) return;
  ++counts_.routed;
  RequestFacts asked = as_candidate(x, *x.service, facts);
  if (asked.to == nullptr)
    return differs(x, *x.service, facts, {Difference::service, nullptr, nullptr, x.service},
                   [&] { return std::pair("service " + x.service->name, std::string("no such service")); });
  const Route *before = x.routing.route, *after = route_request(*asked.to, asked).route;
  Difference d = routes_.of(before, after);
  if (d == Difference::none) return;
  differs(x, *x.service, facts, {d, before, after, x.service}, [&] {
    return std::pair(route_words(*order_->live, before, d), route_words(*order_->candidate, after, d));
  });
}

void LoopShadow::judged(const Exchange& x, const ServiceEntry& of, const RequestFacts& facts) {
  if (x.snapshot->shared != order_->live) return;
  ++counts_.judged;
  RequestFacts asked = as_candidate(x, of, facts);
  if (asked.to == nullptr)
    return differs(x, of, facts, {Difference::service, nullptr, nullptr, &of},
                   [&] { return std::pair("service " + of.name, std::string("no such service")); });
  // The candidate may ask for tokens where nobody looked for one. It knows them by the issuers in force.
  ShownToken shown;
  if (!asked.to->issuers.empty() && !x.token.looked && x.request != nullptr) {
    shown = x.plane.tokens().look(x.request->head, x.plane.unix_now(), x.plane.loop().now());
    if (shown.token) asked.token = &shown.token->token;
  }
  Authorization after = authorize(*order_->candidate, *asked.to, asked);
  Difference d = compare(x.policy, after);
  if (d == Difference::none) return;
  bool audit = d == Difference::audit;
  differs(x, of, facts,
          {d, audit ? x.policy.audit_rule : x.policy.rule, audit ? after.audit_rule : after.rule, &of}, [&] {
            return std::pair(policy_words(*order_->live, x.policy, d),
                             policy_words(*order_->candidate, after, d));
          });
}

}  // namespace meshd
