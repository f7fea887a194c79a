// SPDX-License-Identifier: Apache-2.0
#include "model/yaml.h"

#include <libfyaml.h>

#include <algorithm>
#include <memory>
#include <unordered_map>

#include "base/limits.h"

namespace meshd::model {

const YamlPair* YamlNode::pair(std::string_view key) const {
  for (const YamlPair& p : pairs)
    if (p.key.text == key) return &p;
  return nullptr;
}

const YamlNode* YamlNode::find(std::string_view key) const {
  const YamlPair* p = pair(key);
  return p ? &p->value : nullptr;
}

namespace {

// ---- before the parser sees the text

struct Bad {
  SourcePos at;
  const char* what;
};

// Length of the valid UTF-8 sequence at `i`; 0: invalid (RFC 3629: no overlong forms, no surrogates).
size_t utf8_length(std::string_view s, size_t i) {
  auto at = [&](size_t k) { return k < s.size() ? static_cast<unsigned char>(s[k]) : 0u; };
  auto tail = [&](size_t k) { return (at(k) & 0xC0) == 0x80; };
  unsigned c = at(i);
  if (c < 0x80) return 1;
  if (c >= 0xC2 && c <= 0xDF) return tail(i + 1) ? 2 : 0;
  if (c >= 0xE0 && c <= 0xEF) {
    if (!tail(i + 1) || !tail(i + 2)) return 0;
    if ((c == 0xE0 && at(i + 1) < 0xA0) || (c == 0xED && at(i + 1) > 0x9F)) return 0;
    return 3;
  }
  if (c >= 0xF0 && c <= 0xF4) {
    if (!tail(i + 1) || !tail(i + 2) || !tail(i + 3)) return 0;
    if ((c == 0xF0 && at(i + 1) < 0x90) || (c == 0xF4 && at(i + 1) > 0x8F)) return 0;
    return 4;
  }
  return 0;
}

std::optional<Bad> first_bad_byte(std::string_view text) {
  SourcePos at{1, 1};
  bool indenting = true;
  for (size_t i = 0; i < text.size();) {
    auto c = static_cast<unsigned char>(text[i]);
    size_t n = utf8_length(text, i);
    if (n == 0) return Bad{at, "a byte that is not UTF-8"};
    if (c == '\n') {
      ++at.line;
      at.column = 1;
      indenting = true;
      ++i;
      continue;
    }
    if (c == '\t' && indenting) return Bad{at, "a tab in the indentation"};
    if ((c < 0x20 && c != '\t' && c != '\r') || c == 0x7f) return Bad{at, "a control character"};
    if (c != ' ') indenting = false;
    ++at.column;
    i += n;
  }
  return std::nullopt;
}

// ---- libfyaml's events to a tree

struct ParserFree {
  void operator()(fy_parser* p) const { fy_parser_destroy(p); }
};
struct DiagFree {
  void operator()(fy_diag* d) const { fy_diag_destroy(d); }
};

// Piece by piece: fy_token_get_text of 0.7 leaks for quoted texts with many escapes.
std::string text_of(fy_token* token) {
  std::unique_ptr<fy_token_iter, decltype(&fy_token_iter_destroy)> pieces(fy_token_iter_create(token),
                                                                          &fy_token_iter_destroy);
  std::string text;
  const fy_iter_chunk* piece = nullptr;
  int error = 0;
  while (pieces && (piece = fy_token_iter_chunk_next(pieces.get(), piece, &error)) != nullptr)
    text.append(piece->str, piece->len);
  return text;
}

class Builder {
 public:
  // `skipped`: bytes before the text, which its places count too.
  Builder(std::string_view text, size_t skipped, Findings& findings)
      : text_(text), skipped_(skipped), findings_(findings) {}

  std::optional<YamlNode> run() {
    fy_diag_cfg diag_config;
    fy_diag_cfg_default(&diag_config);
    diag_config.fp = nullptr;
    diag_config.colorize = false;
    diag_.reset(fy_diag_create(&diag_config));
    if (!diag_) return fail(md::syntax, {}, "out of memory");
    fy_diag_set_collect_errors(diag_.get(), true);
    fy_parse_cfg config{};
    config.flags = static_cast<fy_parse_cfg_flags>(FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DISABLE_MMAP_OPT |
                                                   FYPCF_JSON_NONE | FYPCF_DEFAULT_VERSION_1_2);
    config.diag = diag_.get();
    parser_.reset(fy_parser_create(&config));
    if (!parser_ || fy_parser_set_string(parser_.get(), text_.data(), text_.size()) != 0)
      return fail(md::syntax, {}, "out of memory");

    YamlNode root;
    bool have_root = false;
    while (fy_event* event = next()) {
      bool more = true;
      switch (event->type) {
        case FYET_DOCUMENT_START:
          if (have_root) {
            fail(md::yaml_feature, position(event), "a second document; one file is one mesh");
            more = false;
          }
          break;
        case FYET_SCALAR:
        case FYET_MAPPING_START:
        case FYET_SEQUENCE_START:
        case FYET_ALIAS:
          have_root = true;
          more = value(event, root, 1);
          event = nullptr;  // value() frees it
          break;
        default: break;
      }
      if (event) fy_parser_event_free(parser_.get(), event);
      if (!more) return std::nullopt;
    }
    if (report_parser_error()) return std::nullopt;
    return root;
  }

