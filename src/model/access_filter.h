// SPDX-License-Identifier: Apache-2.0
// access_filter.h: which requests the access log writes: `status >= 400 or duration > 1s and method != GET`.
//
//   filter = and ("or" and)*;  and = comparison ("and" comparison)*
//   comparison = (status | duration) (== != < <= > >=) value | (method | service) (== !=) word
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace meshd::model {

struct AccessFacts {
  int status = 0;
  std::chrono::microseconds duration{0};
  std::string_view method, service;
};

class AccessFilter {
 public:
  // An empty filter takes every request. No allocation.
  bool takes(const AccessFacts& facts) const;

 private:
  friend Outcome<AccessFilter> parse_access_filter(std::string_view text);
  enum class Field : uint8_t { status, duration, method, service };
  enum class Compare : uint8_t { eq, ne, lt, le, gt, ge };
  struct Term {
    Field field;
    Compare compare;
    int64_t number = 0;  // status, or microseconds
    std::string word;
  };
  static bool holds(const Term& term, const AccessFacts& facts);
  std::vector<std::vector<Term>> any_of_all_;
};

// Errors: invalid_argument, naming the word that is wrong.
Outcome<AccessFilter> parse_access_filter(std::string_view text);

}  // namespace meshd::model
