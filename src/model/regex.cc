// SPDX-License-Identifier: Apache-2.0
#include "model/regex.h"

#include <re2/re2.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <mutex>

#include "base/limits.h"

namespace meshd::model {
namespace {

// Patterns in use. Filled where files are checked and snapshots compiled, never on the request path.
class Shared {
 public:
  std::shared_ptr<const re2::RE2> find(const std::string& pattern) {
    std::lock_guard lock(mutex_);
    auto it = all_.find(pattern);
    return it == all_.end() ? nullptr : it->second.lock();
  }
  void keep(const std::string& pattern, const std::shared_ptr<const re2::RE2>& re) {
    std::lock_guard lock(mutex_);
    std::erase_if(all_, [](const auto& entry) { return entry.second.expired(); });
    all_[pattern] = re;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<const re2::RE2>> all_;
};

Shared& shared() {
  static Shared all;
  return all;
}

re2::RE2::Options options() {
  re2::RE2::Options o;
  o.set_encoding(re2::RE2::Options::EncodingLatin1);
  o.set_log_errors(false);
  o.set_dot_nl(true);
  o.set_max_mem(static_cast<int64_t>(kRegexMemory));
  return o;
}

}  // namespace

Outcome<Regex> Regex::compile(std::string_view pattern) {
  Regex out;
  if (pattern.size() > kRegexBytesMax)
    return fail(Errc::limit, "a pattern of more than " + std::to_string(kRegexBytesMax) + " bytes");
  std::string key(pattern);
  out.re_ = shared().find(key);
  if (out.re_) return out;
  auto re = std::make_shared<const re2::RE2>(key, options());
  if (!re->ok()) return fail(Errc::invalid_argument, re->error());
  if (re->ProgramSize() > kRegexProgramMax)
    return fail(Errc::limit,
                "it compiles to more than " + std::to_string(kRegexProgramMax) + " instructions");
  shared().keep(key, re);
  out.re_ = std::move(re);
  return out;
}

bool Regex::matches(std::string_view text) const {
  return re_ && re_->Match({text.data(), text.size()}, 0, text.size(), re2::RE2::ANCHOR_BOTH, nullptr, 0);
}

std::string Regex::literal_prefix() const {
  std::string out;
  if (!re_) return out;
  std::string_view p = re_->pattern();
  if (p.contains('|')) return out;
  if (p.starts_with('^')) p.remove_prefix(1);
  for (size_t i = 0; i < p.size(); ++i) {
    char c = p[i];
    if (c == '\\' && i + 1 < p.size() && ispunct(static_cast<unsigned char>(p[i + 1])) != 0) {
      out += p[++i];
    } else if (std::string_view("*?{").contains(c)) {
      // What it may repeat no times is not certain.
      if (!out.empty()) out.pop_back();
      break;
    } else if (std::string_view("\\+.()[]}^$").contains(c)) {
      break;
    } else {
      out += c;
    }
  }
  return out;
}

Outcome<> Regex::check_substitution(std::string_view substitution) const {
  std::string error;
  if (re_ && re_->CheckRewriteString({substitution.data(), substitution.size()}, &error)) return {};
  return fail(Errc::invalid_argument, error);
}

bool Regex::substitute(std::string_view text, std::string_view substitution, size_t max,
                       std::string& out) const {
  constexpr int kGroups = 10;
  if (!re_) return false;
  re2::StringPiece groups[kGroups];
  int count = std::min(kGroups, 1 + re_->NumberOfCapturingGroups());
  size_t at = 0;
  bool found = false;
  out.clear();
  while (at <= text.size() &&
         re_->Match({text.data(), text.size()}, at, text.size(), re2::RE2::UNANCHORED, groups, count)) {
    found = true;
    auto begin = static_cast<size_t>(groups[0].data() - text.data());
    out.append(text, at, begin - at);
    for (size_t i = 0; i < substitution.size(); ++i) {
      if (substitution[i] != '\\') {
        out += substitution[i];
      } else if (char c = substitution[++i]; c == '\\') {
        out += c;
      } else if (int group = c - '0'; group < count && groups[group].data() != nullptr) {
        out.append(groups[group].data(), groups[group].size());
      }
    }
    if (out.size() > max) return false;
    at = begin + groups[0].size();
    if (!groups[0].empty()) continue;
    // An empty match stands between two bytes: the next one is beyond.
    if (at < text.size()) out += text[at];
    ++at;
  }
  if (at < text.size()) out.append(text, at);
  return found && out.size() <= max;
}

}  // namespace meshd::model
