// SPDX-License-Identifier: Apache-2.0
#include "control/admin_socket.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace meshd {

Outcome<AdminSocket> AdminSocket::at(const std::string& path) {
  if (auto direct = SocketAddress::unix_path(path)) return AdminSocket(*direct, -1);
  size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0)
    return fail(Errc::invalid_argument, "not a path of a socket: " + path);
  std::string directory = path.substr(0, slash);
  int fd = open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    Errc code = errno == EACCES ? Errc::permission : Errc::not_found;
    return fail(code, "cannot use directory " + directory + ": " + strerror(errno));
  }
  auto address = SocketAddress::unix_path("/proc/self/fd/" + std::to_string(fd) + path.substr(slash));
  if (!address) {
    close(fd);
    return fail(Errc::invalid_argument, "not a path of a socket: " + path);
  }
  return AdminSocket(*address, fd);
}

AdminSocket::AdminSocket(AdminSocket&& o) noexcept
    : address_(o.address_), directory_(std::exchange(o.directory_, -1)) {}

AdminSocket::~AdminSocket() {
  if (directory_ >= 0) close(directory_);
}

}  // namespace meshd
