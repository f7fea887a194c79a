// SPDX-License-Identifier: Apache-2.0
// state_lock.cc: an open-file-description lock: it can be asked about without being taken, which flock(2) cannot.
#include "control/state_lock.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <cerrno>

namespace meshd {
namespace {

std::string path_of(const std::string& state) { return state + "/lock"; }

struct flock whole_file() {
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

}  // namespace

Outcome<StateLock> StateLock::take(const std::string& state) {
  std::string path = path_of(state);
  int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    Errc code = errno == ENOENT                     ? Errc::not_found
                : errno == EACCES || errno == EROFS ? Errc::permission
                                                    : Errc::io;
    return fail(code, "cannot use " + path + ": " + strerror(errno));
  }
  struct flock lock = whole_file();
  if (fcntl(fd, F_OFD_SETLK, &lock) == 0) return StateLock(fd);
  int error = errno;
  close(fd);
  if (error == EAGAIN || error == EACCES)
    return fail(Errc::conflict, "another meshd runs on this state: " + state +
                                    "; stop it, or name another directory with --state");
  return fail(Errc::io, "cannot lock " + path + ": " + strerror(error));
}

bool StateLock::held(const std::string& state) {
  int fd = open(path_of(state).c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return false;
  struct flock lock = whole_file();
  bool held = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  close(fd);
  return held;
}

StateLock::~StateLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace meshd
