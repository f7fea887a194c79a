// SPDX-License-Identifier: Apache-2.0
// settings.h: a few named texts of the server's own.
#pragma once
#include <optional>
#include <string>

#include "base/result.h"

namespace meshd::store {

class Database;

class Settings {
 public:
  explicit Settings(Database& db) : db_(db) {}
  Outcome<std::optional<std::string>> get(const std::string& key);
  Outcome<> set(const std::string& key, const std::string& value);
  // False: there was none.
  Outcome<bool> erase(const std::string& key);

 private:
  Database& db_;
};

}  // namespace meshd::store
