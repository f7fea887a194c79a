// SPDX-License-Identifier: Apache-2.0
// schema.cc: the table of keys as JSON Schema (2020-12), for editors. What this version refuses is left in, marked deprecated.
#include "base/json.h"
#include "model/config.h"
#include "model/keys.h"

namespace meshd::model {
namespace {

Json pattern(const char* regex) {
  return Json(JsonObject{{"type", json("string")}, {"pattern", json(regex)}});
}
constexpr const char* kLabel = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$";
constexpr const char* kDuration = "^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)$";

Json one_or_list(Json item) {
  Json list(JsonObject{{"type", json("array")}, {"items", item}, {"minItems", json(int64_t{1})}});
  return Json(JsonObject{{"anyOf", Json(JsonArray{std::move(item), std::move(list)})}});
}

Json words_of(const Key& key) {
  JsonArray words;
  for (const Choice& c : choices_of(key)) words.push_back(json(c.word));
  return Json(JsonObject{{"enum", Json(std::move(words))}});
}

Json scalar_text() {
  return Json(JsonObject{{"type", Json(JsonArray{json("string"), json("number"), json("boolean")})}});
}

Json map_schema(std::string_view path);

Json type_schema(const Key& key) {
  std::string path(key.path);
  switch (key.type) {
    case Type::map: return map_schema(path);
    case Type::named: {
      JsonObject out{{"type", json("object")}};
      if (const Key* row = find_key(path + ".*")) out["additionalProperties"] = type_schema(*row);
      if (!path.ends_with(".headers") && !path.ends_with(".query")) out["propertyNames"] = pattern(kLabel);
      return Json(std::move(out));
    }
    case Type::list: {
      JsonObject out{{"type", json("array")}};
      if (const Key* row = find_key(path + "[]")) out["items"] = type_schema(*row);
      return Json(std::move(out));
    }
    case Type::words:
      return Json(JsonObject{{"type", json("object")}, {"additionalProperties", scalar_text()}});
    case Type::name: return pattern(kLabel);
    case Type::services: return one_or_list(pattern(kLabel));
    case Type::trust_domain: return pattern("^[a-z0-9_-]([a-z0-9._-]*[a-z0-9_-])?$");
    case Type::flag: return Json(JsonObject{{"type", json("boolean")}});
    case Type::integer: {
      Range r = range_of(key);
      return Json(JsonObject{{"type", json("integer")}, {"minimum", json(r.min)}, {"maximum", json(r.max)}});
    }
    case Type::duration: return pattern(kDuration);
    case Type::duration_range: return pattern("^[0-9.]+(ms|s|m|h|d)\\.\\.[0-9.]+(ms|s|m|h|d)$");
    case Type::percent: return pattern("^[0-9]+(\\.[0-9]+)?%$");
    case Type::rate: return pattern("^[0-9]+(\\.[0-9]+)?/(s|m|h)$");
    case Type::choice: return words_of(key);
    case Type::choices: return one_or_list(words_of(key));
    case Type::methods: return one_or_list(pattern("^[^a-z\\s]+$"));
    case Type::path: return pattern("^/");
    case Type::patterns: return one_or_list(pattern("^/"));
    case Type::status: return Json(JsonObject{{"type", Json(JsonArray{json("string"), json("integer")})}});
    case Type::principals:
      return one_or_list(pattern("^(\\*|((service|node)/)?[a-z0-9]([-a-z0-9]*[a-z0-9])?)$"));
    case Type::texts: return one_or_list(scalar_text());
    case Type::address: return pattern(":[0-9]+$");
    case Type::ip: return Json(JsonObject{{"type", json("string")}});
    case Type::request: return pattern("^[A-Z]+ http://");
    case Type::text: return scalar_text();
  }
  return Json(JsonObject{});
}

Json with_docs(const Key& key) {
  Json out = type_schema(key);
  auto& object = out.get<JsonObject>();
  std::string doc(key.doc);
  if (key.support != Support::now) {
    doc += " Not supported in this version.";
    object["deprecated"] = Json(true);
  }
  object["description"] = json(doc);
  if (!key.fallback.empty() && !required(key)) {
    if (key.type == Type::integer)
      object["default"] = json(int64_t{std::stoll(std::string(key.fallback))});
    else if (key.type == Type::flag)
      object["default"] = Json(key.fallback == "true");
    else
      object["default"] = json(key.fallback);
  }
  return out;
}

Json map_schema(std::string_view path) {
  JsonObject properties;
  JsonArray needed;
  for (const Key* key : keys_below(path)) {
    properties[std::string(leaf(*key))] = with_docs(*key);
    if (required(*key)) needed.push_back(json(leaf(*key)));
  }
  // A map may be written as nothing: `tcp:`.
  JsonObject out{{"type", Json(JsonArray{json("object"), json("null")})},
                 {"additionalProperties", Json(false)},
                 {"properties", Json(std::move(properties))}};
  if (!needed.empty()) out["required"] = Json(std::move(needed));
  return Json(std::move(out));
}

}  // namespace

std::string json_schema() {
  Json root = map_schema("");
  auto& object = root.get<JsonObject>();
  object["$schema"] = json("https://json-schema.org/draft/2020-12/schema");
  object["title"] = json("meshd configuration");
  object["type"] = json("object");
  return to_pretty_text(root);
}

}  // namespace meshd::model
