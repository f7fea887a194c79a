// SPDX-License-Identifier: Apache-2.0
// keys.h: the one table of keys. Parser, checker, JSON Schema and reference all read it.
//
// A path is written with dots; `*` stands for a name the user chooses, `[]` for an item of a list.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace meshd::model {

enum class Type : uint8_t {
  map,             // fixed keys, rows of their own
  named,           // keys are names the user chooses; one row with `*`
  list,            // one row with `[]`
  words,           // keys and values are both free text: tags, header values
  text,            // any text
  name,            // DNS label: lower-case letters, digits, inner hyphens, at most 63
  trust_domain,    // SPIFFE trust domain
  flag,            // true or false
  integer,         // `choices` holds the range: 1..65535
  duration,        // 250ms, 5s, 10m, 24h, 3650d
  duration_range,  // 25ms..250ms
  percent,         // 20%
  rate,            // 200/s
  choice,          // one of `choices`
  choices,         // list of `choices`
  texts,           // list of text; one text alone is a list of one
  methods,         // list of HTTP methods
  path,            // begins with /
  patterns,        // list of path patterns
  ip,              // 127.0.0.1, ::1
  address,         // ip:port
  status,          // 200 or 200-299
  principals,      // list of service/NAME, node/NAME, gateway, * or NAME
  services,        // list of service names
  request,         // GET http://web/path
};

// What this version does with a key.
enum class Support : uint8_t {
  now,      // acts on it
  ignored,  // warns: it has no effect yet
  refused,  // refuses the file: leaving it out would weaken security or send traffic elsewhere
};

struct Key {
  std::string_view path;
  Type type;
  std::string_view fallback;  // as one would write it; "!" required; "" optional
  std::string_view
      choices;  // words separated by |, `word!` refused and `word~` ignored by this version; or a range
  std::string_view doc;
  Support support = Support::now;
};

std::span<const Key> keys();
// The row of exactly this path; null: none.
const Key* find_key(std::string_view path);
// Rows directly below a map's path ("" is the top), in table order.
const std::vector<const Key*>& keys_below(std::string_view path);
// Last part of the path: "timeout".
std::string_view leaf(const Key& key);

struct Choice {
  std::string_view word;
  Support support;
};
std::vector<Choice> choices_of(const Key& key);
struct Range {
  int64_t min, max;
};
Range range_of(const Key& key);
// "duration, such as 5s": for messages and docs.
std::string_view describe(Type type);
bool required(const Key& key);

}  // namespace meshd::model
