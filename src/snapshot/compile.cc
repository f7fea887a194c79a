// SPDX-License-Identifier: Apache-2.0
// compile.cc: desired state to a Snapshot. compile() is the table of contents.
//
// Nothing here stops the rest: what does not resolve is written down in `quarantined` and can only deny.
#include <algorithm>
#include <map>
#include <set>

#include "snapshot/hash_key.h"
#include "snapshot/identity.h"
#include "snapshot/snapshot.h"

namespace meshd {
namespace {

constexpr std::string_view kGateway = "gateway";  // a caller that no service is named after

}  // namespace

EndpointId endpoint_id(std::string_view service, std::string_view node, std::string_view address,
                       uint16_t port) {
  // FNV-1a over the parts with a separator that none of them holds, mixed.
  uint64_t h = 0xcbf29ce484222325;
  auto add = [&h](std::string_view bytes) {
    for (char c : bytes) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    h = (h ^ 0xFF) * 0x100000001b3;
  };
  add(service);
  add(node);
  add(address);
  add(std::to_string(port));
  return {mix(h)};
}

class Compiler {
 public:
  Compiler(const model::Model& model, const std::vector<NodeInfo>& nodes, Revision revision) {
    s_->revision = revision;
    s_->model = model;
    s_->model.tests.clear();
    s_->nodes = nodes;
    std::ranges::sort(s_->nodes, {}, &NodeInfo::name);
  }

  void nodes() {
    for (const NodeInfo& n : s_->nodes)
      if (!s_->node_by_name_.emplace(n.name, &n).second)
        quarantine("node", n.name, "two nodes of this name", {});
  }

  void services() {
    for (const model::Service& service : s_->model.services) {
      auto entry = std::make_unique<ServiceEntry>();
      ServiceEntry& e = *entry;
      if (!s_->by_name_.emplace(service.name, &e).second) {
        quarantine("service", service.name, "two services of this name", service.at);
        continue;
      }
      e.name = service.name;
      e.index = static_cast<uint32_t>(s_->services.size());
      e.spiffe_id = service_spiffe_id(trust_domain(), service.name);
      e.protocol = service.protocol;
      e.port = service.port;
      e.listen = service.listen;
      e.health = service.health ? &*service.health : nullptr;
      e.balance = &service.balance;
      e.breaker = service.breaker ? &*service.breaker : nullptr;
      e.limits = service.limits;
      e.at = service.at;
      endpoints(service, e);
      if (e.listen && !s_->by_listen_.emplace(e.listen, &e).second) {
        quarantine("service", e.name, "port " + std::to_string(e.listen) + " is another service's listener",
                   service.listen_at);
        e.listen = 0;
      }
      s_->services.push_back(std::move(entry));
    }
  }

  void workloads() {
    for (const model::Service& service : s_->model.services) {
      const ServiceEntry* e = s_->service(service.name);
      for (const model::Instance& i : service.instances) {
        if (i.node.empty()) continue;
        const Endpoint* endpoint = i.port ? s_->endpoint_on(i.node, service.name, i.port) : nullptr;
        s_->workloads_[i.node].push_back({e, &i, endpoint, e->spiffe_id});
      }
    }
  }

  void routes() {
    std::unordered_map<std::string_view, std::vector<const model::Route*>> of_service;
    for (const model::Route& r : s_->model.routes) {
      if (!s_->service(r.service))
        quarantine("route", r.name, "there is no service " + r.service, r.service_at);
      of_service[r.service].push_back(&r);
    }
    for (const auto& entry : s_->services) {
      ServiceEntry& e = *entry;
      auto it = of_service.find(e.name);
      if (it == of_service.end()) {
        model::Route all;
        all.at = e.at;
        e.routes.push_back(route(all, e));
      } else {
        for (const model::Route* r : it->second) e.routes.push_back(route(*r, e));
      }
      e.route_table.build(e.routes);
    }
  }

  void authorizer() {
    const auto& a = s_->model.policy.authorizer;
    if (!a) return;
    for (const model::RuleTarget& t : a->to) {
      auto found = s_->by_name_.find(t.service);
      if (found == s_->by_name_.end()) {
        quarantine("authorizer", a->url, "there is no service " + t.service, t.at);
        continue;
      }
      for (const auto& e : s_->services)
        if (e.get() == found->second) e->authorizer = &*a;
    }
  }

  void rules() {
    for (const model::PolicyRule& rule : s_->model.policy.rules) {
      PolicyRule out;
      out.name = rule.name;
      out.effect = rule.effect;
      out.mode = rule.mode;
      out.at = rule.at;
      out.order = static_cast<uint32_t>(s_->rules.size());
      out.methods = rule.methods;
      out.paths = rule.paths;
      if (rule.token.wanted()) out.token = &rule.token;
      out.source = &rule;
      s_->rules.push_back(out);
      index(rule, out.order);
    }
  }

