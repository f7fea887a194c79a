// SPDX-License-Identifier: Apache-2.0
#include "http/h1_parser.h"

#include <llhttp.h>

#include <cstring>

namespace meshd {
namespace {

// Without white space before line ends: legal after a value (RFC 9112 section 5), but llhttp refuses it after
// a Content-Length.
std::string trim_lines(std::string_view head) {
  std::string out;
  out.reserve(head.size());
  while (!head.empty()) {
    size_t end = head.find('\r');
    out.append(trim_ows(head.substr(0, end))).append("\r\n");
    head.remove_prefix(end + 2);
  }
  return out;
}

// What llhttp says about a head, to be compared with what we read.
struct Reading {
  Fields* fields;
  std::string_view url, name, value;
  bool complete = false;
};

// Spans of one contiguous buffer: pieces of a token lie end to end.
int extend(std::string_view& span, const char* at, size_t size) {
  if (span.empty()) {
    span = {at, size};
  } else if (span.data() + span.size() == at) {
    span = {span.data(), span.size() + size};
  } else {
    return HPE_USER;
  }
  return 0;
}

Reading& reading(llhttp_t* p) { return *static_cast<Reading*>(p->data); }

const llhttp_settings_t& settings() {
  static const llhttp_settings_t kSettings = [] {
    llhttp_settings_t s;
    llhttp_settings_init(&s);
    s.on_url = [](llhttp_t* p, const char* at, size_t n) { return extend(reading(p).url, at, n); };
    s.on_header_field = [](llhttp_t* p, const char* at, size_t n) { return extend(reading(p).name, at, n); };
    s.on_header_value = [](llhttp_t* p, const char* at, size_t n) { return extend(reading(p).value, at, n); };
    s.on_header_value_complete = [](llhttp_t* p) {
      Reading& r = reading(p);
      r.fields->add(r.name, trim_ows(r.value));
      r.name = r.value = {};
      return 0;
    };
    s.on_headers_complete = [](llhttp_t* p) {
      reading(p).complete = true;
      return 0;
    };
    return s;
  }();
  return kSettings;
}

// "HTTP/1.1": name and digits exactly.
Result<HttpVersion> parse_version(std::string_view text, Side side) {
  if (text == "HTTP/1.1") return HttpVersion::http11;
  if (text == "HTTP/1.0") return HttpVersion::http10;
  auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.size() == 8 && text.starts_with("HTTP/") && digit(text[5]) && text[6] == '.' && digit(text[7]))
    return fail(Errc::unsupported_version, side, "a version other than HTTP/1.0 and HTTP/1.1");
  return fail(Errc::protocol, side, "a malformed start line");
}

}  // namespace

void H1HeadParser::restart() { head_start_ = line_start_ = scanned_ = fields_start_ = lines_ = 0; }

auto H1HeadParser::split_request_line(std::string_view line) const -> Result<StartLine> {
  size_t first = line.find(' ');
  size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return fail(Errc::protocol, side(), "a malformed request line");
  StartLine s;
  s.method = line.substr(0, first);
  s.target = line.substr(first + 1, last - first - 1);
  if (!is_token(s.method) || s.target.find_first_of(" \t") != std::string_view::npos ||
      !is_field_value(s.target))
    return fail(Errc::protocol, side(), "a malformed request line");
  auto version = parse_version(line.substr(last + 1), side());
  if (!version) return fail(version.error());
  s.version = *version;
  return s;
}

// The space before an empty reason phrase is required, but many servers leave it out.
auto H1HeadParser::split_status_line(std::string_view line) const -> Result<StartLine> {
  StartLine s;
  auto version = parse_version(line.substr(0, 8), side());
  if (!version) return fail(version.error());
  s.version = *version;
  std::string_view rest = line.substr(8);
  bool shaped =
      rest.size() >= 4 && rest[0] == ' ' && (rest.size() == 4 || rest[4] == ' ') && is_field_value(rest);
  for (size_t i = 1; shaped && i < 4; ++i) {
    shaped = rest[i] >= '0' && rest[i] <= '9';
    s.status = static_cast<uint16_t>(s.status * 10 + (rest[i] - '0'));
  }
  if (!shaped) return fail(Errc::protocol, side(), "a malformed status line");
  return s;
}

auto H1HeadParser::split_start_line(std::string_view line) const -> Result<StartLine> {
  return kind_ == Kind::request ? split_request_line(line) : split_status_line(line);
}

// One line without its CRLF; bare CR, folding and too many of them end here.
Result<> H1HeadParser::check_line(std::string_view line) {
  if (memchr(line.data(), '\r', line.size()) != nullptr) return fail(Errc::protocol, side(), "a bare CR");
  if (line.front() == ' ' || line.front() == '\t')
    return fail(Errc::protocol, side(),
                lines_ == 0 ? "white space before the start line" : "a folded field line");
  if (lines_ == 0) {
    if (line.size() > kRequestLineMax)
      return fail(Errc::target_too_long, side(), "the start line is too long");
    auto start = split_start_line(line);
    if (!start) return fail(start.error());
  } else if (lines_ > limits_.fields) {
    return fail(Errc::head_too_large, side(), "too many fields");
  } else {
    trailing_space_ |= line.back() == ' ' || line.back() == '\t';
  }
  return {};
}

