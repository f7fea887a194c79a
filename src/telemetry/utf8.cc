// SPDX-License-Identifier: Apache-2.0
#include "telemetry/utf8.h"

#include <cstdint>

namespace meshd {

size_t utf8_length(std::string_view text) {
  if (text.empty()) return 0;
  auto at = [&](size_t i) -> unsigned { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0; };
  auto follows = [&](size_t i) { return (at(i) & 0xc0) == 0x80; };
  unsigned first = at(0);
  unsigned second = at(1);
  if (first < 0x80) return 1;
  if (first < 0xc2) return 0;  // a continuation byte, or overlong
  if (first < 0xe0) return follows(1) ? 2 : 0;
  if (first < 0xf0) {
    if (first == 0xe0 && second < 0xa0) return 0;  // overlong
    if (first == 0xed && second > 0x9f) return 0;  // surrogates
    return follows(1) && follows(2) ? 3 : 0;
  }
  if (first < 0xf5) {
    if (first == 0xf0 && second < 0x90) return 0;  // overlong
    if (first == 0xf4 && second > 0x8f) return 0;  // over U+10FFFF
    return follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

std::string to_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    size_t n = utf8_length(text);
    out += n > 0 ? text.substr(0, n) : kReplacement;
    text.remove_prefix(n > 0 ? n : 1);
  }
  return out;
}

void append_json_string(std::string& out, std::string_view text) {
  constexpr char digits[] = "0123456789abcdef";
  out += '"';
  while (!text.empty()) {
    auto c = static_cast<unsigned char>(text.front());
    size_t n = 1;
    if (c == '"' || c == '\\') {
      out += '\\';
      out += text.front();
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c < 0x20 || c == 0x7f) {  // DEL is allowed by JSON, and troubles terminals
      out += "\\u00";
      out += digits[c >> 4];
      out += digits[c & 15];
    } else if (c < 0x80) {
      out += text.front();
    } else {
      n = utf8_length(text);
      out += n > 0 ? text.substr(0, n) : kReplacement;
      if (n == 0) n = 1;
    }
    text.remove_prefix(n);
  }
  out += '"';
}

}  // namespace meshd
