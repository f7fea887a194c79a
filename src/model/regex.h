// SPDX-License-Identifier: Apache-2.0
// regex.h: regular expressions of the file: RE2, linear in the text whatever the pattern. Only regex.cc knows the library.
//
// Patterns work on bytes, so that no value can be malformed. What a pattern may cost is bounded when it is compiled
// (limits.h); while it matches, RE2 fills a cache of states of bounded size.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace meshd::model {

class Regex {
 public:
  Regex() = default;  // matches nothing
  // One compiled pattern is shared by all who ask for it, over snapshots and threads. Errors: invalid_argument with
  // RE2's reason; limit.
  static Outcome<Regex> compile(std::string_view pattern);

  explicit operator bool() const { return re_ != nullptr; }
  // The whole text.
  bool matches(std::string_view text) const;
  // What every text that it matches begins with; may be shorter than it could be.
  std::string literal_prefix() const;

  // Whether `substitution` names groups that the pattern has: \1 to \9, \0 the whole. Errors: a sentence.
  Outcome<> check_substitution(std::string_view substitution) const;
  // `text` with every match replaced. False: it would be longer than `max` bytes, or nothing matched.
  bool substitute(std::string_view text, std::string_view substitution, size_t max, std::string& out) const;

 private:
  std::shared_ptr<const re2::RE2> re_;
};

}  // namespace meshd::model
