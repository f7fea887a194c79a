// SPDX-License-Identifier: Apache-2.0
// authorize.cc: the inbound side of decide(): may this caller make this request?
// Reads facts.from, method, path. Deny rules, then allow rules, then the default.
#include <algorithm>
#include <array>

#include "snapshot/decide.h"

namespace meshd {
namespace {

using model::Effect;
using model::PolicyMode;

// The rules that name this service or all, and this caller or anyone.
struct Found {
  std::array<const RuleTable::Lists*, 4> lists{};
  size_t count = 0;
  void add(const RuleTable::Lists* l) {
    if (l) lists[count++] = l;
  }
};

// All that the rule asks for but its token.
bool holds_without_token(const PolicyRule& rule, const RequestFacts& facts) {
  if (rule.methods.empty() && rule.paths.empty()) return true;
  if (!rule.methods.empty() && std::ranges::find(rule.methods, facts.method) == rule.methods.end())
    return false;
  return rule.paths.empty() || std::ranges::any_of(rule.paths, [&](const std::string& p) {
           return path_matches_pattern(facts.path, p);
         });
}

enum class Holds : uint8_t { no, but_for_a_token, yes };

Holds holds(const PolicyRule& rule, const RequestFacts& facts) {
  // Opaque TCP shows no method, no path and no token: what cannot be looked at is not allowed by them, and is denied by
  // them.
  bool http_only = !rule.methods.empty() || !rule.paths.empty() || rule.token != nullptr;
  if (http_only && !facts.is_http()) return rule.effect == Effect::deny ? Holds::yes : Holds::no;
  if (!holds_without_token(rule, facts)) return Holds::no;
  if (rule.token == nullptr) return Holds::yes;
  if (facts.token == nullptr) return Holds::but_for_a_token;
  return facts.token->matches(*rule.token) ? Holds::yes : Holds::no;
}

struct First {
  const PolicyRule* enforced = nullptr;
  const PolicyRule* audit = nullptr;
  bool token_missing = false;  // of a rule that is enforced
  // What decides if audit rules were enforced too: the one that stands earlier in the file.
  const PolicyRule* either() const {
    if (!enforced || !audit) return enforced ? enforced : audit;
    return enforced->order < audit->order ? enforced : audit;
  }
};

// First rule, in file order over the merged lists, that holds; for each mode.
First first_that_holds(const Snapshot& snapshot, const Found& found, bool deny, const RequestFacts& facts) {
  Merged rules;
  for (size_t i = 0; i < found.count; ++i)
    (deny ? found.lists[i]->deny : found.lists[i]->allow).collect(facts.path, rules);
  First first;
  while (auto place_in_file = rules.next()) {
    const PolicyRule& rule = snapshot.rules[*place_in_file];
    const PolicyRule*& place = rule.mode == PolicyMode::audit ? first.audit : first.enforced;
    if (place == nullptr) {
      Holds h = holds(rule, facts);
      if (h == Holds::yes) place = &rule;
      first.token_missing |= h == Holds::but_for_a_token && rule.mode == PolicyMode::enforce;
    }
    // An audit rule after the enforced one would not decide: nothing more to learn.
    if (first.enforced) return first;
  }
  return first;
}

}  // namespace

Authorization authorize(const Snapshot& snapshot, const ServiceEntry& to, const RequestFacts& facts) {
  const RuleTable& table = snapshot.rule_table;
  Found deny, allow;
  for (uint32_t service : {to.index, kEveryService}) {
    const RuleTable::Lists* anyone = table.find(service, kAnyone);
    deny.add(anyone);
    // To be allowed one must be somebody.
    if (facts.from == kNobody) continue;
    allow.add(anyone);
    if (facts.from < PrincipalId{kFirstPrincipal}) continue;
    const RuleTable::Lists* named = table.find(service, facts.from);
    deny.add(named);
    allow.add(named);
  }
  First denied = first_that_holds(snapshot, deny, true, facts);
  First allowed = first_that_holds(snapshot, allow, false, facts);

  Authorization out;
  if (denied.enforced || allowed.enforced) {
    out.rule = denied.enforced ? denied.enforced : allowed.enforced;
    out.verdict = out.rule->effect;
    out.at = out.rule->at;
  } else {
    out.verdict = snapshot.model.policy.default_effect;
    out.at = snapshot.model.policy.default_at;
  }
  out.token_missing = !denied.enforced && !out.allowed() && allowed.token_missing;
  const PolicyRule* would = denied.either() ? denied.either() : allowed.either();
  if (would && would->mode == PolicyMode::audit) {
    out.audit_rule = would;
    out.audit_verdict = would->effect;
  }
  return out;
}

}  // namespace meshd