 private:
  std::nullopt_t fail(std::string_view code, SourcePos at, std::string message, uint32_t length = 1) {
    findings_.error(code, at, length, std::move(message));
    failed_ = true;
    return std::nullopt;
  }

  fy_event* next() { return failed_ ? nullptr : fy_parser_parse(parser_.get()); }

  static SourcePos position(fy_event* event) {
    const fy_mark* m = fy_event_start_mark(event);
    if (!m) return {};
    return {static_cast<uint32_t>(m->line + 1), static_cast<uint32_t>(m->column + 1)};
  }

  // Of what begins with `event`: the marks of a quoted scalar stand inside its quotes, those of a block map at its first key.
  void place(fy_event* event, YamlNode& out) {
    const fy_mark* begin = fy_event_start_mark(event);
    const fy_mark* end = fy_event_end_mark(event);
    if (!begin) return;
    out.begin = std::min(begin->input_pos, text_.size());
    out.end = end ? std::clamp(end->input_pos, out.begin, text_.size()) : out.begin;
    if (event->type != FYET_SCALAR) {
      out.flow = out.begin < text_.size() && (text_[out.begin] == '{' || text_[out.begin] == '[');
    } else if (out.quoted) {
      auto quote = [&](size_t i) { return i < text_.size() && (text_[i] == '"' || text_[i] == '\''); };
      if (!quote(out.begin) && out.begin > 0 && quote(out.begin - 1)) --out.begin;
      if (quote(out.begin)) out.end = after_quoted(out.begin);
    }
    out.begin += skipped_;
    out.end += skipped_;
  }

  // Behind the quote that ends what the quote at `i` begins.
  size_t after_quoted(size_t i) const {
    const char quote = text_[i++];
    for (; i < text_.size(); ++i) {
      if (quote == '"' && text_[i] == '\\') {
        ++i;
      } else if (text_[i] == quote) {
        if (quote == '"' || i + 1 >= text_.size() || text_[i + 1] != quote) return i + 1;
        ++i;
      }
    }
    return text_.size();
  }

  // The map or list ends here: a flow one behind its bracket, a block one with its last value.
  void close(fy_event* event, YamlNode& out) {
    if (out.flow) {
      const fy_mark* end = fy_event_end_mark(event);
      if (end) out.end = std::min(end->input_pos, text_.size()) + skipped_;
    } else if (!out.pairs.empty()) {
      out.end = std::max(out.pairs.back().key.end, out.pairs.back().value.end);
    } else if (!out.items.empty()) {
      out.end = std::max(out.begin, out.items.back().end);
    }
  }

  bool report_parser_error() {
    if (failed_) return true;
    void* it = nullptr;
    if (fy_diag_error* e = fy_diag_errors_iterate(diag_.get(), &it)) {
      SourcePos at;
      if (e->line > 0 && e->column > 0)
        at = {static_cast<uint32_t>(e->line), static_cast<uint32_t>(e->column)};
      fail(md::syntax, at, std::string("this is not YAML: ") + (e->msg ? e->msg : "unreadable"));
      return true;
    }
    if (fy_parser_get_stream_error(parser_.get())) {
      fail(md::syntax, last_, "this is not YAML: unreadable from here on");
      return true;
    }
    return false;
  }

  // Reads the value that begins with `event`, and frees it. False: stop, a finding says why.
  bool value(fy_event* event, YamlNode& out, int depth) {
    fy_event_type type = event->type;
    out.at = last_ = position(event);
    bool plain = plain_yaml(event, type);
    if (type == FYET_SCALAR && plain) scalar(event, out);
    if (plain) place(event, out);
    fy_parser_event_free(parser_.get(), event);
    if (!plain) return false;
    if (++nodes_ > kYamlNodesMax) {
      fail(md::too_much, out.at, "more than " + std::to_string(kYamlNodesMax) + " values in one file");
      return false;
    }
    if (type == FYET_SCALAR) return true;
    if (depth > kYamlDepthMax) {
      fail(md::too_much, out.at, "nested more than " + std::to_string(kYamlDepthMax) + " levels deep");
      return false;
    }
    return type == FYET_MAPPING_START ? map(out, depth) : list(out, depth);
  }

  bool plain_yaml(fy_event* event, fy_event_type type) {
    const char* what = nullptr;
    if (type == FYET_ALIAS)
      what = "an alias (*name)";
    else if (fy_event_get_anchor_token(event))
      what = "an anchor (&name)";
    else if (fy_event_get_tag_token(event))
      what = "a tag (!name)";
    else if (type != FYET_SCALAR && type != FYET_MAPPING_START && type != FYET_SEQUENCE_START)
      what = "an unexpected value";
    if (!what) return true;
    fail(md::yaml_feature, last_,
         std::string(what) + " is not accepted here; write the value out, or put it in quotes");
    return false;
  }

