// SPDX-License-Identifier: Apache-2.0
// reference_test.cc: decide() against a plain reading of the rules, over random meshes and requests.
//
// The reference knows no index: it scans the model's lists and splits paths into vectors.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <stdexcept>

#include "base/random.h"
#include "snapshot/match_json.h"
#include "snapshot/testing.h"

namespace meshd::testing {

using model::Effect;
using model::Model;
using model::PathMatch;
using model::Policy;
using model::PolicyMode;
using model::Principal;
using model::ValueMatchKind;

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
  // There is no service d: what allows it and others is not what was meant.
  for (const auto& p : r.from)
    if (!deny && p.kind == Principal::service && p.name == "d") return false;
  bool caller = r.from.empty() && (deny || !q.from.empty());
  for (const auto& p : r.from) {
    if (p.kind == Principal::any) caller |= deny || !q.from.empty();
    if (p.kind == Principal::service) caller |= q.from == p.name;
    if (p.kind == Principal::node) caller |= q.from == "node/" + p.name;
  }
  if (!caller) return false;
  bool http = !q.method.empty();
  if (!http && !(r.methods.empty() && r.paths.empty() && !r.token.wanted())) return deny;
  if (r.token.wanted()) {
    if (!q.token || std::ranges::count(q.token->issuers, r.token.issuer) == 0) return false;
    for (const auto& claim : r.token.claims)
      if (std::ranges::count(q.token->claims, std::pair<std::string, std::string>(claim)) == 0) return false;
  }
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

// Patterns that random meshes use, each with what it means.
struct Pattern {
  const char* text;
  bool (*holds)(const std::string&);
};
const Pattern kPaths[] = {
    {"/x/.*", [](const std::string& t) { return t.starts_with("/x/"); }},
    {"/xx?(/y)+",
     [](const std::string& t) {
       size_t at = t.starts_with("/xx/") ? 3 : t.starts_with("/x/") ? 2 : t.size();
       bool some = at < t.size();
       for (; at < t.size(); at += 2)
         if (t.substr(at, 2) != "/y") return false;
       return some && at == t.size();
     }},
    {".*/y", [](const std::string& t) { return t.ends_with("/y"); }},
    {"/y|/x", [](const std::string& t) { return t == "/y" || t == "/x"; }},
};
const Pattern kValues[] = {
    {"[0-9]+",
     [](const std::string& t) {
       return !t.empty() && t.find_first_not_of("0123456789") == std::string::npos;
     }},
    {"1?", [](const std::string& t) { return t.empty() || t == "1"; }},
};
template <size_t N>
bool pattern_holds(const Pattern (&patterns)[N], const std::string& pattern, const std::string& text) {
  for (const Pattern& p : patterns)
    if (p.text == pattern) return p.holds(text);
  throw std::runtime_error(pattern);
}

bool value_holds(const model::ValueMatch& m, bool there, const std::string& value) {
  switch (m.kind) {
    case ValueMatchKind::present: return there;
    case ValueMatchKind::absent: return !there;
    case ValueMatchKind::exact: return there && value == m.value;
    case ValueMatchKind::prefix: return there && value.starts_with(m.value);
    case ValueMatchKind::regex: return there && pattern_holds(kValues, m.value, value);
  }
  return false;
}

bool host_holds(const std::vector<std::string>& patterns, std::string host) {
  host = host.substr(0, host.find(':'));
  if (host.ends_with('.')) host.pop_back();
  for (char& c : host) c = static_cast<char>(tolower(c));
  for (const std::string& p : patterns)
    if (p == host || (p[0] == '*' && host.ends_with(p.substr(1)) && host.size() >= p.size())) return true;
  return false;
}

// The service is in `to`; `host` is what the client wrote.
bool route_holds(const model::Match& m, const Request& q, const std::string& host) {
  bool http = !q.method.empty();
  if (!m.from.empty()) {
    bool caller = false;
    for (const auto& p : m.from)
      caller |= p.kind == Principal::any ? !q.from.empty()
                                         : q.from == (p.kind == Principal::node ? "node/" : "") + p.name;
    if (!caller) return false;
  }
  bool asks_http = m.path_kind != PathMatch::any || !m.methods.empty() || !m.headers.empty() ||
                   !m.query.empty() || !m.hosts.empty() || m.grpc.at.line;
  if (!http) return !asks_http && (m.server_names.empty() || host_holds(m.server_names, q.server_name));
  if (m.opaque || !m.server_names.empty()) return false;
  if (!m.hosts.empty() && !host_holds(m.hosts, host)) return false;
  if (m.grpc.at.line) {
    auto type = q.headers.find("content-type");
    if (q.method != "POST" || type == q.headers.end() || type->second != "application/grpc") return false;
    auto parts = segments(q.path);
    if (parts.size() < 2) return false;
    if (!m.grpc.service.empty() && parts[0] != m.grpc.service) return false;
    if (!m.grpc.method.empty() && (parts[1] != m.grpc.method || parts.size() != 2)) return false;
  }
  std::map<std::string, std::string> query;
  for (size_t at = 0; at < q.query.size();) {
    size_t end = std::min(q.query.find('&', at), q.query.size()), equals = q.query.find('=', at);
    std::string value;
    for (size_t i = equals + 1; i < end; ++i) {
      value += q.query[i] == '%' ? static_cast<char>(std::stoi(q.query.substr(i + 1, 2), nullptr, 16))
                                 : q.query[i];
      if (q.query[i] == '%') i += 2;
    }
    query.emplace(q.query.substr(at, equals - at), value);
    at = end + 1;
  }
  for (const auto& v : m.query)
    if (!value_holds(v, query.contains(v.name), query[v.name])) return false;
  if (m.path_kind == PathMatch::regex && !pattern_holds(kPaths, m.path, q.path)) return false;
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
    if (!value_holds(h, there, there ? it->second : "")) return false;
  }
  return true;
}

