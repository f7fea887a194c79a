// SPDX-License-Identifier: Apache-2.0
#include "app/state_lock.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

namespace meshd {

Outcome<StateLock> StateLock::take(const std::string& state) {
  std::string path = state + "/lock";
  int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    Errc code = errno == ENOENT                     ? Errc::not_found
                : errno == EACCES || errno == EROFS ? Errc::permission
                                                    : Errc::io;
    return fail(code, "cannot use " + path + ": " + strerror(errno));
  }
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return StateLock(fd);
  int error = errno;
  close(fd);
  if (error == EWOULDBLOCK)
    return fail(Errc::conflict, "another meshd runs on this state: " + state +
                                    "; stop it, or name another directory with --state");
  return fail(Errc::io, "cannot lock " + path + ": " + strerror(error));
}

StateLock::~StateLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace meshd
