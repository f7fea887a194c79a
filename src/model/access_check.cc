// SPDX-License-Identifier: Apache-2.0
// access_check.cc: the access log's filter, read for faults only. What evaluates it is telemetry/, on this same floor;
// snapshot/access_filter_test.cc holds the two against each other.
#include "model/access_check.h"

#include <charconv>
#include <cstdint>

namespace meshd::model {
namespace {

constexpr size_t kBytesMax = 1024;
constexpr int kDepthMax = 16;

class Check {
 public:
  explicit Check(std::string_view text) : text_(text) {}

  std::optional<FilterFault> whole() {
    if (text_.size() > kBytesMax)
      return FilterFault{kBytesMax, "longer than " + std::to_string(kBytesMax) + " bytes"};
    space();
    if (at_ == text_.size()) return std::nullopt;
    if (expression(0) && at_ != text_.size()) fault("expected 'and' or 'or'");
    return fault_;
  }

 private:
  bool expression(int depth) {
    do {
      if (!factor(depth)) return false;
    } while (word("or") || word("and"));
    return true;
  }

  bool factor(int depth) {
    if (!take("(")) return comparison();
    if (depth == kDepthMax) return fault("too many parentheses");
    if (!expression(depth + 1)) return false;
    return take(")") || fault("expected ')'");
  }

  bool comparison() {
    size_t start = at_;
    std::string field(letters());
    bool number = field == "status" || field == "duration";
    if (!number && field != "method" && field != "path" && field != "service") {
      at_ = start;
      return fault("expected status, duration, method, path or service");
    }
    space();
    bool equality = take("==") || take("=") || take("!=");
    if (!equality && !(number && (take("<=") || take("<") || take(">=") || take(">"))))
      return fault(number ? "expected =, !=, <, <=, > or >= after '" + field + "'"
                          : "expected = or != after '" + field + "'");
    return number ? amount(field) : text(field);
  }

  bool amount(const std::string& field) {
    size_t start = at_;
    uint64_t n = 0;
    auto [end, problem] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), n);
    if (problem != std::errc()) return fault("expected a number after '" + field + "'");
    at_ = static_cast<size_t>(end - text_.data());
    uint64_t scale = 1;
    if (field == "duration") {
      size_t unit_at = at_;
      space();
      std::string_view unit = text_.substr(at_, letter_count());
      scale = at_ > unit_at  ? 0
              : unit == "us" ? 1
              : unit == "ms" ? 1000
              : unit == "s"  ? 1'000'000
              : unit == "m"  ? 60'000'000
                             : 0;
      if (scale == 0) {
        at_ = unit_at;
        return fault("expected a unit: us, ms, s or m");
      }
      at_ += unit.size();
    }
    if (at_ < text_.size() && !std::string_view(" \t\n)").contains(text_[at_]))
      return fault("unexpected character after the number");
    if (n > UINT64_MAX / scale || (field == "status" && n > 999)) {
      at_ = start;
      return fault(field == "status" ? "a status has three digits" : "too long");
    }
    space();
    return true;
  }

  bool text(const std::string& field) {
    bool quoted = at_ < text_.size() && text_[at_] == '"';
    size_t start = quoted ? at_ + 1 : at_;
    size_t end = quoted ? text_.find('"', start) : text_.find_first_of(" \t()\"", start);
    if (quoted && end == std::string_view::npos) return fault("missing closing quote");
    if (end == std::string_view::npos) end = text_.size();
    if (end == start && !quoted) return fault("expected a text after '" + field + "'");
    at_ = quoted ? end + 1 : end;
    space();
    return true;
  }

  // ---- characters

  size_t letter_count() const {
    size_t n = 0;
    while (at_ + n < text_.size() && text_[at_ + n] >= 'a' && text_[at_ + n] <= 'z') ++n;
    return n;
  }
  std::string_view letters() {
    std::string_view w = text_.substr(at_, letter_count());
    at_ += w.size();
    space();
    return w;
  }
  bool word(std::string_view wanted) {
    size_t start = at_;
    if (letters() == wanted) return true;
    at_ = start;
    return false;
  }
  bool take(std::string_view symbol) {
    if (!text_.substr(at_).starts_with(symbol)) return false;
    at_ += symbol.size();
    space();
    return true;
  }
  void space() {
    while (at_ < text_.size() && std::string_view(" \t\n").contains(text_[at_])) ++at_;
  }
  bool fault(std::string what) {
    if (!fault_) fault_ = FilterFault{at_, std::move(what)};
    return false;
  }

  std::string_view text_;
  size_t at_ = 0;
  std::optional<FilterFault> fault_;
};

}  // namespace

std::optional<FilterFault> check_access_filter(std::string_view text) { return Check(text).whole(); }

}  // namespace meshd::model
