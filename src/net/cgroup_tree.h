// SPDX-License-Identifier: Apache-2.0
// cgroup_tree.h: the unified cgroup hierarchy of this machine: what a cgroup's id is called, and which unit it is of.
//
// A cgroup never changes its name or place, and an id is not used again: what is once known of an id stays true.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace meshd {

class CgroupTree {
 public:
  enum class Layout : uint8_t { v2, hybrid, none };  // none: version 1 only, or not mounted

  // Looks below `root`/sys/fs/cgroup; "" in production.
  explicit CgroupTree(std::string root = {});
  ~CgroupTree();
  CgroupTree(const CgroupTree&) = delete;
  CgroupTree& operator=(const CgroupTree&) = delete;

  Layout layout() const { return layout_; }
  const std::string& mount() const { return mount_; }

  // "/system.slice/web.service" of a cgroup that exists now. By one handle (name_to_handle_at(2)); where that is not
  // permitted (CAP_DAC_READ_SEARCH) by a walk over all directories, at most kCgroupsWalked.
  std::optional<std::string> path_of(uint64_t id) const;
  // Ids are looked up by handle; false: by walks.
  bool by_handle() const { return handles_; }

  // A path's cgroup exists; `populated`: there are processes in it or below.
  struct Found {
    std::string path;
    bool populated = false;
  };
  std::optional<Found> find(std::string_view path) const;
  // The unit's cgroup, in whichever slice.
  std::optional<Found> find_unit(std::string_view unit) const;

 private:
  std::optional<std::string> walk(uint64_t id) const;

  Layout layout_ = Layout::none;
  std::string mount_;  // "/sys/fs/cgroup" or "/sys/fs/cgroup/unified"
  int fd_ = -1;
  bool handles_ = false;
};
inline constexpr size_t kCgroupsWalked = 20'000;

// The system unit that a cgroup belongs to, as systemd sees it: the first part below the slices; also of cgroups inside
// it (Delegate=). Empty: none. `end`: where the unit's own cgroup ends in `path`.
struct UnitOfPath {
  std::string_view unit;
  size_t end = 0;
};
UnitOfPath unit_of(std::string_view path);

// `path` is `top` or below it.
bool is_below(std::string_view path, std::string_view top);

}  // namespace meshd
