// SPDX-License-Identifier: Apache-2.0
#include "control/learn.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/clock.h"
#include "model/scalars.h"
#include "snapshot/compare.h"
#include "snapshot/identity.h"

namespace meshd {
namespace {

constexpr size_t kNameMax = 63;  // of a DNS label

bool same_flow(const SeenFlow& a, const SeenFlow& b) {
  return a.caller == b.caller && a.service == b.service && a.port == b.port && a.method == b.method;
}

// Whether every path of the shape `inner` is one of `outer`. `*` takes the text "*" too, so a shape is its own example.
bool covers(const SeenFlow& outer, const SeenFlow& inner) {
  if (!same_flow(outer, inner) || outer.path == inner.path || !inner.path.starts_with('/')) return false;
  if (inner.path.ends_with("/**")) return outer.path == "/**";
  return path_matches_pattern(inner.path, outer.path);
}

// "learned-shop-to-web-2": unique, and a name that the file takes.
std::string rule_name(std::string_view caller, const std::string& service, std::set<std::string>& taken) {
  std::string base = "learned-" + std::string(caller.substr(caller.find('/') + 1)) + "-to-" + service;
  for (char& c : base)
    if ((c < 'a' || c > 'z') && (c < '0' || c > '9')) c = '-';
  base.resize(std::min(base.size(), kNameMax - 6));
  while (base.ends_with('-')) base.pop_back();
  std::string name = base;
  for (size_t n = 2; !taken.insert(name).second; ++n) name = base + "-" + std::to_string(n);
  return name;
}

std::string quoted(const std::set<std::string>& words) {
  std::string out;
  for (const std::string& w : words) out += (out.empty() ? "" : ", ") + to_text(json(w));
  return "[" + out + "]";
}

struct Rule {
  std::set<std::string> paths;
  uint64_t count = 0;
  int64_t last = 0;
};

}  // namespace

std::vector<SeenFlow> read_flows(const Json& answer) {
  std::vector<SeenFlow> out;
  for (const Json& j : list_of(answer, "flows"))
    out.push_back({text_of(j, "caller"), text_of(j, "service"), static_cast<uint16_t>(int_of(j, "port")),
                   text_of(j, "method"), text_of(j, "path"), text_of(j, "example"),
                   static_cast<uint64_t>(int_of(j, "count")), int_of(j, "first"), int_of(j, "last")});
  return out;
}

std::string learned_policy(const std::string& trust_domain, std::vector<SeenFlow> flows) {
  // What a wider shape takes needs no line of its own.
  std::vector<SeenFlow> kept;
  for (SeenFlow& f : flows)
    if (std::ranges::none_of(flows, [&](const SeenFlow& o) { return covers(o, f); })) kept.push_back(f);

  // Paths that are asked for by the same methods share a rule: a rule is methods times paths, and no more was seen.
  std::map<std::tuple<std::string, std::string, std::string>, std::set<std::string>> methods;
  std::map<std::tuple<std::string, std::string, std::set<std::string>>, Rule> rules;
  std::string unsaid;
  auto caller_of = [&](const SeenFlow& f) { return principal_text(trust_domain, f.caller); };
  for (const SeenFlow& f : kept) methods[{caller_of(f), f.service, f.path}].insert(f.method);
  for (const SeenFlow& f : kept) {
    std::string caller = caller_of(f);
    bool path_said = !f.path.starts_with('/') || model::is_path_pattern(f.path);
    if (!model::parse_principal(caller) || caller == "*" || caller == "-" || !path_said) {
      unsaid += "    # not said: " + caller + " to " + f.service + " " + f.method + " " + f.path + "\n";
      continue;
    }
    Rule& r = rules[{caller, f.service, methods[{caller, f.service, f.path}]}];
    if (f.path.starts_with('/')) r.paths.insert(f.path);
    r.count += f.count;
    r.last = std::max(r.last, f.last);
  }

  std::string out = "policy:\n  default: deny\n";
  out += rules.empty() ? "  rules: []\n" : "  rules:\n";
  std::set<std::string> taken;
  for (const auto& [key, r] : rules) {
    const auto& [caller, service, verbs] = key;
    out += "    # " + std::to_string(r.count) + (verbs.contains("") ? " connections" : " requests") +
           ", the last at " + format_time(r.last) + "\n";
    out += "    - name: " + rule_name(caller, service, taken) + "\n      allow: { from: [" +
           to_text(json(caller)) + "], to: " + service;
    if (!verbs.contains("")) out += ", methods: " + quoted(verbs);
    if (!r.paths.empty()) out += ", paths: " + quoted(r.paths);
    out += " }\n";
  }
  return out + unsaid;
}

std::vector<BrokenFlow> broken_by(const Snapshot& candidate, const std::vector<SeenFlow>& flows) {
  std::vector<BrokenFlow> out;
  for (const SeenFlow& f : flows) {
    const ServiceEntry* to = candidate.service(f.service);
    if (to == nullptr) {
      out.push_back({&f, "there is no service " + f.service});
      continue;
    }
    RequestFacts facts;
    facts.to = to;
    facts.from = candidate.principal(f.caller);
    facts.method = f.method;
    if (facts.is_http()) facts.path = f.example;
    Authorization a = authorize(candidate, *to, facts);
    // What tokens were shown is not kept with flows.
    const char* token = a.token_missing ? "; with a token a rule might allow it" : "";
    if (!a.allowed()) out.push_back({&f, policy_words(candidate, a, Difference::none) + token});
  }
  return out;
}

}  // namespace meshd
