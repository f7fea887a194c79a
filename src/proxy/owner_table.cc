// SPDX-License-Identifier: Apache-2.0
#include "proxy/owner_table.h"

#include <sys/stat.h>

#include <charconv>

#include "base/file.h"

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

// A cgroup's id is the inode number of its directory.
std::optional<uint64_t> cgroup_id(const std::string& path) {
  struct stat st{};
  if (stat(path.c_str(), &st) != 0 || !S_ISDIR(st.st_mode)) return std::nullopt;
  return st.st_ino;
}

}  // namespace

const SpiffeId& OwnerTable::find(const std::optional<SocketOwner>& owner) const {
  if (owner) {
    if (auto it = by_cgroup.find(owner->cgroup); it != by_cgroup.end() && owner->cgroup != 0)
      return it->second;
    if (auto it = by_user.find(owner->uid); it != by_user.end()) return it->second;
  }
  return any_local ? *any_local : node;
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
    if (!s.unit.empty() || !s.cgroup.empty()) {
      // The unified hierarchy stands at the root of a v2 layout and below `unified` in a hybrid one.
      std::string below = s.cgroup.empty() ? "/system.slice/" + s.unit : s.cgroup;
      if (below.front() != '/') below.insert(0, 1, '/');
      auto cgroup = cgroup_id(root + "/sys/fs/cgroup" + below);
      if (auto hybrid = cgroup_id(root + "/sys/fs/cgroup/unified" + below)) cgroup = hybrid;
      if (cgroup) table.by_cgroup.insert_or_assign(*cgroup, id);
    } else if (!s.user.empty()) {
      if (passwd.empty()) passwd = read_file(root + "/etc/passwd", 1 << 20).value_or(std::string());
      if (auto uid = uid_of(passwd, s.user)) table.by_user.insert_or_assign(*uid, id);
    } else if (s.any_local) {
      table.any_local = id;
    }
  }
  return table;
}

}  // namespace meshd
