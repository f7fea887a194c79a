// SPDX-License-Identifier: Apache-2.0
// file.h: small files, read whole and written so that a crash leaves the old or the new, never half.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace meshd {

// The file's bytes. Errors: not_found, permission, limit (over `max` bytes), io.
Outcome<std::string> read_file(const std::string& path, size_t max);

struct FileOwner {
  uid_t user = 0;
  gid_t group = 0;
};

struct WriteMode {
  unsigned mode = 0600;                 // of a new file
  bool keep_previous = false;           // the file replaced stays beside it as PATH.prev
  std::optional<FileOwner> owner = {};  // whose the new file is; without it ours
};
// Temp file beside `path` (O_EXCL), fsync, rename, fsync of the directory.
// Errors: permission, io (with "No space left on device" said so). On error the old file is untouched.
Outcome<> write_file(const std::string& path, std::string_view bytes, WriteMode mode = {});

// Makes the directory (one level) with mode 0700 if it is missing. An existing one must belong to this
// user and be closed to group and others; errors: permission, io.
Outcome<> make_private_dir(const std::string& path);

// A file with a secret in it must be ours and closed to group and others. Errors: permission, not_found.
Outcome<> check_private_file(const std::string& path);

bool exists(const std::string& path);

// Overwrites `secret` before it is freed.
void wipe(std::string& secret);

}  // namespace meshd
