// SPDX-License-Identifier: Apache-2.0
#include "snapshot/rule_table.h"

namespace meshd {
namespace {

uint64_t key(uint32_t service, PrincipalId from) { return uint64_t{service} << 32 | from.value; }

}  // namespace

void RuleTable::add(uint32_t service, PrincipalId from, uint32_t rule, bool deny) {
  Lists& lists = lists_[key(service, from)];
  std::vector<uint32_t>& list = deny ? lists.deny : lists.allow;
  // Rules come in file order, so the list stays ascending; a caller named twice counts once.
  if (list.empty() || list.back() != rule) list.push_back(rule);
}

const RuleTable::Lists* RuleTable::find(uint32_t service, PrincipalId from) const {
  auto it = lists_.find(key(service, from));
  return it == lists_.end() ? nullptr : &it->second;
}

}  // namespace meshd