  void scalar(fy_event* event, YamlNode& out) {
    fy_token* token = event->scalar.value;
    if (token) out.text = text_of(token);
    out.quoted = token && fy_scalar_token_get_style(token) != FYSS_PLAIN;
    const fy_mark* end = fy_event_end_mark(event);
    if (end && static_cast<uint32_t>(end->line + 1) == out.at.line &&
        static_cast<uint32_t>(end->column + 1) > out.at.column)
      out.length = static_cast<uint32_t>(end->column + 1) - out.at.column;
    // The marks of a quoted scalar stand inside its quotes.
    if (token &&
        (fy_scalar_token_get_style(token) == FYSS_SINGLE_QUOTED ||
         fy_scalar_token_get_style(token) == FYSS_DOUBLE_QUOTED) &&
        out.at.column > 1 && !starts_with_quote(out.at)) {
      --out.at.column;
      out.length += out.text.empty() ? 1 : 2;
    }
  }

  bool starts_with_quote(SourcePos at) {
    // Rarely asked, for quoted scalars only; lines are found from the last one asked.
    if (at.line < line_) line_ = 1, line_start_ = 0;
    while (line_ < at.line) {
      size_t nl = text_.find('\n', line_start_);
      if (nl == std::string_view::npos) return true;
      line_start_ = nl + 1;
      ++line_;
    }
    size_t i = line_start_;
    for (uint32_t column = 1; column < at.column && i < text_.size(); ++column)
      i += std::max<size_t>(1, utf8_length(text_, i));
    return i < text_.size() && (text_[i] == '"' || text_[i] == '\'');
  }

  bool map(YamlNode& out, int depth) {
    out.kind = YamlNode::map;
    std::unordered_map<std::string, uint32_t> seen;  // key to its line
    while (fy_event* event = next()) {
      if (event->type == FYET_MAPPING_END) {
        close(event, out);
        fy_parser_event_free(parser_.get(), event);
        return true;
      }
      YamlPair pair;
      bool text_key = event->type == FYET_SCALAR;
      SourcePos at = position(event);
      if (!value(event, pair.key, depth + 1)) return false;
      if (!text_key) {
        fail(md::yaml_feature, at, "a key must be text");
        return false;
      }
      fy_event* value_event = next();
      if (!value_event) break;
      if (!value(value_event, pair.value, depth + 1)) return false;
      // An empty value has no place of its own.
      if (pair.value.at.line == 0) pair.value.at = pair.key.at;
      auto [first, fresh] = seen.emplace(pair.key.text, pair.key.at.line);
      if (!fresh) {
        findings_
            .error(md::duplicate_key, pair.key.at, pair.key.length,
                   "key " + model::in_quotes(pair.key.text) + " stands twice")
            .hint = "first at line " + std::to_string(first->second);
        continue;
      }
      out.pairs.push_back(std::move(pair));
    }
    return !report_parser_error() && unfinished(out);
  }

  bool list(YamlNode& out, int depth) {
    out.kind = YamlNode::list;
    while (fy_event* event = next()) {
      if (event->type == FYET_SEQUENCE_END) {
        close(event, out);
        fy_parser_event_free(parser_.get(), event);
        return true;
      }
      out.items.emplace_back();
      if (!value(event, out.items.back(), depth + 1)) return false;
      if (out.items.back().at.line == 0) out.items.back().at = out.at;
    }
    return !report_parser_error() && unfinished(out);
  }

  bool unfinished(const YamlNode& node) {
    fail(md::syntax, node.at, "this is not YAML: it begins here and does not end");
    return false;
  }

  std::string_view text_;
  size_t skipped_;
  Findings& findings_;
  std::unique_ptr<fy_diag, DiagFree> diag_;
  std::unique_ptr<fy_parser, ParserFree> parser_;
  SourcePos last_;
  size_t nodes_ = 0;
  bool failed_ = false;
  uint32_t line_ = 1;
  size_t line_start_ = 0;
};

}  // namespace

std::optional<YamlNode> parse_yaml(std::string_view text, Findings& findings) {
  if (text.size() > kConfigBytesMax) {
    findings.error(md::not_text, {}, 1,
                   "the file has " + std::to_string(text.size()) + " bytes; at most " +
                       std::to_string(kConfigBytesMax) + " are read");
    return std::nullopt;
  }
  size_t skipped = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;  // a byte order mark says nothing
  text.remove_prefix(skipped);
  if (auto bad = first_bad_byte(text)) {
    Diagnostic& d = findings.error(md::not_text, bad->at, 1, std::string(bad->what));
    if (std::string_view(bad->what).starts_with("a tab")) d.hint = "indent with spaces";
    return std::nullopt;
  }
  return Builder(text, skipped, findings).run();
}

}  // namespace meshd::model
