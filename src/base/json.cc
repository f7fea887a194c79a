// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <exception>

#include "base/limits.h"

namespace meshd {
namespace {

// picojson recurses per level; a foreign text must not choose our stack depth.
bool too_deep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kJsonDepthMax) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

// picojson writes "\/" for "/": allowed, and ugly in every path and identity.
std::string plain_slashes(std::string text) {
  size_t out = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && text[i + 1] == '/') {
      text[out++] = text[++i];
    } else {
      text[out++] = text[i];
      if (text[i] == '\\') text[out++] = text[++i];
    }
  }
  text.resize(out);
  return text;
}

// picojson keeps the last of two members of one name; this refuses them.
class UniqueMembers : public picojson::default_parse_context {
 public:
  explicit UniqueMembers(Json* out) : default_parse_context(out) {}
  template <class Iter>
  bool parse_array_item(picojson::input<Iter>& in, size_t) {
    auto& items = out_->get<JsonArray>();
    items.emplace_back();
    UniqueMembers item(&items.back());
    return picojson::_parse(item, in);
  }
  template <class Iter>
  bool parse_object_item(picojson::input<Iter>& in, const std::string& name) {
    auto [it, fresh] = out_->get<JsonObject>().try_emplace(name);
    if (!fresh) return false;
    UniqueMembers item(&it->second);
    return picojson::_parse(item, in);
  }
};

template <class Context>
Outcome<> parse_into(Context&& context, std::string_view text) {
  if (too_deep(text)) return fail(Errc::limit, "JSON is nested too deeply");
  std::string error;
  const char* end = nullptr;
  try {
    end = picojson::_parse(context, text.data(), text.data() + text.size(), &error);
  } catch (const std::exception&) {
    // picojson throws for numbers that no double holds, such as 1e999.
    return fail(Errc::invalid_argument, "not JSON: a number is too large");
  }
  if (!error.empty()) return fail(Errc::invalid_argument, "not JSON: " + error);
  for (; end != text.data() + text.size(); ++end) {
    if (*end != ' ' && *end != '\n' && *end != '\r' && *end != '\t')
      return fail(Errc::invalid_argument, "not JSON: text after the value");
  }
  return {};
}

const Json kNull;
const JsonArray kEmpty;

}  // namespace

Outcome<Json> parse_json(std::string_view text) {
  Json value;
  if (auto ok = parse_into(picojson::default_parse_context(&value), text); !ok) return fail(ok.error());
  return value;
}

Outcome<Json> parse_json_unique(std::string_view text) {
  Json value;
  if (auto ok = parse_into(UniqueMembers(&value), text); !ok) return fail(ok.error());
  return value;
}

std::string to_text(const Json& j) { return plain_slashes(j.serialize()); }
std::string to_pretty_text(const Json& j) {
  std::string text = plain_slashes(j.serialize(true));
  if (!text.ends_with('\n')) text += '\n';
  return text;
}

const Json& member(const Json& j, const std::string& key) {
  if (!j.is<JsonObject>()) return kNull;
  const auto& object = j.get<JsonObject>();
  auto it = object.find(key);
  return it == object.end() ? kNull : it->second;
}

std::string text_of(const Json& j, const std::string& key, std::string_view otherwise) {
  const Json& m = member(j, key);
  return m.is<std::string>() ? m.get<std::string>() : std::string(otherwise);
}

int64_t int_of(const Json& j, const std::string& key, int64_t otherwise) {
  const Json& m = member(j, key);
  if (m.is<int64_t>()) return m.get<int64_t>();
  if (!m.is<double>()) return otherwise;
  double d = m.get<double>();
  // Beyond 2^63 the cast would be undefined.
  return d >= -0x1p63 && d < 0x1p63 ? static_cast<int64_t>(d) : otherwise;
}

bool flag_of(const Json& j, const std::string& key, bool otherwise) {
  const Json& m = member(j, key);
  return m.is<bool>() ? m.get<bool>() : otherwise;
}

const JsonArray& list_of(const Json& j, const std::string& key) {
  const Json& m = member(j, key);
  return m.is<JsonArray>() ? m.get<JsonArray>() : kEmpty;
}

}  // namespace meshd
