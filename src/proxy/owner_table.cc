// SPDX-License-Identifier: Apache-2.0
#include "proxy/owner_table.h"

#include <algorithm>
#include <charconv>

#include "base/file.h"
#include "net/cgroup_tree.h"

namespace meshd {
namespace {

std::optional<uint32_t> number(std::string_view text) {
  uint32_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// name:password:uid:…; the library's own look-up would load modules that a static program cannot have.
std::optional<uint32_t> uid_of(std::string_view passwd, std::string_view user) {
  if (auto id = number(user)) return id;
  while (!passwd.empty()) {
    std::string_view line = passwd.substr(0, passwd.find('\n'));
    passwd.remove_prefix(std::min(passwd.size(), line.size() + 1));
    size_t name_end = line.find(':');
    if (name_end == std::string_view::npos || line.substr(0, name_end) != user) continue;
    size_t id_start = line.find(':', name_end + 1);
    if (id_start == std::string_view::npos) continue;
    size_t id_end = line.find(':', id_start + 1);
    return number(line.substr(id_start + 1, id_end - id_start - 1));
  }
  return std::nullopt;
}

std::string normal_path(std::string path) {
  if (path.empty()) return path;
  if (path.front() != '/') path.insert(0, 1, '/');
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::string full_unit(std::string unit) {
  // As systemctl takes it.
  if (!unit.empty() && unit.find('.') == std::string::npos) unit += ".service";
  return unit;
}

IdentifiedBy kind_of(const OwnerClaim& c) {
  if (!c.cgroup.empty()) return IdentifiedBy::cgroup;
  return c.unit.empty() ? IdentifiedBy::user : IdentifiedBy::unit;
}

}  // namespace

std::string_view name_of(IdentifiedBy by) {
  switch (by) {
    case IdentifiedBy::unit: return "unit";
    case IdentifiedBy::cgroup: return "cgroup";
    case IdentifiedBy::user: return "user";
    case IdentifiedBy::any_local: return "any-local";
    case IdentifiedBy::nobody: return "nobody";
    case IdentifiedBy::ambiguous: return "ambiguous";
    case IdentifiedBy::gone: return "gone";
    case IdentifiedBy::unknown: return "unknown";
  }
  return "unknown";
}

size_t OwnerClaim::fits(uint32_t of, const std::string* path) const {
  if (!user.empty() && uid != of) return 0;
  if (!by_cgroup()) return 1;
  if (path == nullptr) return 0;
  size_t named = 0;
  if (!unit.empty()) {
    UnitOfPath u = unit_of(*path);
    if (u.unit != unit) return 0;
    named = u.end;
  }
  if (!cgroup.empty()) {
    if (!is_below(*path, cgroup)) return 0;
    named = std::max(named, cgroup.size());
  }
  return 2 + 2 * named + (user.empty() ? 0 : 1);
}

std::string OwnerClaim::text() const {
  std::string out;
  auto add = [&out](const char* what, const std::string& value) {
    if (!value.empty()) out += (out.empty() ? "" : ", ") + std::string(what) + value;
  };
  add("unit ", unit);
  add("cgroup ", cgroup);
  add("user ", user);
  return out;
}

const OwnerClaim* OwnerTable::claim_on(EndpointId endpoint) const {
  auto it = ports.find(endpoint);
  return it == ports.end() ? nullptr : &claims[it->second];
}

Identified OwnerTable::find(const OwnerAnswer& owner, const std::string* path) const {
  // Who has gone may have been anybody, also a workload that is not any_local's.
  if (!owner && !trivial())
    return {node, owner.error() == NoOwner::gone ? IdentifiedBy::gone : IdentifiedBy::unknown};
  const OwnerClaim* best = nullptr;
  size_t most = 0;
  bool alike = false;
  for (const OwnerClaim& c : claims) {
    size_t fit = c.fits(owner->uid, path);
    if (fit == 0 || fit < most) continue;
    alike = fit == most && best->id != c.id;
    if (fit == most) continue;
    best = &c;
    most = fit;
  }
  if (best != nullptr && !alike && path == nullptr) {
    // Without its cgroup a user's process may be of a unit that the file gives to somebody else.
    for (const OwnerClaim& c : claims)
      if (c.by_cgroup() && c.id != best->id && (c.user.empty() || c.uid == owner->uid))
        return {node, IdentifiedBy::unknown};
  }
  if (alike) return {node, IdentifiedBy::ambiguous};
  if (best != nullptr) return {best->id, kind_of(*best)};
  bool hidden = path == nullptr && std::ranges::any_of(claims, &OwnerClaim::by_cgroup);
  if (hidden) return {node, IdentifiedBy::unknown};
  if (any_local) return {*any_local, IdentifiedBy::any_local};
  return {node, IdentifiedBy::nobody};
}

OwnerTable resolve_owners(const Snapshot& snapshot, std::string_view node, std::string_view trust_domain,
                          const std::string& root) {
  OwnerTable table;
  table.node = node_id(trust_domain, node);
  std::string passwd;
  for (const Workload& w : snapshot.workloads_on(node)) {
    if (w.selectors == nullptr || w.service == nullptr) continue;
    const model::Instance& s = *w.selectors;
    SpiffeId id = service_id(trust_domain, w.service->name);
    if (s.any_local) table.any_local = id;
    if (s.unit.empty() && s.cgroup.empty() && s.user.empty()) continue;
    OwnerClaim claim{full_unit(s.unit), normal_path(s.cgroup), s.user, {}, w.service->name, id, s.at};
    if (!s.user.empty()) {
      if (passwd.empty()) passwd = read_file(root + "/etc/passwd", 1 << 20).value_or(std::string());
      claim.uid = uid_of(passwd, s.user);
    }
    if (w.endpoint != nullptr) table.ports.insert_or_assign(w.endpoint->id, table.claims.size());
    table.claims.push_back(std::move(claim));
  }
  return table;
}

}  // namespace meshd
