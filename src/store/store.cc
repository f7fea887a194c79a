// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "store/database.h"
#include "store/schema.h"

namespace meshd::store {
namespace {

// The lock lies in a file of its own: closing any descriptor of the database itself would drop SQLite's locks
// (https://sqlite.org/howtocorrupt.html, 2.2). It ends with the process, however that ends.
Outcome<int> lock(const std::string& path) {
  std::string name = path + ".lock";
  int fd = open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    Errc code = errno == ENOENT ? Errc::not_found : errno == ENOSPC ? Errc::exhausted : Errc::permission;
    return fail(code, "cannot make " + name + ": " + strerror(errno));
  }
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    // Whoever holds it wrote its process number there.
    char owner[16] = {};
    ssize_t n = pread(fd, owner, sizeof owner - 1, 0);
    close(fd);
    std::string who = n > 0 ? "another meshd (process " + std::string(owner, static_cast<size_t>(n)) + ")"
                            : "another meshd";
    return fail(Errc::conflict,
                who + " is using " + path + "; stop it, or name another directory with --state");
  }
  std::string self = std::to_string(getpid());
  // For people only: a failed write costs them the number.
  if (ftruncate(fd, 0) != 0 || pwrite(fd, self.data(), self.size(), 0) < 0) return fd;
  return fd;
}

}  // namespace

Outcome<std::unique_ptr<Store>> Store::open(const std::string& path, const Clock& clock, Hash hash) {
  auto fd = lock(path);
  if (!fd) return fail(fd.error());
  auto opened = Database::open(path);
  auto ready = opened ? migrate(**opened, schema_steps()) : Outcome<>(fail(opened.error()));
  if (!ready) {
    if (opened) opened->reset();
    close(*fd);
    return fail(ready.error());
  }
  return std::unique_ptr<Store>(new Store(std::move(*opened), *fd, clock, std::move(hash)));
}

Store::Store(std::unique_ptr<Database> db, int lock, const Clock& clock, Hash hash)
    : hash_(std::move(hash)),
      lock_(lock),
      db_(std::move(db)),
      revisions_(*db_, clock, hash_),
      nodes_(*db_, clock),
      tokens_(*db_, clock),
      certificates_(*db_, clock),
      denied_(*db_, clock, hash_),
      audit_(*db_, clock, hash_),
      settings_(*db_),
      flows_(*db_) {}

Store::~Store() {
  db_.reset();
  close(lock_);
}

Outcome<> Store::transact(const std::function<Outcome<>()>& work) { return db_->transact(work); }

Outcome<> Store::backup(const std::string& to) { return db_->copy_to(to); }

}  // namespace meshd::store
