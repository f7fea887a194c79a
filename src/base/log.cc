// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <unistd.h>

#include "base/clock.h"

namespace meshd::log {
namespace {

Level min_level = Level::info;
std::string prefix;

constexpr std::string_view kNames[] = {"debug", "info ", "warn ", "error"};

// A value with spaces, quotes or control bytes is quoted, so that a foreign string cannot forge a line.
void append_value(std::string& line, std::string_view value) {
  bool plain = !value.empty();
  for (char c : value) plain = plain && c > ' ' && c != '"' && c != '\\' && c != 0x7f;
  if (plain) {
    line += value;
    return;
  }
  line += '"';
  for (char c : value) {
    auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (u < 0x20 || u == 0x7f) {
      constexpr char digits[] = "0123456789abcdef";
      line += "\\x";
      line += digits[u >> 4];
      line += digits[u & 15];
    } else {
      line += c;
    }
  }
  line += '"';
}

}  // namespace

void set_level(Level level) { min_level = level; }
void set_prefix(std::string text) { prefix = std::move(text); }

void write(Level level, std::string_view event, Facts facts) {
  if (level < min_level) return;
  std::string line = format_time(Clock::system().unix_now());
  line += ' ';
  line += kNames[static_cast<int>(level)];
  line += ' ';
  if (!prefix.empty()) {
    line += prefix;
    line += ' ';
  }
  line += event;
  for (const Fact& f : facts) {
    line += ' ';
    line += f.key;
    line += '=';
    append_value(line, f.value);
  }
  line += '\n';
  // One write per line: lines of several threads do not mix. A lost log line is not an error.
  [[maybe_unused]] ssize_t n = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace meshd::log
