// SPDX-License-Identifier: Apache-2.0
#include "model/model.h"

#include <unordered_set>

namespace meshd::model {

const Service* find_service(const Model& model, std::string_view name) {
  for (const Service& s : model.services)
    if (s.name == name) return &s;
  return nullptr;
}

std::vector<NodeRef> nodes_named(const Model& model) {
  std::vector<NodeRef> out;
  std::unordered_set<std::string_view> seen;
  auto add = [&](const std::string& name, SourcePos at) {
    if (!name.empty() && seen.insert(name).second) out.push_back({name, at});
  };
  for (const Service& s : model.services)
    for (const Instance& i : s.instances) add(i.node, i.node_at);
  for (const Route& r : model.routes)
    for (const Principal& p : r.match.from)
      if (p.kind == Principal::node) add(p.name, p.at);
  for (const PolicyRule& r : model.policy.rules)
    for (const Principal& p : r.from)
      if (p.kind == Principal::node) add(p.name, p.at);
  return out;
}

std::string_view name_of(Protocol protocol) {
  switch (protocol) {
    case Protocol::http: return "http";
    case Protocol::http2: return "http2";
    case Protocol::grpc: return "grpc";
    case Protocol::tcp: return "tcp";
    case Protocol::detect: return "detect";
  }
  return "?";
}

std::string_view name_of(BalancePolicy policy) {
  switch (policy) {
    case BalancePolicy::least_request: return "least-request";
    case BalancePolicy::round_robin: return "round-robin";
    case BalancePolicy::random: return "random";
    case BalancePolicy::ewma: return "ewma";
    case BalancePolicy::ring_hash: return "ring-hash";
    case BalancePolicy::maglev: return "maglev";
  }
  return "?";
}
std::string_view name_of(Effect effect) { return effect == Effect::allow ? "allow" : "deny"; }
std::string_view name_of(PolicyMode mode) { return mode == PolicyMode::audit ? "audit" : "enforce"; }

}  // namespace meshd::model
