// SPDX-License-Identifier: Apache-2.0
// compare.h: where two snapshots decide differently about the same request: for replay and shadow.
//
// Routes and rules are compared by what they say, not by where they stand: a rule that moved is the same rule.
#pragma once
#include <string>
#include <string_view>
#include <unordered_map>

#include "snapshot/decide.h"

namespace meshd {

enum class Difference : uint8_t {
  none,
  service,  // one of the two has no such service
  route,    // another route takes it, none does, or one of them is refused
  arms,     // the route of that name goes elsewhere, or in other shares
  actions,  // the route of that name does something else on the way: timeouts, retries, limits, rewrites, …
  denied,   // policy allowed it
  allowed,  // policy denied it
  rule,     // the same verdict by another rule
  audit     // what audit rules would do
};
std::string_view name_of(Difference d);

Difference compare(const Authorization& before, const Authorization& after);

class RouteComparison {
 public:
  // Either may be null: no route. Worked out once for each pair; both must live as long as this.
  Difference of(const Route* before, const Route* after);

 private:
  struct PairHash {
    size_t operator()(const std::pair<const Route*, const Route*>& p) const noexcept {
      return std::hash<const void*>()(p.first) * 31 + std::hash<const void*>()(p.second);
    }
  };
  std::unordered_map<std::pair<const Route*, const Route*>, Difference, PairHash> seen_;
};

// ---- words for people

// "route split (meshd.yaml:44:5)", with its arms for Difference::arms: "… to web{v=a} 9 at 10.0.0.1:80"
std::string route_words(const Snapshot& snapshot, const Route* route, Difference why);
// "deny by rule no-debug (meshd.yaml:53:7)", "allow by default (meshd.yaml:49:3)"; for Difference::audit what the audit
// rule would do.
std::string policy_words(const Snapshot& snapshot, const Authorization& policy, Difference why);
// "web{v=a} 9 at 10.0.0.1:80, web{v=b} 1 at 10.0.0.2:80"; "answers itself" for routes that send nothing.
std::string arms_text(const Route& route);

}  // namespace meshd
