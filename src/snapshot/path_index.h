// SPDX-License-Identifier: Apache-2.0
// path_index.h: which of many numbered things can hold for a path; for routes and for policy rules.
//
// A path has few prefixes, one per segment. Each that is in use is looked up once; what is found is a superset, in
// ascending lists, of what holds: the smallest head among the lists is always the next one to try.
#pragma once
#include <array>
#include <cassert>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

namespace meshd {

// Borrowed lists of numbers, each ascending, as one ascending sequence without repetition.
class Merged {
 public:
  void add(std::span<const uint32_t> list) {
    assert(count_ < kMax);
    if (!list.empty()) lists_[count_++] = {list.data(), list.data() + list.size()};
  }
  std::optional<uint32_t> next() {
    while (true) {
      One* best = nullptr;
      for (size_t i = 0; i < count_; ++i)
        if (lists_[i].at != lists_[i].end && (!best || *lists_[i].at < *best->at)) best = &lists_[i];
      if (!best) return std::nullopt;
      uint32_t value = *best->at++;
      if (value < next_) continue;
      next_ = value + 1;
      return value;
    }
  }

  // Lists at most: five of each of a path's prefixes, of the exact path and of what asks for none.
  static constexpr size_t kMax = 5 * 34;

 private:
  struct One {
    const uint32_t* at;
    const uint32_t* end;
  };
  std::array<One, kMax> lists_;  // not initialised: most stay unused
  size_t count_ = 0;
  uint32_t next_ = 0;
};

// Gives each place (a prefix, an exact path, or any path) a number from 0; what stands there is the owner's.
class PathIndex {
 public:
  uint32_t any() { return place(any_); }
  uint32_t exact(std::string_view path) {
    return place(exact_.try_emplace(std::string(path), kNone).first->second);
  }
  // Of whole segments; a final slash does not count. Below the deepest level that is told apart it is cut.
  uint32_t prefix(std::string_view prefix);

  size_t places() const { return places_; }
  // Calls f with each place whose things can hold for `path`, in any order. Opaque connections have an empty path.
  template <class F>
  void each(std::string_view path, F f) const {
    if (any_ != kNone) f(any_);
    if (!path.starts_with('/')) return;
    if (!exact_.empty())
      if (auto it = exact_.find(path); it != exact_.end()) f(it->second);
    // "/a/b" has the prefixes "", "/a", "/a/b".
    size_t end = 0;
    uint32_t depths = depths_;
    for (; depths != 0; depths >>= 1) {
      if ((depths & 1) != 0)
        if (auto it = prefix_.find(path.substr(0, end)); it != prefix_.end()) f(it->second);
      if (end == path.size()) break;
      end = std::min(path.find('/', end + 1), path.size());
    }
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr unsigned kDepthMax = 31;
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>()(s); }
  };
  using Places = std::unordered_map<std::string, uint32_t, Hash, std::equal_to<>>;
  uint32_t place(uint32_t& slot) {
    if (slot == kNone) slot = places_++;
    return slot;
  }

  Places exact_, prefix_;
  uint32_t any_ = kNone;
  uint32_t places_ = 0;
  uint32_t depths_ = 0;  // bit n: there are prefixes of n segments
};

}  // namespace meshd
