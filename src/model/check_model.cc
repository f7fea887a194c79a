// SPDX-License-Identifier: Apache-2.0
// check_model.cc: step 4 of 4. Do the values agree with each other?
// Reads the Model that bind.cc made. check_model() is the table of contents.
#include "model/check_model.h"

#include <algorithm>
#include <map>
#include <span>
#include <unordered_map>

namespace meshd::model {
namespace {

constexpr std::string_view kGateway = "gateway";
constexpr size_t kRoutesCompared = 2000;

uint32_t length(std::string_view text) { return static_cast<uint32_t>(text.size()); }
std::string line_of(SourcePos at) { return "line " + std::to_string(at.line); }

class ModelCheck {
 public:
  ModelCheck(const Model& model, Findings& findings) : model_(model), findings_(findings) {
    for (const Service& s : model.services) {
      services_.emplace(s.name, &s);
      names_.push_back(s.name);
    }
  }

  void ports() {
    std::map<uint16_t, const Service*> listens;
    for (const Service& s : model_.services) {
      if (s.name == kGateway)
        findings_
            .error(md::bad_name, s.at, length(s.name),
                   "'gateway' is reserved: it is the identity of the mesh's gateways")
            .hint = "choose another name";
      if (!s.listen) continue;
      if (s.listen == model_.mesh.http_port)
        findings_
            .error(md::duplicate_listen, s.listen_at, 6,
                   "port " + std::to_string(s.listen) + " is mesh.http_port, which routes by Host")
            .hint = "choose another port";
      auto [it, fresh] = listens.emplace(s.listen, &s);
      if (!fresh)
        findings_
            .error(md::duplicate_listen, s.listen_at, 6,
                   "port " + std::to_string(s.listen) + " is already the listener of " + it->second->name)
            .hint = line_of(it->second->listen_at);
    }
  }

  void instances() {
    std::map<std::pair<std::string_view, uint32_t>, std::pair<const Service*, const Instance*>> places;
    std::map<std::string_view, std::pair<const Service*, const Instance*>> any_local;
    for (const Service& s : model_.services) {
      for (const Instance& i : s.instances) {
        if (i.any_local && !i.node.empty()) {
          auto [it, fresh] = any_local.emplace(i.node, std::pair{&s, &i});
          if (!fresh)
            findings_
                .error(
                    md::any_local_twice, i.at, 1,
                    "the unidentified callers of node " + i.node + " are already " + it->second.first->name)
                .hint = line_of(it->second.second->at);
        }
        if (!i.port) continue;
        std::string_view place = i.node.empty() ? std::string_view(i.address) : std::string_view(i.node);
        if (place.empty()) continue;
        auto [it, fresh] =
            places.emplace(std::pair{place, i.port + (i.node.empty() ? 0x10000u : 0u)}, std::pair{&s, &i});
        // An address outside may serve several names.
        if (fresh || (i.node.empty() && it->second.first != &s)) continue;
        findings_
            .error(md::duplicate_instance, i.at, 1,
                   "port " + std::to_string(i.port) + (i.node.empty() ? " at " : " of node ") +
                       std::string(place) + " is already an instance of " + it->second.first->name)
            .hint = line_of(it->second.second->at);
      }
    }
  }

  void routes() {
    std::unordered_map<std::string_view, SourcePos> names;
    std::unordered_map<std::string_view, std::vector<const Route*>> of_service;
    for (const Route& r : model_.routes) {
      unique(r.name, r.at, names, "route");
      if (r.service.empty()) continue;
      const Service* s = service(r.service, r.service_at);
      if (!s) continue;
      weights(r);
      for (const RouteTo& to : r.to)
        if (const Service* arm = to.service.empty() ? s : service(to.service, to.at)) {
          tags(*arm, to);
          same_kind(*s, *arm, to.at);
        }
      if (const auto& m = r.actions.mirror)
        if (const Service* to = m->service.empty() ? s : service(m->service, m->at)) {
          tags(*to, {m->at, m->tags, 1, {}});
          same_kind(*s, *to, m->at);
        }
      for (const Principal& p : r.match.from) caller(p);
      never(r, *s);
      std::vector<const Route*>& before = of_service[r.service];
      // Each route against all before it: bounded, so that a huge file is still checked in seconds.
      for (const Route* earlier : std::span(before).first(std::min(before.size(), kRoutesCompared)))
        if (covers(earlier->match, r.match)) {
          findings_
              .warning(
                  md::unreachable_route, r.at, 1,
                  "route " + r.name + " is never reached: " + earlier->name + " takes all that it matches")
              .hint = line_of(earlier->at);
          break;
        }
      before.push_back(&r);
    }
    for (const Service& s : model_.services) {
      auto it = of_service.find(s.name);
      if (it == of_service.end() ||
          std::ranges::any_of(it->second, [](const Route* r) { return covers(r->match, Match{}); }))
        continue;
      const Route* last = it->second.back();
      findings_
          .warning(md::no_default_route, last->at, 1,
                   "requests to " + s.name + " that none of its routes matches are refused")
          .hint = "add a route for " + s.name + " without match";
    }
  }