std::string route_of(const Model& m, const Request& q, const std::string& host) {
  bool any = false;
  for (const auto& r : m.routes) {
    if (r.service != q.host) continue;
    any = true;
    if (route_holds(r.match, q, host)) return r.name;
  }
  return any ? "none" : "";
}

// What no route takes is not sent, and so nobody denies it; nothing here has an endpoint.
Errc reason_of(const Model& m, const Request& q, const std::string& host) {
  std::string name = route_of(m, q, host);
  if (name == "none") return Errc::no_route;
  for (const auto& r : m.routes)
    for (const auto& p : r.match.from)
      if (r.name == name && p.kind == Principal::service && p.name == "d")
        return Errc::denied;  // quarantined
  return Errc::no_endpoint;
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
    // Many routes at one place make the table build its indexes.
    uint32_t most = chance(25) ? 60 : 12, sharing = chance(50) ? 80 : 0;
    for (uint32_t n = random.below(most); n--;) {
      model::Route r;
      r.name = "r" + std::to_string(n);
      r.service = one_of({"a", "b"});
      r.match = match(sharing);
      m.routes.push_back(r);
    }
    for (const char* name : {"i", "j"}) m.jwt.push_back({.name = name, .issuer = name});
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
      if (chance(25)) {
        r.token.at = {1, 1};
        r.token.issuer = one_of({"i", "j"});
        if (chance(60)) r.token.claims[one_of({"c", "d"})] = one_of({"1", "2"});
      }
      if (chance(50)) r.paths = some(2, [&] { return path(chance(50) ? "**" : "x*"); });
      m.policy.rules.push_back(r);
    }
    return m;
  }

  std::string host() { return one_of({"a.test", "b.a.test", "c.test", "d.test"}); }

  model::ValueMatch value(std::string name) {
    model::ValueMatch v;
    v.name = std::move(name);
    v.kind = chance(40) ? ValueMatchKind::exact : static_cast<ValueMatchKind>(random.below(5));
    v.value = v.kind == ValueMatchKind::regex ? kValues[random.below(std::size(kValues))].text
                                              : one_of({"1", "2", "12", ""});
    return v;
  }

  // `sharing` percent look at no path.
  model::Match match(uint32_t sharing) {
    model::Match m;
    if (!chance(sharing)) m.path_kind = static_cast<PathMatch>(random.below(4));
    if (m.path_kind == PathMatch::regex)
      m.path = kPaths[random.below(std::size(kPaths))].text;
    else if (m.path_kind != PathMatch::any)
      m.path = path("");
    if (chance(25)) m.methods = {method()};
    if (chance(sharing ? 60 : 30)) m.headers.push_back(value(one_of({"h", "k"})));
    if (chance(10)) m.query.push_back(value(one_of({"p", "q"})));
    if (chance(15))
      m.hosts = some(2, [&] { return chance(25) ? "*.test" : chance(25) ? "*.a.test" : host(); });
    for (uint32_t k = chance(25) ? 2 : 0; k--;) {
      Principal p;
      p.kind = chance(15) ? Principal::any : chance(30) ? Principal::node : Principal::service;
      if (p.kind != Principal::any) p.name = service();
      m.from.push_back(p);
    }
    if (chance(8)) {
      m.grpc.at = {1, 1};
      if (chance(70)) m.grpc.service = one_of({"x", "y"});
      if (chance(50)) m.grpc.method = one_of({"x", "y"});
    }
    if (chance(5)) m.opaque = true;
    if (chance(7)) m.server_names = {host()};
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
    if (chance(20)) q.headers["content-type"] = "application/grpc";
    if (q.method.empty() && chance(60)) q.server_name = host();
    if (!q.method.empty() && chance(50)) {
      q.token = model::Token{{one_of({"i", "j"})}, {{"c", one_of({"1", "2"})}}};
      if (chance(30)) q.token->issuers = {"i", "j"};
      if (chance(50)) q.token->claims.emplace_back("c", "3");
      if (chance(50)) q.token->claims.emplace_back("d", "1");
    }
    for (uint32_t n = random.below(3); n--;)
      q.query += (q.query.empty() ? "" : "&") + one_of({"p", "q", "r"}) + "=" +
                 one_of({"1", "%31", "2", "1%32", "", "x%2f"});
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
      std::string host = make.host();
      RequestFacts facts = q.facts(*s);
      if (make.chance(20)) host = (make.chance(50) ? "B.A.Test." : "b.a.test") + std::string(":80");
      facts.to = s->service(q.host);
      if (!q.method.empty()) facts.host = host;
      Decision d = decide(*s, facts);
      Verdict v = judge(m.policy, q, false), would = judge(m.policy, q, true);
      auto name = [](const meshd::PolicyRule* r) { return r ? r->name : std::string("default"); };
      bool audit = false;
      for (const auto& r : m.policy.rules) audit |= r.name == would.rule && r.mode == PolicyMode::audit;
      bool same =
          d.service->name == q.host && d.policy.verdict == v.effect && name(d.policy.rule) == v.rule &&
          (d.policy.audit_rule != nullptr) == audit &&
          (!audit || (d.policy.audit_rule->name == would.rule && d.policy.audit_verdict == would.effect)) &&
          (d.routing.route ? d.routing.route->name : "none") == route_of(m, q, host);
      same &= d.reason == reason_of(m, q, host);
      allowed += d.policy.allowed();
      ruled += d.policy.rule != nullptr;
      audited += audit;
      if (!same) {
        INFO("mesh " << i << " request " << k << ": " << q.from << " → " << q.host << " " << q.method << " "
                     << q.path);
        std::string wanted;
        for (const auto& r : m.routes)
          if (r.name == route_of(m, q, host)) wanted = to_text(write_match(r.match, {}));
        INFO("the route that holds asks for " << wanted << ", host " << host << ", query " << q.query);
        CHECK(name(d.policy.rule) == v.rule);
        CHECK((d.routing.route ? d.routing.route->name : "none") == route_of(m, q, host));
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

TEST_CASE("decide agrees with a plain reference on random meshes and requests") { compare(400, 50, 11); }
TEST_CASE("decide agrees with a plain reference on a million random pairs", "[.long]") {
  compare(10'000, 100, 12);
}

}  // namespace meshd::testing
