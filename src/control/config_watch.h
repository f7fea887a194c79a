// SPDX-License-Identifier: Apache-2.0
// config_watch.h: notices that somebody edited the server's file, and publishes it.
//
// Looks once per second (stat: inode, size, time). A changed file is read only when it looked the same twice, so that an
// editor that writes in pieces is not taken at half. A file with errors changes nothing and shows in the status.
#pragma once
#include <sys/stat.h>

#include <optional>
#include <string>

#include "control/publish.h"

namespace meshd {

class ConfigWatch {
 public:
  explicit ConfigWatch(Publisher& publisher) : publisher_(publisher) {}

  // At start: takes the file as it lies there.
  void begin();
  // Once per second.
  void check();

  // Why the file is not what the mesh acts on: findings as people read them; empty when it is.
  const std::string& problem() const { return problem_; }

 private:
  struct Look {
    ino_t inode = 0;
    off_t size = 0;
    int64_t modified_ns = 0;
    friend bool operator==(const Look&, const Look&) = default;
  };
  static std::optional<Look> look(const std::string& path);
  void take();
  void set_problem(std::string problem);

  Publisher& publisher_;
  std::optional<Look> taken_;  // as the file was when it was last read
  std::optional<Look> seen_;   // at the last check
  std::string problem_;
};

}  // namespace meshd
