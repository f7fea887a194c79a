// SPDX-License-Identifier: Apache-2.0
#include "net/cgroup_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "base/file.h"

namespace meshd {
namespace {

// FILEID_KERNFS of linux/exportfs.h: the handle is the 64-bit id alone.
constexpr int kKernfsHandle = 0xfe;

bool is_directory(const std::string& path) {
  struct stat st{};
  return stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

bool is_slice(std::string_view name) { return name.ends_with(".slice"); }

// Runs `see(name, inode)` for each directory in `path` until it says true.
template <class See>
bool each_directory(const std::string& path, See see) {
  DIR* d = opendir(path.c_str());
  if (d == nullptr) return false;
  bool done = false;
  while (!done) {
    dirent* e = readdir(d);
    if (e == nullptr) break;
    std::string_view name = e->d_name;
    if (e->d_type == DT_DIR && name != "." && name != "..") done = see(name, uint64_t{e->d_ino});
  }
  closedir(d);
  return done;
}

int open_by_id(int mount, uint64_t id) {
  alignas(file_handle) char room[sizeof(file_handle) + sizeof id];
  auto* handle = reinterpret_cast<file_handle*>(room);
  handle->handle_bytes = sizeof id;
  handle->handle_type = kKernfsHandle;
  std::memcpy(room + offsetof(file_handle, f_handle), &id, sizeof id);
  return open_by_handle_at(mount, handle, O_PATH | O_CLOEXEC);
}

}  // namespace

UnitOfPath unit_of(std::string_view path) {
  size_t at = 0;
  while (at < path.size()) {
    size_t begin = at + 1;
    size_t end = std::min(path.find('/', begin), path.size());
    std::string_view part = path.substr(begin, end - begin);
    if (part.empty()) return {};
    if (!is_slice(part)) {
      // systemd puts `_` before names that the kernel might take for its own.
      if (part.front() == '_') part.remove_prefix(1);
      if (part.find('.') == std::string_view::npos) return {};
      return {part, end};
    }
    at = end;
  }
  return {};
}

bool is_below(std::string_view path, std::string_view top) {
  if (top == "/") return true;
  return path.starts_with(top) && (path.size() == top.size() || path[top.size()] == '/');
}

CgroupTree::CgroupTree(std::string root) {
  std::string top = root + "/sys/fs/cgroup";
  struct statfs fs{};
  bool v2 = statfs(top.c_str(), &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
  if (!v2 && is_directory(top + "/unified")) {
    layout_ = Layout::hybrid;
    mount_ = top + "/unified";
  } else if (v2 || (!root.empty() && is_directory(top))) {
    layout_ = Layout::v2;
    mount_ = top;
  }
  if (layout_ != Layout::none) fd_ = open(mount_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  // What works for the root works for all.
  struct stat st{};
  if (fd_ < 0 || fstat(fd_, &st) != 0) return;
  int top_again = open_by_id(fd_, st.st_ino);
  handles_ = top_again >= 0;
  if (top_again >= 0) close(top_again);
}

CgroupTree::~CgroupTree() {
  if (fd_ >= 0) close(fd_);
}

std::optional<std::string> CgroupTree::path_of(uint64_t id) const {
  if (layout_ == Layout::none || id == 0) return std::nullopt;
  if (!handles_) return walk(id);
  int fd = open_by_id(fd_, id);
  if (fd < 0) return std::nullopt;
  char target[4096];
  ssize_t n = readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), target, sizeof target);
  close(fd);
  if (n <= 0 || static_cast<size_t>(n) == sizeof target) return std::nullopt;
  std::string_view path(target, static_cast<size_t>(n));
  // A cgroup outside of what is mounted here, or one that was removed meanwhile, has no path below the mount.
  if (!is_below(path, mount_) || path.ends_with(" (deleted)")) return std::nullopt;
  path.remove_prefix(mount_.size());
  return path.empty() ? "/" : std::string(path);
}

std::optional<std::string> CgroupTree::walk(uint64_t id) const {
  struct stat st{};
  if (stat(mount_.c_str(), &st) == 0 && st.st_ino == id) return "/";
  std::vector<std::string> open{""};
  std::optional<std::string> found;
  for (size_t i = 0; i < open.size() && open.size() < kCgroupsWalked; ++i) {
    std::string here = open[i];
    bool done = each_directory(mount_ + here, [&](std::string_view name, uint64_t inode) {
      open.push_back(here + "/" + std::string(name));
      if (inode == id) found = open.back();
      return found.has_value() || open.size() >= kCgroupsWalked;
    });
    if (done) break;
  }
  return found;
}

std::optional<CgroupTree::Found> CgroupTree::find(std::string_view path) const {
  if (layout_ == Layout::none || path.empty() || path.front() != '/' ||
      !is_directory(mount_ + std::string(path)))
    return std::nullopt;
  Found f{std::string(path), false};
  // The root has no such file: it always has processes.
  auto events = read_file(mount_ + f.path + "/cgroup.events", 4096);
  f.populated = path == "/" || (events && events->find("populated 1") != std::string::npos);
  return f;
}

std::optional<CgroupTree::Found> CgroupTree::find_unit(std::string_view unit) const {
  if (layout_ == Layout::none) return std::nullopt;
  std::vector<std::string> slices{""};
  std::string path;
  for (size_t i = 0; i < slices.size() && slices.size() < kCgroupsWalked && path.empty(); ++i) {
    std::string here = slices[i];
    each_directory(mount_ + here, [&](std::string_view name, uint64_t) {
      std::string below = here + "/" + std::string(name);
      if (unit_of(below).unit == unit) path = below;
      if (is_slice(name)) slices.push_back(std::move(below));
      return !path.empty();
    });
  }
  if (path.empty()) return std::nullopt;
  return find(path);
}

}  // namespace meshd
