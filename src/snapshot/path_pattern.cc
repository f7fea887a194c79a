// SPDX-License-Identifier: Apache-2.0
// path_pattern.cc: the path patterns of policy rules. `/debug/**` takes /debug, /debug/ and everything below.
//
// Both loops remember the last star only, so a match takes at most pattern × path steps and no stack.
#include "snapshot/decide.h"

namespace meshd {
namespace {

// `*` is any run of characters within one segment.
bool segment_matches(std::string_view text, std::string_view pattern) {
  size_t t = 0, p = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

// Walks a path by segments; `rest` begins after a slash. "/a/" has the segments "a" and "".
struct Segments {
  std::string_view rest;
  bool done = false;

  explicit Segments(std::string_view path)
      : rest(path.starts_with('/') ? path.substr(1) : path), done(path.empty()) {}
  std::string_view head() const { return rest.substr(0, rest.find('/')); }
  void next() {
    size_t slash = rest.find('/');
    if (slash == std::string_view::npos)
      done = true;
    else
      rest.remove_prefix(slash + 1);
  }
};

}  // namespace

bool path_matches_pattern(std::string_view path, std::string_view pattern) {
  if (!path.starts_with('/') || !pattern.starts_with('/')) return false;
  Segments t(path), p(pattern);
  bool starred = false;
  Segments star_pattern(""), star_path("");
  while (!t.done) {
    if (!p.done && p.head() == "**") {
      starred = true;
      p.next();
      star_pattern = p;
      star_path = t;
    } else if (!p.done && segment_matches(t.head(), p.head())) {
      p.next();
      t.next();
    } else if (starred) {
      star_path.next();
      t = star_path;
      p = star_pattern;
    } else {
      return false;
    }
  }
  while (!p.done && p.head() == "**") p.next();
  return p.done;
}

}  // namespace meshd
