// SPDX-License-Identifier: Apache-2.0
#include "telemetry/access_filter.h"

#include <charconv>
#include <optional>

namespace meshd {

using Parsed = std::expected<uint32_t, FilterError>;  // the index of a node

// Recursive descent; each function reads one rule of the grammar and returns its node.
class FilterParser {
 public:
  explicit FilterParser(std::string_view text) : text_(text) {}

  std::expected<AccessFilter, FilterError> whole() {
    if (text_.size() > kFilterBytesMax)
      return std::unexpected(
          FilterError{kFilterBytesMax, "longer than " + std::to_string(kFilterBytesMax) + " bytes"});
    space();
    if (at_ == text_.size()) return AccessFilter();
    auto root = expression();
    if (!root) return std::unexpected(root.error());
    if (at_ != text_.size()) return std::unexpected(error("expected 'and' or 'or'"));
    return std::move(filter_);
  }

 private:
  using Kind = AccessFilter::Kind;
  using Op = AccessFilter::Op;
  using Node = AccessFilter::Node;

  Parsed expression() { return joined("or", Kind::either, &FilterParser::term); }
  Parsed term() { return joined("and", Kind::both, &FilterParser::factor); }

  Parsed joined(std::string_view word, Kind kind, Parsed (FilterParser::*operand)()) {
    Parsed left = (this->*operand)();
    while (left && take_word(word)) {
      Parsed right = (this->*operand)();
      if (!right) return right;
      left = add({.kind = kind, .left = *left, .right = *right});
    }
    return left;
  }

  Parsed factor() {
    if (!take("(")) return comparison();
    if (++depth_ > kFilterDepthMax) return fail("too many parentheses");
    Parsed inner = expression();
    if (!inner) return inner;
    --depth_;
    if (!take(")")) return fail("expected ')'");
    return inner;
  }

  Parsed comparison() {
    size_t start = at_;
    std::string_view field = letters();
    if (field == "status") return number_comparison(Kind::status, field);
    if (field == "duration") return number_comparison(Kind::duration, field);
    if (field == "method") return text_comparison(Kind::method, field);
    if (field == "path") return text_comparison(Kind::path, field);
    if (field == "service") return text_comparison(Kind::service, field);
    at_ = start;
    return fail("expected status, duration, method, path or service");
  }

  Parsed number_comparison(Kind kind, std::string_view field) {
    auto op = order();
    if (!op) return fail("expected =, !=, <, <=, > or >= after '" + std::string(field) + "'");
    size_t start = at_;
    uint64_t number = 0;
    spaced_ = false;
    auto [end, problem] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), number);
    if (problem != std::errc()) return fail("expected a number after '" + std::string(field) + "'");
    at_ = static_cast<size_t>(end - text_.data());
    uint64_t scale = 1;
    if (kind == Kind::duration) {
      size_t unit_start = at_;
      std::string_view unit = letters();
      scale = unit == "us" ? 1 : unit == "ms" ? 1000 : unit == "s" ? 1'000'000 : unit == "m" ? 60'000'000 : 0;
      if (scale == 0) {
        at_ = unit_start;
        return fail("expected a unit: us, ms, s or m");
      }
    }
    bool ends =
        at_ == text_.size() || text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == ')' || spaced_;
    if (!ends) return fail("unexpected character after the number");
    if (number > UINT64_MAX / scale || (kind == Kind::status && number > 999)) {
      at_ = start;
      return fail(kind == Kind::status ? "a status has three digits" : "too long");
    }
    space();
    return add({.kind = kind, .op = *op, .number = number * scale});
  }

  Parsed text_comparison(Kind kind, std::string_view field) {
    auto op = order();
    if (!op || (*op != Op::eq && *op != Op::ne))
      return fail("expected = or != after '" + std::string(field) + "'");
    bool quoted = at_ < text_.size() && text_[at_] == '"';
    size_t start = quoted ? at_ + 1 : at_;
    size_t end = quoted ? text_.find('"', start) : text_.find_first_of(" \t()\"", start);
    if (quoted && end == std::string_view::npos) return fail("missing closing quote");
    if (end == std::string_view::npos) end = text_.size();
    std::string_view value = text_.substr(start, end - start);
    if (value.empty() && !quoted) return fail("expected a text after '" + std::string(field) + "'");
    bool prefix = value.ends_with('*');
    if (prefix) value.remove_suffix(1);
    at_ = quoted ? end + 1 : end;
    space();
    return add({.kind = kind, .op = *op, .prefix = prefix, .text = std::string(value)});
  }

  // ---- characters

  std::optional<Op> order() {
    space();
    size_t start = at_;
    std::optional<Op> op;
    if (take("==") || take("="))
      op = Op::eq;
    else if (take("!="))
      op = Op::ne;
    else if (take("<="))
      op = Op::le;
    else if (take("<"))
      op = Op::lt;
    else if (take(">="))
      op = Op::ge;
    else if (take(">"))
      op = Op::gt;
    if (!op) at_ = start;
    return op;
  }

  // Lower-case letters, then any space.
  std::string_view letters() {
    size_t start = at_;
    while (at_ < text_.size() && text_[at_] >= 'a' && text_[at_] <= 'z') ++at_;
    std::string_view word = text_.substr(start, at_ - start);
    space();
    return word;
  }

  bool take(std::string_view symbol) {
    if (!text_.substr(at_).starts_with(symbol)) return false;
    at_ += symbol.size();
    space();
    return true;
  }

  bool take_word(std::string_view word) {
    size_t start = at_;
    if (letters() == word) return true;
    at_ = start;
    return false;
  }

  // spaced_: whether there was any since the last token.
  void space() {
    size_t start = at_;
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n')) ++at_;
    spaced_ = at_ > start;
  }

  FilterError error(std::string what) const { return {at_, std::move(what)}; }
  Parsed fail(std::string what) const { return std::unexpected(error(std::move(what))); }

  Parsed add(Node node) {
    filter_.nodes_.push_back(std::move(node));
    return static_cast<uint32_t>(filter_.nodes_.size() - 1);
  }

  std::string_view text_;
  size_t at_ = 0;
  bool spaced_ = false;
  int depth_ = 0;
  AccessFilter filter_;
};

std::expected<AccessFilter, FilterError> AccessFilter::parse(std::string_view text) {
  return FilterParser(text).whole();
}

bool AccessFilter::eval(const AccessFacts& facts, size_t index) const {
  const Node& node = nodes_[index];
  auto number = [&](uint64_t value) {
    switch (node.op) {
      case Op::eq: return value == node.number;
      case Op::ne: return value != node.number;
      case Op::lt: return value < node.number;
      case Op::le: return value <= node.number;
      case Op::gt: return value > node.number;
      case Op::ge: return value >= node.number;
    }
    return false;
  };
  auto text = [&](std::string_view value) {
    bool same = node.prefix ? value.starts_with(node.text) : value == node.text;
    return same == (node.op == Op::eq);
  };
  switch (node.kind) {
    case Kind::both: return eval(facts, node.left) && eval(facts, node.right);
    case Kind::either: return eval(facts, node.left) || eval(facts, node.right);
    case Kind::status: return number(static_cast<uint64_t>(facts.status));
    case Kind::duration: return number(facts.duration_us);
    case Kind::method: return text(facts.method);
    case Kind::path: return text(facts.path);
    case Kind::service: return text(facts.service);
  }
  return false;
}

}  // namespace meshd