  SnapshotPtr done() { return std::move(s_); }

 private:
  const std::string& trust_domain() const { return s_->model.mesh.trust_domain; }

  void quarantine(std::string kind, std::string name, std::string status, SourcePos at) {
    s_->quarantined.push_back({std::move(kind), std::move(name), std::move(status), at});
  }

  void endpoints(const model::Service& service, ServiceEntry& e) {
    std::set<EndpointId> seen;
    // Pointers are taken below: the vector must not move again.
    e.endpoints.reserve(service.instances.size());
    for (const model::Instance& i : service.instances) {
      if (!i.port) continue;
      Endpoint p;
      p.service = &e;
      p.node = i.node;
      p.app_address = i.address;
      p.port = i.port;
      p.tags = i.tags;
      p.weight = i.weight;
      p.at = i.at;
      if (i.node.empty()) {
        p.address = i.address;
      } else if (const NodeInfo* n = s_->node(i.node)) {
        p.address = n->address;
        p.mesh_port = n->mesh_port;
        p.zone = n->zone;
      } else {
        p.status = "node " + i.node + " has not joined";
      }
      p.id = endpoint_id(e.name, p.node, p.address, p.port);
      if (!seen.insert(p.id).second) {
        quarantine("service", e.name, "two instances at one place", i.at);
        continue;
      }
      if (!p.status.empty()) quarantine("service", e.name, p.status, i.node_at);
      e.endpoints.push_back(std::move(p));
      s_->by_endpoint_.emplace(e.endpoints.back().id, &e.endpoints.back());
    }
  }

  Route route(const model::Route& r, const ServiceEntry& e) {
    Route out;
    out.name = r.name;
    out.service = &e;
    out.at = r.at;
    out.order = static_cast<uint32_t>(e.routes.size());
    match(r.match, out);
    out.timeout = r.request_timeout.value_or(s_->model.defaults.timeout.request);
    out.timeout_at = r.timeout_at;
    out.per_try = r.per_try;
    out.rate_limit = r.rate_limit ? &*r.rate_limit : nullptr;
    out.retries = r.retries ? &*r.retries : &s_->model.defaults.retries;
    if (r.to.empty()) out.to.push_back(destination({r.at, {}, 1, {}}, e, out.status));
    for (const model::RouteTo& to : r.to) out.to.push_back(destination(to, e, out.status));
    actions(r, out, e);
    for (const Destination& d : out.to) out.weight_total += d.weight;
    if (out.weight_total == 0) out.status = "the weights sum to zero";
    if (!out.status.empty()) quarantine("route", out.name, out.status, out.at);
    return out;
  }

  void match(const model::Match& m, Route& out) {
    static_cast<model::Match&>(out.match) = m;
    auto values = [&](const std::vector<model::ValueMatch>& list, std::vector<model::Regex>& regexes) {
      for (const model::ValueMatch& v : list)
        regexes.push_back(v.kind == model::ValueMatchKind::regex ? compiled(v.value, out) : model::Regex());
    };
    if (m.path_kind == model::PathMatch::regex) out.match.path_regex = compiled(m.path, out);
    values(m.headers, out.match.header_regexes);
    values(m.query, out.match.query_regexes);
    for (const model::Principal& p : m.from) {
      if (!known(p)) out.status = "there is no service " + p.name;
      out.match.callers.push_back(principal(p));
    }
  }

  static bool has_tags(const Endpoint& p, const model::Tags& tags) {
    return std::ranges::all_of(tags, [&](const auto& tag) {
      auto it = p.tags.find(tag.first);
      return it != p.tags.end() && it->second == tag.second;
    });
  }

  // The table of the arm's endpoints, made once for all arms with the same.
  std::shared_ptr<const HashTable> hashes(const Destination& d) {
    if (!model::hashes(d.service->balance->policy)) return nullptr;
    std::shared_ptr<const HashTable>& table = tables_[{d.service, d.endpoints}];
    if (table) return table;
    std::vector<HashTable::Entry> entries;
    for (const Endpoint* p : d.endpoints) entries.push_back({p->id, p->weight});
    return table = std::make_shared<const HashTable>(d.service->balance->policy, entries);
  }

