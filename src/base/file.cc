// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace meshd {
namespace {

Errc code_for(int error) {
  switch (error) {
    case ENOENT: return Errc::not_found;
    case EACCES:
    case EPERM:
    case EROFS: return Errc::permission;
    case EEXIST: return Errc::conflict;
    default: return Errc::io;
  }
}

std::unexpected<Detailed> failed(const char* doing, const std::string& path, int error) {
  return fail(code_for(error), std::string("cannot ") + doing + " " + path + ": " + strerror(error));
}

struct Fd {
  int fd = -1;
  explicit Fd(int f) : fd(f) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    if (fd >= 0) close(fd);
  }
};

std::string directory_of(const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

int write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return 0;
}

}  // namespace

Outcome<std::string> read_file(const std::string& path, size_t max) {
  Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) return failed("read", path, errno);
  std::string out;
  char buffer[16 * 1024];
  for (;;) {
    ssize_t n = read(file.fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed("read", path, errno);
    if (n == 0) return out;
    if (out.size() + static_cast<size_t>(n) > max)
      return fail(Errc::limit, path + " is larger than " + std::to_string(max) + " bytes");
    out.append(buffer, static_cast<size_t>(n));
  }
}

Outcome<> write_file(const std::string& path, std::string_view bytes, WriteMode mode) {
  std::string temp = path + ".tmp." + std::to_string(getpid());
  unlink(temp.c_str());
  {
    Fd file(open(temp.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode.mode));
    if (file.fd < 0) return failed("write", temp, errno);
    int error = write_all(file.fd, bytes);
    if (error == 0 && mode.owner && fchown(file.fd, mode.owner->user, mode.owner->group) != 0) error = errno;
    // The mask of this process is not the one of whoever made the file.
    if (error == 0 && mode.owner && fchmod(file.fd, mode.mode) != 0) error = errno;
    if (error == 0 && fsync(file.fd) != 0) error = errno;
    if (error != 0) {
      unlink(temp.c_str());
      return failed("write", path, error);
    }
  }
  if (mode.keep_previous) {
    std::string previous = path + ".prev";
    unlink(previous.c_str());
    if (link(path.c_str(), previous.c_str()) != 0 && errno != ENOENT) {
      int error = errno;
      unlink(temp.c_str());
      return failed("keep a copy of", path, error);
    }
  }
  if (rename(temp.c_str(), path.c_str()) != 0) {
    int error = errno;
    unlink(temp.c_str());
    return failed("replace", path, error);
  }
  Fd dir(open(directory_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (dir.fd >= 0) fsync(dir.fd);
  return {};
}

Outcome<> make_private_dir(const std::string& path) {
  if (mkdir(path.c_str(), 0700) == 0) return {};
  if (errno != EEXIST) return failed("make directory", path, errno);
  struct stat st{};
  if (stat(path.c_str(), &st) != 0) return failed("use directory", path, errno);
  if (!S_ISDIR(st.st_mode)) return fail(Errc::conflict, path + " exists and is not a directory");
  if (st.st_uid != geteuid())
    return fail(Errc::permission, path + " belongs to user " + std::to_string(st.st_uid) +
                                      ", not to the user running meshd (" + std::to_string(geteuid()) +
                                      "); run as its owner, or name another directory with --state");
  if ((st.st_mode & 077) != 0)
    return fail(Errc::permission, path + " is open to other users; run: chmod 0700 " + path);
  return {};
}

Outcome<> check_private_file(const std::string& path) {
  struct stat st{};
  if (lstat(path.c_str(), &st) != 0) return failed("read", path, errno);
  if (!S_ISREG(st.st_mode)) return fail(Errc::permission, path + " is not a regular file");
  if (st.st_uid != geteuid())
    return fail(Errc::permission, path + " belongs to user " + std::to_string(st.st_uid) +
                                      ", not to this one (" + std::to_string(geteuid()) +
                                      "); run as its owner");
  if ((st.st_mode & 077) != 0)
    return fail(Errc::permission,
                path + " holds a secret and is open to other users; run: chmod 0600 " + path);
  return {};
}

bool exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

void wipe(std::string& secret) {
  explicit_bzero(secret.data(), secret.size());
  secret.clear();
}

}  // namespace meshd