  void policy() {
    if (const auto& a = model_.policy.authorizer)
      for (const RuleTarget& t : a->to) {
        const Service* s = service(t.service, t.at);
        if (s == nullptr) continue;
        if (s->protocol == Protocol::tcp)
          findings_.error(md::malformed, t.at, length(t.service),
                          "requests of " + s->name + " cannot be judged by an authorizer: it is opaque tcp");
        if (std::ranges::any_of(s->instances, [](const Instance& i) { return i.node.empty(); }))
          findings_.error(md::malformed, t.at, length(t.service),
                          s->name + " has an instance outside the mesh, where no node asks the authorizer");
      }
    std::unordered_map<std::string_view, SourcePos> names;
    for (const PolicyRule& r : model_.policy.rules) {
      unique(r.name, r.at, names, "rule");
      if (r.name == "default")
        findings_.error(md::bad_name, r.at, 1, "'default' is what policy.default is called").hint =
            "choose another name";
      for (const Principal& p : r.from) caller(p);
      issuer(r.token);
      for (const RuleTarget& t : r.to) {
        const Service* s = service(t.service, t.at);
        if (s && s->protocol == Protocol::tcp && r.effect == Effect::allow &&
            !(r.methods.empty() && r.paths.empty() && !r.token.wanted()))
          findings_.warning(
              md::never_matches, t.at, length(t.service),
              "rule " + r.name + " looks at HTTP, but " + s->name + " is opaque tcp: it never allows");
      }
    }
  }

  void tests() {
    auto known_rule = [&](const std::optional<std::string>& name, SourcePos at) {
      if (!name || *name == "default" ||
          std::ranges::any_of(model_.policy.rules, [&](const PolicyRule& r) { return r.name == *name; }))
        return;
      std::vector<std::string_view> words{"default"};
      for (const PolicyRule& r : model_.policy.rules) words.push_back(r.name);
      findings_
          .error(md::unknown_reference, at, 1,
                 "a test expects rule " + in_quotes(*name) + ", which does not exist")
          .hint = did_you_mean(*name, words);
    };
    for (const Test& t : model_.tests) {
      caller(t.from);
      issuer(t.token);
      known_rule(t.denied_by, t.at);
      known_rule(t.allowed_by, t.at);
      if (!t.route || std::ranges::any_of(model_.routes, [&](const Route& r) { return r.name == *t.route; }))
        continue;
      std::vector<std::string_view> words;
      for (const Route& r : model_.routes) words.push_back(r.name);
      findings_
          .error(md::unknown_reference, t.at, 1,
                 "a test expects route " + in_quotes(*t.route) + ", which does not exist")
          .hint = did_you_mean(*t.route, words);
    }
  }

 private:
  void unique(const std::string& name, SourcePos at, std::unordered_map<std::string_view, SourcePos>& names,
              const char* what) {
    if (name.empty()) return;
    auto [it, fresh] = names.emplace(name, at);
    if (!fresh)
      findings_
          .error(md::duplicate_name, at, 1, std::string("a second ") + what + " named " + in_quotes(name))
          .hint = "first at " + line_of(it->second);
  }

  const Service* service(std::string_view name, SourcePos at) {
    auto it = services_.find(name);
    if (it != services_.end()) return it->second;
    Diagnostic& d = findings_.error(md::unknown_service, at, 1, "unknown service " + in_quotes(name));
    d.length = length(name);
    if (findings_.full()) return nullptr;
    d.hint = did_you_mean(name, names_);
    if (d.hint.empty() && !names_.empty()) d.hint = "known: " + list_words(names_);
    return nullptr;
  }

