// SPDX-License-Identifier: Apache-2.0
// rule_table.h: policy rules indexed by (destination service, caller), so that a request looks at those that name it only.
#pragma once
#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "snapshot/path_index.h"

namespace meshd {

// A caller's identity as a small number, within one snapshot.
struct PrincipalId {
  uint32_t value = 0;
  friend auto operator<=>(PrincipalId, PrincipalId) = default;
};
inline constexpr PrincipalId kNobody{0};    // no proven identity
inline constexpr PrincipalId kStranger{1};  // proven, but no rule names it
inline constexpr PrincipalId kAnyone{2};    // in rules only: `*`
inline constexpr uint32_t kFirstPrincipal = 3;

inline constexpr uint32_t kEveryService = UINT32_MAX;

// Rules by their place in Snapshot::rules, found by the path that they look at.
class RuleList {
 public:
  // Rules come in file order. `paths`: its patterns; none: every path.
  void add(uint32_t rule, const std::vector<std::string>& paths);
  // Those that may hold for `path`; all, where there is no path to look at.
  void collect(std::string_view path, Merged& out) const;

 private:
  std::vector<uint32_t> all_;
  PathIndex paths_;
  std::vector<std::vector<uint32_t>> places_;
};

class RuleTable {
 public:
  struct Lists {
    RuleList deny, allow;
  };

  void add(uint32_t service, PrincipalId from, uint32_t rule, bool deny,
           const std::vector<std::string>& paths);
  // Rules naming exactly this pair; null: none.
  const Lists* find(uint32_t service, PrincipalId from) const;

 private:
  std::unordered_map<uint64_t, Lists> lists_;
};

}  // namespace meshd