Result<std::string_view> H1HeadParser::scan(std::string_view text) {
  for (;;) {
    const void* found = memchr(text.data() + scanned_, '\n', text.size() - scanned_);
    if (found == nullptr) {
      scanned_ = text.size();
      break;
    }
    size_t end = static_cast<size_t>(static_cast<const char*>(found) - text.data());
    if (end == line_start_ || text[end - 1] != '\r') return fail(Errc::protocol, side(), "a bare LF");
    std::string_view line = text.substr(line_start_, end - 1 - line_start_);
    scanned_ = line_start_ = end + 1;
    if (!line.empty()) {
      auto ok = check_line(line);
      if (!ok) return fail(ok.error());
      if (lines_++ == 0) fields_start_ = scanned_;
      if (scanned_ - fields_start_ > limits_.bytes)
        return fail(Errc::head_too_large, side(), "the head is too long");
      continue;
    }
    if (lines_ > 0) return text.substr(head_start_, scanned_ - head_start_);
    // RFC 9112 section 2.2: one empty line before a request is forgiven.
    if (kind_ == Kind::response || head_start_ != 0)
      return fail(Errc::protocol, side(), "an empty line for a head");
    head_start_ = scanned_;
  }
  // An unfinished line: what it is already can be wrong or too much.
  size_t size = text.size() - line_start_;
  if (lines_ == 0) {
    if (size > kRequestLineMax) return fail(Errc::target_too_long, side(), "the start line is too long");
    // Not even a method: TLS, binary, a proxy preamble. No need to wait for the deadline.
    if (size > 0 && text[line_start_] != '\r' && !is_token(text.substr(line_start_, 1)))
      return fail(Errc::protocol, side(), "not HTTP");
  } else if (text.size() - fields_start_ > limits_.bytes) {
    return fail(Errc::head_too_large, side(), "the head is too long");
  }
  return std::string_view();
}

// The complete head, or an empty view while more is needed. The view lives as long as `bytes`' block, or until
// the next call.
Result<std::string_view> H1HeadParser::take_head(Chunk& bytes) {
  if (kept_.empty()) {
    auto head = scan(bytes.view());
    if (!head) return head;
    if (head->empty()) {
      kept_.assign(bytes.view());
      bytes = Chunk();
    } else {
      bytes.remove_prefix(scanned_);
      restart();
    }
    return head;
  }
  size_t before = kept_.size();
  kept_.append(bytes.view());
  auto head = scan(kept_);
  if (!head) return head;
  if (head->empty()) {
    bytes = Chunk();
    return head;
  }
  bytes.remove_prefix(scanned_ - before);
  size_t start = head_start_, size = head->size();
  spent_.swap(kept_);
  kept_ = std::string();
  restart();
  return std::string_view(spent_).substr(start, size);
}

Result<> H1HeadParser::read_fields(std::string_view head, const StartLine& start, Fields& fields) const {
  llhttp_t parser;
  Reading r{&fields, {}, {}, {}};
  llhttp_init(&parser, kind_ == Kind::request ? HTTP_REQUEST : HTTP_RESPONSE, &settings());
  parser.data = &r;
  llhttp_errno_t status = llhttp_execute(&parser, head.data(), head.size());
  if (status == HPE_INVALID_METHOD) return fail(Errc::unsupported, side(), "an unknown method");
  bool paused = status == HPE_PAUSED_UPGRADE && r.complete;
  if (status != HPE_OK && !paused) {
    // The reasons are literals in llhttp.
    const char* why = llhttp_get_error_reason(&parser);
    return fail(Errc::protocol, side(), why != nullptr && *why != '\0' ? why : "a malformed head");
  }
  if (!r.complete) return fail(Errc::protocol, side(), "an unfinished head");
  // Two readers of one head must agree.
  bool same = kind_ == Kind::request ? r.url == start.target : parser.status_code == start.status;
  if (!same) return fail(Errc::protocol, side(), "an ambiguous start line");
  return {};
}

template <class Head>
Result<> H1HeadParser::read_head(std::string_view text, Head& head) {
  // A line begins with no white space (check_line), so trimming both ends is trimming the right one.
  std::string trimmed;
  if (std::exchange(trailing_space_, false)) text = trimmed = trim_lines(text);
  text = head.adopt(text);
  auto start = split_start_line(text.substr(0, text.find('\r')));
  if (!start) return fail(start.error());
  head.version = start->version;
  if constexpr (std::is_same_v<Head, RequestHead>) {
    head.set_method(start->method);
    head.set_path(start->target);
  } else {
    head.status = start->status;
  }
  return read_fields(text, *start, head);
}

Result<bool> H1HeadParser::feed(Chunk& bytes, RequestHead& head) {
  Chunk pinned = bytes;
  auto text = take_head(bytes);
  if (!text) return fail(text.error());
  if (text->empty()) return false;
  auto ok = read_head(*text, head);
  spent_ = std::string();
  if (!ok) return fail(ok.error());
  return true;
}

Result<bool> H1HeadParser::feed(Chunk& bytes, ResponseHead& head) {
  Chunk pinned = bytes;
  auto text = take_head(bytes);
  if (!text) return fail(text.error());
  if (text->empty()) return false;
  auto ok = read_head(*text, head);
  spent_ = std::string();
  if (!ok) return fail(ok.error());
  return true;
}

}  // namespace meshd
