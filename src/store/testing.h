// SPDX-License-Identifier: Apache-2.0
// testing.h: what the tests of store/ share: a directory that goes away, and a hash that is not SHA-256.
#pragma once
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "store/database.h"

namespace meshd::store {

struct TempDir {
  std::string path;
  TempDir() {
    char name[] = "/tmp/meshd-store-XXXXXX";
    path = mkdtemp(name);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string file(std::string_view name = "meshd.db") const { return path + "/" + std::string(name); }
};

// FNV-1a, 64 bits: enough to notice a changed row.
inline std::string fake_hash(std::string_view bytes) {
  uint64_t h = 0xcbf29ce484222325;
  for (char c : bytes) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return std::to_string(h);
}

// Runs `sql` on the file as an operator's shell would. False: it failed.
inline bool tamper(const std::string& path, const char* sql) {
  auto db = Database::open(path);
  return db && (*db)->run(sql);
}

}  // namespace meshd::store
