// SPDX-License-Identifier: Apache-2.0
#include "model/diagnostics.h"

#include <algorithm>
#include <span>
#include <utility>

namespace meshd::model {

Diagnostic& Findings::add(Diagnostic::Severity severity, std::string_view code, SourcePos at, uint32_t length,
                          std::string message) {
  if (severity == Diagnostic::error) ++errors_;
  if (list_.size() >= kMax) {
    ++dropped_;
    overflow_ = {};
    return overflow_;
  }
  list_.push_back({severity, std::string(code), std::move(message), {}, at, std::max<uint32_t>(length, 1)});
  return list_.back();
}

std::vector<Diagnostic> Findings::take() {
  std::vector<std::pair<SourcePos, size_t>> order;
  for (size_t i = 0; i < list_.size(); ++i) order.push_back({list_[i].at, i});
  std::ranges::sort(order);
  std::vector<Diagnostic> sorted;
  for (auto& [at, i] : order) sorted.push_back(std::move(list_[i]));
  list_.clear();
  if (dropped_)
    sorted.push_back({errors_ ? Diagnostic::error : Diagnostic::warning,
                      std::string(md::too_much),
                      "and " + std::to_string(dropped_) + " more findings",
                      {},
                      {},
                      1});
  dropped_ = errors_ = 0;
  return sorted;
}

namespace {

// Levenshtein distance, with a transposition of neighbours counted as one change.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
  if (word.empty() || word.size() > 64) return {};
  // A third of the word wrong is still a slip; more is another word.
  size_t limit = std::max<size_t>(1, word.size() / 3);
  std::string_view best;
  for (std::string_view c : std::span(candidates).first(std::min(candidates.size(), kCandidatesMax))) {
    if (c.size() > word.size() + limit || word.size() > c.size() + limit) continue;
    size_t d = edit_distance(word, c);
    if (d <= limit && d > 0) {
      best = c;
      if (d == 1) break;
      limit = d - 1;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates) {
  std::string_view near = nearest(word, candidates);
  return near.empty() ? std::string() : "did you mean " + in_quotes(near) + "?";
}

std::string list_words(const std::vector<std::string_view>& words, size_t max) {
  std::string out;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i == max) return out + ", …";
    if (i) out += i + 1 == words.size() ? " or " : ", ";
    out += words[i];
  }
  return out;
}

std::string in_quotes(std::string_view word) {
  constexpr size_t kShown = 60;
  std::string out = "'";
  for (char c : word.substr(0, kShown)) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      out += '?';
    else
      out += c;
  }
  // Do not cut a character of several bytes in half.
  if (word.size() > kShown) {
    while (out.size() > 1 && (static_cast<unsigned char>(out.back()) & 0xC0) == 0x80) out.pop_back();
    if (static_cast<unsigned char>(out.back()) >= 0xC0) out.pop_back();
    out += "…";
  }
  return out + "'";
}

}  // namespace meshd::model
