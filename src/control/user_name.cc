// SPDX-License-Identifier: Apache-2.0
// Not getpwuid: a static binary must not reach the C library's look-ups (ARCHITECTURE.md).
#include "control/user_name.h"

#include <algorithm>

#include "base/file.h"

namespace meshd {

std::string user_name(std::string_view passwd, uid_t uid) {
  const std::string wanted = std::to_string(uid);
  while (!passwd.empty()) {
    std::string_view line = passwd.substr(0, passwd.find('\n'));
    passwd.remove_prefix(std::min(passwd.size(), line.size() + 1));
    size_t name = line.find(':');
    size_t password = name == std::string_view::npos ? name : line.find(':', name + 1);
    if (name == 0 || password == std::string_view::npos) continue;
    std::string_view id = line.substr(password + 1);
    if (id.substr(0, id.find(':')) == wanted) return std::string(line.substr(0, name));
  }
  return "uid:" + wanted;
}

std::string user_name(uid_t uid) {
  return user_name(read_file("/etc/passwd", 1 << 20).value_or(std::string()), uid);
}

}  // namespace meshd
