// SPDX-License-Identifier: Apache-2.0
// access_filter.h: telemetry.access_log.only: `status >= 400 or duration > 1s`, read once, asked per request.
//
//   expression  = term { "or" term }
//   term        = factor { "and" factor }           and binds tighter
//   factor      = comparison | "(" expression ")"
//   comparison  = "status" order NUMBER | "duration" order NUMBER unit | ("method" | "path" | "service") equality TEXT
//   order       = "=" | "!=" | "<" | "<=" | ">" | ">="      ("==" is read as "=")
//   equality    = "=" | "!="
//   unit        = "us" | "ms" | "s" | "m"
//   TEXT        = word without spaces and parentheses, or "quoted"; a `*` at its end matches any ending
#pragma once
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace meshd {

// What a filter looks at; borrowed, so that a request that is not logged copies nothing.
struct AccessFacts {
  int status = 0;
  uint64_t duration_us = 0;
  std::string_view method;
  std::string_view path;
  std::string_view service;
};

struct FilterError {
  size_t offset = 0;  // in the expression, in bytes from 0
  std::string what;   // "expected a number after 'status >='"
};

class AccessFilter {
 public:
  // Everything passes.
  AccessFilter() = default;
  // An empty text lets everything pass. At most kFilterBytesMax long and kFilterDepthMax parentheses deep.
  static std::expected<AccessFilter, FilterError> parse(std::string_view text);

  bool matches(const AccessFacts& facts) const { return nodes_.empty() || eval(facts, nodes_.size() - 1); }

 private:
  friend class FilterParser;
  enum class Kind : uint8_t { both, either, status, duration, method, path, service };
  enum class Op : uint8_t { eq, ne, lt, le, gt, ge };
  struct Node {
    Kind kind;
    Op op = Op::eq;
    bool prefix = false;  // text: compare only its length
    uint32_t left = 0;    // both, either: nodes before this one
    uint32_t right = 0;
    uint64_t number = 0;  // status; duration in µs
    std::string text;     // method, path, service
  };
  bool eval(const AccessFacts& facts, size_t node) const;

  std::vector<Node> nodes_;  // children before parents; the last is the whole
};

inline constexpr size_t kFilterBytesMax = 1024;
inline constexpr int kFilterDepthMax = 16;

}  // namespace meshd