  void caller(const Principal& p) {
    if (p.kind == Principal::service && !p.name.empty() && p.name != kGateway) service(p.name, p.at);
  }

  void issuer(const TokenMatch& token) {
    if (!token.wanted() || token.issuer.empty() ||
        std::ranges::find(model_.jwt, token.issuer, &Issuer::name) != model_.jwt.end())
      return;
    std::vector<std::string_view> known;
    for (const Issuer& i : model_.jwt) known.push_back(i.name);
    Diagnostic& d = findings_.error(md::unknown_reference, token.issuer_at, 6,
                                    "jwt has no issuer named " + in_quotes(token.issuer));
    d.hint = did_you_mean(token.issuer, known);
    if (d.hint.empty() && !known.empty()) d.hint = "known: " + list_words(known);
  }

  void weights(const Route& r) {
    uint64_t sum = 0;
    for (const RouteTo& to : r.to) sum += to.weight;
    if (!r.to.empty() && sum == 0)
      findings_.error(md::zero_weights, r.to.front().at, 1, "the weights of route " + r.name + " sum to zero")
          .hint = "no request could go anywhere";
  }

  void tags(const Service& s, const RouteTo& to) {
    for (const auto& [key, value] : to.tags) {
      std::vector<std::string_view> known;
      bool found = false;
      for (const Instance& i : s.instances) {
        auto it = i.tags.find(key);
        if (it == i.tags.end()) continue;
        found |= it->second == value;
        if (std::ranges::find(known, it->second) == known.end()) known.push_back(it->second);
      }
      if (found) continue;
      Diagnostic& d = findings_.error(md::unknown_tag, to.at, 1,
                                      "no instance of " + s.name + " has the tag " + key + ": " + value);
      d.hint = did_you_mean(value, known);
      if (d.hint.empty() && !known.empty()) d.hint = key + " is " + list_words(known);
      return;
    }
    auto has_all = [&](const Instance& i) {
      return std::ranges::all_of(to.tags, [&](const auto& tag) {
        auto it = i.tags.find(tag.first);
        return it != i.tags.end() && it->second == tag.second;
      });
    };
    if (!std::ranges::any_of(s.instances, has_all) && !to.tags.empty())
      findings_.error(md::unknown_tag, to.at, 1, "no instance of " + s.name + " has all of these tags");
  }

  void same_kind(const Service& from, const Service& to, SourcePos at) {
    if ((from.protocol == Protocol::tcp) == (to.protocol == Protocol::tcp)) return;
    const Service& bytes = from.protocol == Protocol::tcp ? from : to;
    findings_.error(
        md::malformed, at, 1,
        "requests to " + from.name + " cannot go to " + to.name + ": " + bytes.name + " is opaque tcp");
  }

  void never(const Route& r, const Service& s) {
    const Match& m = r.match;
    std::string why;
    if (m.looks_at_http() && m.looks_at_opaque())
      why = " looks at HTTP and at opaque connections, which nothing is both: it never matches";
    else if (m.looks_at_http() && s.protocol == Protocol::tcp)
      why = " looks at HTTP, but " + s.name + " is opaque tcp: it never matches";
    else if (m.looks_at_opaque() && s.protocol != Protocol::tcp && s.protocol != Protocol::detect)
      why = " looks at opaque connections, but " + s.name + " is HTTP: it never matches";
    else if (m.grpc.wanted() && !m.methods.empty() && std::ranges::find(m.methods, "POST") == m.methods.end())
      why = " looks at gRPC calls, which are all POST, by other methods: it never matches";
    if (!why.empty()) findings_.warning(md::never_matches, r.at, 1, "route " + r.name + why);
  }

  const Model& model_;
  Findings& findings_;
  std::unordered_map<std::string_view, const Service*> services_;
  std::vector<std::string_view> names_;
};

}  // namespace

void check_model(const Model& model, Findings& findings) {
  ModelCheck check(model, findings);
  check.ports();
  check.instances();
  check.routes();
  check.policy();
  check.tests();
}

}  // namespace meshd::model
