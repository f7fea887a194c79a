// SPDX-License-Identifier: Apache-2.0
// reference_test.cc: decide() against a plain reading of the rules, over random meshes and requests.
//
// The reference knows no index: it scans the model's lists and splits paths into vectors.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "base/random.h"
#include "snapshot/testing.h"

namespace meshd::testing {

using model::Effect;
using model::HeaderMatchKind;
using model::Model;
using model::PathMatch;
using model::Policy;
using model::PolicyMode;
using model::Principal;

namespace {

std::vector<std::string> segments(const std::string& path) {
  std::vector<std::string> out{""};
  for (char c : path.substr(1)) {
    if (c == '/')
      out.emplace_back();
    else
      out.back() += c;
  }
  return out;
}

bool glob(const std::string& t, const std::string& p, size_t i = 0, size_t j = 0) {
  if (j == p.size()) return i == t.size();
  if (p[j] == '*') return glob(t, p, i, j + 1) || (i < t.size() && glob(t, p, i + 1, j));
  return i < t.size() && t[i] == p[j] && glob(t, p, i + 1, j + 1);
}

bool pattern(const std::vector<std::string>& t, const std::vector<std::string>& p, size_t i = 0,
             size_t j = 0) {
  if (j == p.size()) return i == t.size();
  if (p[j] == "**") return pattern(t, p, i, j + 1) || (i < t.size() && pattern(t, p, i + 1, j));
  return i < t.size() && glob(t[i], p[j]) && pattern(t, p, i + 1, j + 1);
}

bool rule_holds(const model::PolicyRule& r, const Request& q) {
  bool deny = r.effect == Effect::deny;
  if (!r.to.empty()) {
    bool named = false;
    for (const auto& t : r.to) named |= t.service == q.host;
    if (!named) return false;
  }
  bool caller = r.from.empty() && (deny || !q.from.empty());
  for (const auto& p : r.from) {
    if (p.kind == Principal::any) caller |= deny || !q.from.empty();
    if (p.kind == Principal::service) caller |= q.from == p.name;
    if (p.kind == Principal::node) caller |= q.from == "node/" + p.name;
  }
  if (!caller) return false;
  bool http = !q.method.empty();
  if (!http && !(r.methods.empty() && r.paths.empty())) return deny;
  if (!r.methods.empty() && std::ranges::find(r.methods, q.method) == r.methods.end()) return false;
  if (r.paths.empty()) return true;
  for (const auto& p : r.paths)
    if (pattern(segments(q.path), segments(p))) return true;
  return false;
}

struct Verdict {
  std::string rule = "default";
  Effect effect;
};
Verdict judge(const Policy& policy, const Request& q, bool with_audit) {
  for (Effect e : {Effect::deny, Effect::allow})
    for (const auto& r : policy.rules)
      if (r.effect == e && (with_audit || r.mode == PolicyMode::enforce) && rule_holds(r, q))
        return {r.name, e};
  return {"default", policy.default_effect};
}

bool route_holds(const model::Match& m, const Request& q) {
  bool http = !q.method.empty();
  if (!http) return m.path_kind == PathMatch::any && m.methods.empty() && m.headers.empty();
  if (m.path_kind == PathMatch::exact && m.path != q.path) return false;
  if (m.path_kind == PathMatch::prefix) {
    auto t = segments(q.path), p = segments(m.path);
    if (p.back().empty()) p.pop_back();
    if (t.size() < p.size() || !std::equal(p.begin(), p.end(), t.begin())) return false;
  }
  if (!m.methods.empty() && std::ranges::find(m.methods, q.method) == m.methods.end()) return false;
  for (const auto& h : m.headers) {
    auto it = q.headers.find(h.name);
    bool there = it != q.headers.end();
    if (h.kind == HeaderMatchKind::present && !there) return false;
    if (h.kind == HeaderMatchKind::absent && there) return false;
    if (h.kind == HeaderMatchKind::exact && (!there || it->second != h.value)) return false;
    if (h.kind == HeaderMatchKind::prefix && (!there || !it->second.starts_with(h.value))) return false;
  }
  return true;
}

std::string route_of(const Model& m, const Request& q) {
  bool any = false;
  for (const auto& r : m.routes) {
    if (r.service != q.host) continue;
    any = true;
    if (route_holds(r.match, q)) return r.name;
  }
  return any ? "none" : "";
}

// ---- random meshes and requests over a small alphabet, so that things meet

struct Maker {
  FastRandom random;
  template <size_t N>
  std::string one_of(const char* const (&words)[N]) {
    return words[random.below(N)];
  }
  bool chance(uint32_t percent) { return random.below(100) < percent; }
  std::string service() { return one_of({"a", "b", "c", "d"}); }
  std::string method() { return one_of({"GET", "POST", "DELETE"}); }
  std::string path(const char* extra) {
    std::string out;
    for (uint32_t n = random.below(4); n--;)
      out += "/" + (chance(25) && *extra ? std::string(extra) : one_of({"x", "y", "xx"}));
    if (out.empty() || chance(15)) out += "/";
    return out;
  }
  std::vector<std::string> some(int max, auto make) {
    std::vector<std::string> out;
    for (uint32_t n = random.below(static_cast<uint32_t>(max) + 1); n--;) out.push_back(make());
    return out;
  }

