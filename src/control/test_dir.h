// SPDX-License-Identifier: Apache-2.0
// test_dir.h: a directory of a test's own, gone with it. Included by tests only.
#pragma once
#include <stdlib.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace meshd {

class TestDir {
 public:
  TestDir() {
    std::string pattern = std::filesystem::temp_directory_path() / "meshd-test-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  TestDir(const TestDir&) = delete;
  TestDir& operator=(const TestDir&) = delete;
  ~TestDir() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

}  // namespace meshd
