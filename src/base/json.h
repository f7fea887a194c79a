// SPDX-License-Identifier: Apache-2.0
// json.h: the one place that includes picojson. Bounded parsing and a few readable accessors.
#pragma once
#ifndef PICOJSON_USE_INT64
#define PICOJSON_USE_INT64
#endif
#include <picojson.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace meshd {

using Json = picojson::value;
using JsonObject = picojson::object;
using JsonArray = picojson::array;

// Parses one JSON value that fills `text`, nested at most kJsonDepthMax deep.
// Errors: invalid_argument, with the place in words.
Outcome<Json> parse_json(std::string_view text);
// The same of what is signed or trusted: an object that names a member twice is refused, because readers differ on which
// of the two counts.
Outcome<Json> parse_json_unique(std::string_view text);

// One line, keys sorted: the same value always gives the same bytes.
std::string to_text(const Json& j);
// Indented, for people; ends in a newline.
std::string to_pretty_text(const Json& j);

// Member `key` of an object; null where `j` is no object or lacks it.
const Json& member(const Json& j, const std::string& key);
// Member as text / number / flag, or `otherwise` where it is missing or of another type.
std::string text_of(const Json& j, const std::string& key, std::string_view otherwise = {});
int64_t int_of(const Json& j, const std::string& key, int64_t otherwise = 0);
bool flag_of(const Json& j, const std::string& key, bool otherwise = false);
// Member as array; empty where it is none.
const JsonArray& list_of(const Json& j, const std::string& key);

inline Json json(std::string_view text) { return Json(std::string(text)); }
inline Json json(int64_t n) { return Json(n); }

}  // namespace meshd