  Model model() {
    Model m;
    m.mesh.trust_domain = "t";
    for (const char* name : {"a", "b", "c"}) {
      model::Service s;
      s.name = name;
      m.services.push_back(s);
    }
    for (uint32_t n = random.below(12); n--;) {
      model::Route r;
      r.name = "r" + std::to_string(n);
      r.service = one_of({"a", "b"});
      r.match.path_kind = static_cast<PathMatch>(random.below(3));
      if (r.match.path_kind != PathMatch::any) r.match.path = path("");
      if (chance(25)) r.match.methods = {method()};
      if (chance(30))
        r.match.headers.push_back(
            {{}, one_of({"h", "k"}), static_cast<HeaderMatchKind>(random.below(4)), one_of({"1", "2", ""})});
      m.routes.push_back(r);
    }
    m.policy.default_effect = chance(70) ? Effect::deny : Effect::allow;
    for (uint32_t n = random.below(14); n--;) {
      model::PolicyRule r;
      r.name = "p" + std::to_string(n);
      r.effect = chance(40) ? Effect::deny : Effect::allow;
      r.mode = chance(25) ? PolicyMode::audit : PolicyMode::enforce;
      for (uint32_t k = random.below(3); k--;) {
        Principal p;
        p.kind = static_cast<Principal::Kind>(random.below(3));
        if (p.kind != Principal::any) p.name = service();
        r.from.push_back(p);
      }
      for (uint32_t k = random.below(3); k--;) r.to.push_back({one_of({"a", "b", "c"}), {}});
      if (chance(30)) r.methods = some(2, [&] { return method(); });
      if (chance(50)) r.paths = some(2, [&] { return path(chance(50) ? "**" : "x*"); });
      m.policy.rules.push_back(r);
    }
    return m;
  }

  Request request() {
    Request q;
    q.from = chance(15) ? "" : chance(30) ? "node/" + service() : service();
    q.host = one_of({"a", "b", "c"});
    q.method = chance(12) ? "" : method();
    q.path = q.method.empty() ? "" : path("");
    if (chance(40)) q.headers["h"] = one_of({"1", "2", "12", ""});
    if (chance(20)) q.headers["k"] = one_of({"1", ""});
    return q;
  }
};

void compare(int meshes, int requests, uint64_t seed) {
  Maker make{FastRandom(seed)};
  int allowed = 0, ruled = 0, audited = 0;
  for (int i = 0; i < meshes; ++i) {
    Model m = make.model();
    auto s = compile(m, {}, {});
    for (int k = 0; k < requests; ++k) {
      Request q = make.request();
      Decision d = decide(*s, q.facts(*s));
      Verdict v = judge(m.policy, q, false), would = judge(m.policy, q, true);
      auto name = [](const meshd::PolicyRule* r) { return r ? r->name : std::string("default"); };
      bool audit = false;
      for (const auto& r : m.policy.rules) audit |= r.name == would.rule && r.mode == PolicyMode::audit;
      bool same =
          d.service->name == q.host && d.policy.verdict == v.effect && name(d.policy.rule) == v.rule &&
          (d.policy.audit_rule != nullptr) == audit &&
          (!audit || (d.policy.audit_rule->name == would.rule && d.policy.audit_verdict == would.effect)) &&
          (d.routing.route ? d.routing.route->name : "none") == route_of(m, q);
      allowed += d.policy.allowed();
      ruled += d.policy.rule != nullptr;
      audited += audit;
      if (!same) {
        INFO("mesh " << i << " request " << k << ": " << q.from << " → " << q.host << " " << q.method << " "
                     << q.path);
        CHECK(name(d.policy.rule) == v.rule);
        CHECK((d.routing.route ? d.routing.route->name : "none") == route_of(m, q));
        CHECK(name(d.policy.audit_rule) == (audit ? would.rule : "default"));
        REQUIRE(same);
      }
    }
  }
  // The comparison says something only if all outcomes occur.
  int total = meshes * requests;
  CHECK(allowed > total / 20);
  CHECK(allowed < total * 19 / 20);
  CHECK(ruled > total / 20);
  CHECK(audited > total / 100);
}

}  // namespace

TEST_CASE("decide agrees with a plain reference on random meshes and requests") { compare(1000, 100, 11); }
TEST_CASE("decide agrees with a plain reference on a million random pairs", "[.long]") {
  compare(10'000, 100, 12);
}

}  // namespace meshd::testing
