// SPDX-License-Identifier: Apache-2.0
// rule_table.h: policy rules indexed by (destination service, caller), so that a request looks at those that name it only.
#pragma once
#include <compare>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

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

class RuleTable {
 public:
  struct Lists {
    std::vector<uint32_t> deny, allow;  // places in Snapshot::rules, ascending
  };

  void add(uint32_t service, PrincipalId from, uint32_t rule, bool deny);
  // Rules naming exactly this pair; null: none.
  const Lists* find(uint32_t service, PrincipalId from) const;

 private:
  std::unordered_map<uint64_t, Lists> lists_;
};

}  // namespace meshd
