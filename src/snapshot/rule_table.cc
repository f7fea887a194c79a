// SPDX-License-Identifier: Apache-2.0
#include "snapshot/rule_table.h"

namespace meshd {
namespace {

uint64_t key(uint32_t service, PrincipalId from) { return uint64_t{service} << 32 | from.value; }

}  // namespace

void RuleList::add(uint32_t rule, const std::vector<std::string>& paths) {
  // In file order, so that every list stays ascending; a caller named twice counts once.
  auto append = [rule](std::vector<uint32_t>& list) {
    if (list.empty() || list.back() != rule) list.push_back(rule);
  };
  append(all_);
  auto append_at = [&](uint32_t place) {
    places_.resize(paths_.places());
    append(places_[place]);
  };
  if (paths.empty()) append_at(paths_.any());
  for (std::string_view pattern : paths) {
    size_t star = pattern.find('*');
    if (star == std::string_view::npos)
      append_at(paths_.exact(pattern));
    else
      append_at(paths_.prefix(pattern.substr(0, pattern.rfind('/', star))));
  }
}

void RuleList::collect(std::string_view path, Merged& out) const {
  constexpr size_t kScanned = 4;  // so many are looked at faster than looked up
  if (!path.starts_with('/') || all_.size() <= kScanned)
    out.add(all_);
  else
    paths_.each(path, [&](uint32_t place) { out.add(places_[place]); });
}

void RuleTable::add(uint32_t service, PrincipalId from, uint32_t rule, bool deny,
                    const std::vector<std::string>& paths) {
  Lists& lists = lists_[key(service, from)];
  (deny ? lists.deny : lists.allow).add(rule, paths);
}

const RuleTable::Lists* RuleTable::find(uint32_t service, PrincipalId from) const {
  auto it = lists_.find(key(service, from));
  return it == lists_.end() ? nullptr : &it->second;
}

}  // namespace meshd
