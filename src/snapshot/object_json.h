// SPDX-License-Identifier: Apache-2.0
// object_json.h: how the codec writes and reads the JSON of one object.
//
// Writing leaves out what has its default, so that equal values give equal bytes. Reading takes every member by name
// and refuses what is left over: an unknown member may be a restriction that a newer server means.
#pragma once
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "base/result.h"
#include "model/model.h"
#include "snapshot/snapshot.h"

namespace meshd {

// Writes places as lines counted from the object's own.
class Out {
 public:
  explicit Out(SourcePos base = {}) : base_(base) {}
  void text(const char* key, std::string_view value, std::string_view otherwise = {}) {
    if (value != otherwise) object_[key] = json(value);
  }
  void number(const char* key, int64_t value, int64_t otherwise = 0) {
    if (value != otherwise) object_[key] = json(value);
  }
  void flag(const char* key, bool value) {
    if (value) object_[key] = Json(true);
  }
  void texts(const char* key, const std::vector<std::string>& values) {
    list(key, values, [](const std::string& v) { return json(v); });
  }
  void words(const char* key, const model::Tags& values) {
    if (values.empty()) return;
    JsonObject o;
    for (const auto& [k, v] : values) o[k] = json(v);
    object_[key] = Json(std::move(o));
  }
  void place(const char* key, SourcePos at) {
    if (at.line == 0) return;
    int64_t line = static_cast<int64_t>(at.line) - base_.line;
    object_[key] = Json(JsonArray{json(line), json(static_cast<int64_t>(at.column))});
  }
  template <class List, class F>
  void list(const char* key, const List& values, F each) {
    if (values.empty()) return;
    JsonArray out;
    for (const auto& v : values) out.push_back(each(v));
    object_[key] = Json(std::move(out));
  }
  void value(const char* key, Json j) { object_[key] = std::move(j); }
  SourcePos base() const { return base_; }
  Json done() { return Json(std::move(object_)); }

 private:
  SourcePos base_;
  JsonObject object_;
};

// The first thing that was wrong, shared by all readers of one object.
struct ReadError {
  std::string what;
  void set(const std::string& text) {
    if (what.empty()) what = text;
  }
};

class In {
 public:
  In(const Json& j, ReadError& error, SourcePos base = {}) : error_(error), base_(base) {
    if (j.is<JsonObject>())
      rest_ = j.get<JsonObject>();
    else
      error_.set("an object is expected");
  }
  // Everything must have been taken.
  ~In() {
    if (!rest_.empty()) error_.set("unknown member '" + rest_.begin()->first + "'");
  }
  In(const In&) = delete;
  In& operator=(const In&) = delete;

  bool has(const char* key) const { return rest_.contains(key); }
  std::string text(const char* key, std::string_view otherwise = {}) {
    Json j = take(key);
    if (j.is<picojson::null>()) return std::string(otherwise);
    if (j.is<std::string>()) return j.get<std::string>();
    wrong(key);
    return std::string(otherwise);
  }
  template <class T>
  T number(const char* key, int64_t otherwise = 0) {
    Json j = take(key);
    if (j.is<picojson::null>()) return static_cast<T>(otherwise);
    if (j.is<int64_t>() && std::in_range<T>(j.get<int64_t>())) return static_cast<T>(j.get<int64_t>());
    wrong(key);
    return static_cast<T>(otherwise);
  }
  std::chrono::milliseconds ms(const char* key) { return std::chrono::milliseconds(number<int64_t>(key)); }
  bool flag(const char* key) {
    Json j = take(key);
    if (j.is<picojson::null>()) return false;
    if (j.is<bool>()) return j.get<bool>();
    wrong(key);
    return false;
  }
  std::vector<std::string> texts(const char* key) {
    std::vector<std::string> out;
    each(key, [&](const Json& j) {
      if (j.is<std::string>())
        out.push_back(j.get<std::string>());
      else
        wrong(key);
    });
    return out;
  }
  model::Tags words(const char* key) {
    Json j = take(key);
    model::Tags out;
    if (j.is<picojson::null>()) return out;
    if (!j.is<JsonObject>())
      wrong(key);
    else
      for (const auto& [k, v] : j.get<JsonObject>()) {
        if (v.is<std::string>())
          out.emplace(k, v.get<std::string>());
        else
          wrong(key);
      }
    return out;
  }
  SourcePos place(const char* key) {
    Json j = take(key);
    if (j.is<picojson::null>()) return {};
    return pos(j, key);
  }
  template <class F>
  void each(const char* key, F f) {
    Json j = take(key);
    if (j.is<picojson::null>()) return;
    if (!j.is<JsonArray>()) return wrong(key);
    for (const Json& item : j.get<JsonArray>()) f(item);
  }
  // One of the names of an enum; `count` values from 0, named by name_of().
  template <class E>
  E choice(const char* key, E otherwise, int count) {
    if (!has(key)) return otherwise;
    std::string word = text(key);
    for (int i = 0; i < count; ++i)
      if (model::name_of(static_cast<E>(i)) == word) return static_cast<E>(i);
    error_.set("unknown word '" + word + "' for '" + key + "'");
    return otherwise;
  }
  Json take(const char* key) {
    auto it = rest_.find(key);
    if (it == rest_.end()) return Json();
    Json j = std::move(it->second);
    rest_.erase(it);
    return j;
  }
  void wrong(std::string_view key) { error_.set("member '" + std::string(key) + "' has a wrong value"); }
  SourcePos base() const { return base_; }
  ReadError& error() { return error_; }

 private:
  SourcePos pos(const Json& j, const char* key) {
    if (j.is<JsonArray>() && j.get<JsonArray>().size() == 2) {
      const Json& line = j.get<JsonArray>()[0];
      const Json& column = j.get<JsonArray>()[1];
      if (line.is<int64_t>() && column.is<int64_t>()) {
        int64_t l = 0;
        if (!__builtin_add_overflow(line.get<int64_t>(), int64_t{base_.line}, &l) &&
            std::in_range<uint32_t>(l) && std::in_range<uint32_t>(column.get<int64_t>()))
          return {static_cast<uint32_t>(l), static_cast<uint32_t>(column.get<int64_t>())};
      }
    }
    wrong(key);
    return {};
  }
  ReadError& error_;
  SourcePos base_;
  JsonObject rest_;
};

// One value of the model as JSON and back; `at` of the value itself is the object's base and stands in the layout.
Json write_service(const model::Service& service);
model::Service read_service(const Json& j, SourcePos at, ReadError& error);
Json write_route(const model::Route& route);
model::Route read_route(const Json& j, SourcePos at, ReadError& error);
Json write_rule(const model::PolicyRule& rule);
model::PolicyRule read_rule(const Json& j, SourcePos at, ReadError& error);
Json write_issuer(const model::Issuer& issuer);
model::Issuer read_issuer(const Json& j, SourcePos at, ReadError& error);
Json write_mesh(const model::Model& model);
void read_mesh(const Json& j, model::Model& model, ReadError& error);
Json write_node(const NodeInfo& node);
NodeInfo read_node(const Json& j, ReadError& error);

}  // namespace meshd
