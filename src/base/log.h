// SPDX-License-Identifier: Apache-2.0
// log.h: a log line is an event and its facts, one line on stderr:
//   2026-11-23T18:39:30Z info  node joined  node=n2 address=127.0.1.2
// Control work logs freely; the request path logs nothing (it has the access log and metrics).
#pragma once
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

namespace meshd::log {

enum class Level { debug, info, warn, error };

struct Fact {
  std::string_view key;
  std::string value;
  Fact(std::string_view k, std::string_view v) : key(k), value(v) {}
  Fact(std::string_view k, const char* v) : key(k), value(v) {}
  Fact(std::string_view k, const std::string& v) : key(k), value(v) {}
  template <class N>
    requires std::is_integral_v<N>
  Fact(std::string_view k, N v) : key(k), value(std::to_string(v)) {}
};
using Facts = std::initializer_list<Fact>;

// Lines below `level` are dropped. Default: info. Call before threads start.
void set_level(Level level);
// Words put before every event of this process, such as the node's name. Call before threads start.
void set_prefix(std::string text);

void write(Level level, std::string_view event, Facts facts);
inline void debug(std::string_view event, Facts facts = {}) { write(Level::debug, event, facts); }
inline void info(std::string_view event, Facts facts = {}) { write(Level::info, event, facts); }
inline void warn(std::string_view event, Facts facts = {}) { write(Level::warn, event, facts); }
inline void error(std::string_view event, Facts facts = {}) { write(Level::error, event, facts); }

}  // namespace meshd::log