  // What does not resolve is written to `status`.
  Destination destination(const model::RouteTo& to, const ServiceEntry& of, std::string& status) {
    const ServiceEntry* e = to.service.empty() ? &of : s_->service(to.service);
    Destination d{.service = e, .tags = to.tags, .weight = to.weight, .at = to.at};
    if (e == nullptr) {
      status = "there is no service " + to.service;
      return d;
    }
    for (const Endpoint& p : e->endpoints)
      if (p.status.empty() && p.weight > 0 && has_tags(p, to.tags)) d.endpoints.push_back(&p);
    // Endpoints of nodes that have not joined still show that the tags mean something.
    if (!to.tags.empty() &&
        std::ranges::none_of(e->endpoints, [&](const Endpoint& p) { return has_tags(p, to.tags); })) {
      const auto& [key, value] = *to.tags.begin();
      status = "no instance of " + e->name + " has the tag " + key + ": " + value;
    }
    d.hashes = hashes(d);
    return d;
  }

  // `r` is the snapshot's own, or the one that all services without routes share and that has none.
  void actions(const model::Route& r, Route& out, const ServiceEntry& e) {
    if (r.sticky.key != model::Sticky::none) out.sticky = &r.sticky;
    const model::Actions& a = r.actions;
    if (a.request.empty() && a.response.empty() && !a.rewrite && !a.redirect && !a.respond && !a.cors &&
        !a.fault && !a.mirror)
      return;
    out.actions = &a;
    for (const model::PathChange* change :
         {a.rewrite ? &a.rewrite->path : nullptr, a.redirect ? &a.redirect->path : nullptr})
      if (change != nullptr && change->kind == model::PathChange::regex)
        out.path_regex = compiled(change->pattern, out);
    if (a.mirror)
      out.mirror = destination({a.mirror->at, a.mirror->tags, 1, a.mirror->service}, e, out.status);
  }

  model::Regex compiled(const std::string& pattern, Route& out) {
    auto regex = model::Regex::compile(pattern);
    // The server took it, so this is another version: what cannot be asked is refused.
    if (!regex) out.status = "'" + pattern + "' is not a regular expression: " + regex.error().what;
    return regex.value_or(model::Regex());
  }

  void index(const model::PolicyRule& rule, uint32_t order) {
    bool deny = rule.effect == model::Effect::deny;
    if (rule.token.wanted() &&
        std::ranges::find(s_->model.jwt, rule.token.issuer, &model::Issuer::name) == s_->model.jwt.end()) {
      quarantine("rule", rule.name, "jwt has no issuer named " + rule.token.issuer, rule.token.issuer_at);
      if (!deny) return;
    }
    std::vector<uint32_t> targets;
    for (const model::RuleTarget& t : rule.to) {
      if (const ServiceEntry* e = s_->service(t.service)) {
        targets.push_back(e->index);
        continue;
      }
      quarantine("rule", rule.name, "there is no service " + t.service, t.at);
      // A rule that is not what was meant may still deny, never allow.
      if (!deny) return;
    }
    if (rule.to.empty()) targets.push_back(kEveryService);
    std::vector<PrincipalId> callers;
    for (const model::Principal& p : rule.from) {
      callers.push_back(principal(p));
      if (known(p)) continue;
      // Its certificate may outlive the service: what denies it still does, what allows it does not.
      quarantine("rule", rule.name, "there is no service " + p.name, p.at);
      if (!deny) return;
    }
    if (rule.from.empty()) callers.push_back(kAnyone);
    if (rule.token.wanted())
      for (const auto& e : s_->services)
        if (rule.to.empty() || std::ranges::find(targets, e->index) != targets.end())
          asks_for_token(rule, *e);
    for (uint32_t target : targets)
      for (PrincipalId caller : callers) s_->rule_table.add(target, caller, order, deny, rule.paths);
  }

  static void asks_for_token(const model::PolicyRule& rule, ServiceEntry& e) {
    if (std::ranges::find(e.issuers, rule.token.issuer) == e.issuers.end())
      e.issuers.push_back(rule.token.issuer);
    e.tokens_judged |= rule.mode == model::PolicyMode::enforce;
  }

  bool known(const model::Principal& p) const {
    return p.kind != model::Principal::service || p.name == kGateway || s_->service(p.name) != nullptr;
  }

  PrincipalId principal(const model::Principal& p) {
    if (p.kind == model::Principal::any) return kAnyone;
    auto [it, fresh] = s_->principals_.emplace(spiffe_id(trust_domain(), p), PrincipalId{});
    if (fresh) it->second = {kFirstPrincipal + static_cast<uint32_t>(s_->principals_.size()) - 1};
    return it->second;
  }

  std::shared_ptr<Snapshot> s_ = std::make_shared<Snapshot>();
  std::map<std::pair<const ServiceEntry*, std::vector<const Endpoint*>>, std::shared_ptr<const HashTable>>
      tables_;
};

SnapshotPtr compile(const model::Model& model, const std::vector<NodeInfo>& nodes, Revision revision) {
  Compiler c(model, nodes, revision);
  c.nodes();
  c.services();
  c.workloads();
  c.routes();
  c.rules();
  c.authorizer();
  return c.done();
}

}  // namespace meshd
