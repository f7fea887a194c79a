// SPDX-License-Identifier: Apache-2.0
// state_lock.h: one meshd per state directory.
#pragma once
#include <string>
#include <utility>

#include "base/result.h"

namespace meshd {

// Held until destroyed, or until the process ends in whatever way: the kernel keeps it.
class StateLock {
 public:
  // Errors: conflict (another meshd runs on this state), permission, not_found.
  static Outcome<StateLock> take(const std::string& state);
  // Somebody holds it: a meshd runs, starts or ends there. Does not touch the lock.
  static bool held(const std::string& state);

  StateLock(StateLock&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  StateLock& operator=(StateLock&&) = delete;
  ~StateLock();

 private:
  explicit StateLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace meshd
