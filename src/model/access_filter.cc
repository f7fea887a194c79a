// SPDX-License-Identifier: Apache-2.0
#include "model/access_filter.h"

#include <algorithm>
#include <optional>

#include "model/scalars.h"

namespace meshd::model {
namespace {

bool compare_char(char c) { return c == '=' || c == '!' || c == '<' || c == '>'; }

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> out;
  for (size_t i = 0; i < text.size();) {
    if (text[i] == ' ') {
      ++i;
      continue;
    }
    size_t begin = i;
    bool compare = compare_char(text[i]);
    while (i < text.size() && text[i] != ' ' && compare_char(text[i]) == compare) ++i;
    out.push_back(text.substr(begin, i - begin));
  }
  return out;
}

}  // namespace

Outcome<AccessFilter> parse_access_filter(std::string_view text) {
  using Field = AccessFilter::Field;
  using Compare = AccessFilter::Compare;
  auto wrong = [](std::string_view word, std::string_view wanted) {
    return fail(Errc::invalid_argument, "'" + std::string(word) + "' where " + std::string(wanted) + " is expected");
  };
  std::vector<std::string_view> words = split_words(text);
  AccessFilter filter;
  if (words.empty()) return filter;
  filter.any_of_all_.emplace_back();
  for (size_t i = 0;; i += 4) {
    auto word = [&](size_t k) { return i + k < words.size() ? words[i + k] : std::string_view("(end)"); };
    AccessFilter::Term term{};
    if (word(0) == "status") term.field = Field::status;
    else if (word(0) == "duration") term.field = Field::duration;
    else if (word(0) == "method") term.field = Field::method;
    else if (word(0) == "service") term.field = Field::service;
    else return wrong(word(0), "status, duration, method or service");

    constexpr std::string_view compares[] = {"==", "!=", "<", "<=", ">", ">="};
    auto c = std::ranges::find(compares, word(1));
    bool text_field = term.field == Field::method || term.field == Field::service;
    if (c == std::end(compares) || (text_field && c - compares > 1)) return wrong(word(1), text_field ? "== or !=" : "==, !=, <, <=, > or >=");
    term.compare = static_cast<Compare>(c - compares);

    if (i + 2 >= words.size()) return wrong("(end)", "a value");
    if (term.field == Field::status) {
      auto n = parse_integer(word(2));
      if (!n || *n < 0 || *n > 999) return wrong(word(2), "a status");
      term.number = *n;
    } else if (term.field == Field::duration) {
      auto d = parse_duration(word(2));
      if (!d) return wrong(word(2), "a duration with its unit, such as 1s");
      term.number = std::chrono::microseconds(*d).count();
    } else {
      term.word = word(2);
    }
    filter.any_of_all_.back().push_back(std::move(term));
    if (i + 3 >= words.size()) return filter;
    if (word(3) == "or") filter.any_of_all_.emplace_back();
    else if (word(3) != "and") return wrong(word(3), "and or or");
  }
}

bool AccessFilter::holds(const Term& term, const AccessFacts& facts) {
  if (term.field == Field::method || term.field == Field::service) {
    bool same = term.word == (term.field == Field::method ? facts.method : facts.service);
    return same == (term.compare == Compare::eq);
  }
  int64_t value = term.field == Field::status ? facts.status : facts.duration.count();
  switch (term.compare) {
    case Compare::eq: return value == term.number;
    case Compare::ne: return value != term.number;
    case Compare::lt: return value < term.number;
    case Compare::le: return value <= term.number;
    case Compare::gt: return value > term.number;
    case Compare::ge: return value >= term.number;
  }
  return false;
}

bool AccessFilter::takes(const AccessFacts& facts) const {
  if (any_of_all_.empty()) return true;
  for (const auto& all : any_of_all_)
    if (std::ranges::all_of(all, [&](const Term& t) { return holds(t, facts); })) return true;
  return false;
}

}  // namespace meshd::model
