// SPDX-License-Identifier: Apache-2.0
// keys.cc: look-ups in the table of keys_table.cc.
#include "model/keys.h"

#include <charconv>
#include <unordered_map>

namespace meshd::model {
namespace {

struct Index {
  std::unordered_map<std::string_view, const Key*> by_path;
  std::unordered_map<std::string_view, std::vector<const Key*>> below;
};

// "a.b.c" → "a.b", "a[]" → "a", "a" → "".
std::string_view parent(std::string_view path) {
  if (path.ends_with("[]")) return path.substr(0, path.size() - 2);
  size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
}

const Index& index() {
  static const Index made = [] {
    Index i;
    for (const Key& k : keys()) {
      i.by_path.emplace(k.path, &k);
      i.below[parent(k.path)].push_back(&k);
    }
    return i;
  }();
  return made;
}

}  // namespace

const Key* find_key(std::string_view path) {
  auto it = index().by_path.find(path);
  return it == index().by_path.end() ? nullptr : it->second;
}

const std::vector<const Key*>& keys_below(std::string_view path) {
  static const std::vector<const Key*> none;
  auto it = index().below.find(path);
  return it == index().below.end() ? none : it->second;
}

std::string_view leaf(const Key& key) {
  if (key.path.ends_with("[]")) return "[]";
  size_t dot = key.path.rfind('.');
  return dot == std::string_view::npos ? key.path : key.path.substr(dot + 1);
}

std::vector<Choice> choices_of(const Key& key) {
  std::vector<Choice> out;
  std::string_view rest = key.choices;
  while (!rest.empty()) {
    size_t bar = rest.find('|');
    std::string_view word = rest.substr(0, bar);
    rest = bar == std::string_view::npos ? std::string_view() : rest.substr(bar + 1);
    Support support = word.ends_with('!')   ? Support::refused
                      : word.ends_with('~') ? Support::ignored
                                            : Support::now;
    if (support != Support::now) word.remove_suffix(1);
    out.push_back({word, support});
  }
  return out;
}

Range range_of(const Key& key) {
  Range r{INT64_MIN, INT64_MAX};
  size_t dots = key.choices.find("..");
  if (dots == std::string_view::npos) return r;
  const char* s = key.choices.data();
  std::from_chars(s, s + dots, r.min);
  std::from_chars(s + dots + 2, s + key.choices.size(), r.max);
  return r;
}

bool required(const Key& key) { return key.fallback == "!"; }

std::string_view describe(Type type) {
  switch (type) {
    case Type::map:
    case Type::named: return "a map";
    case Type::list: return "a list";
    case Type::words: return "a map of texts";
    case Type::text: return "text";
    case Type::name: return "a name (lower-case letters, digits and inner hyphens, at most 63)";
    case Type::trust_domain:
      return "a trust domain (lower-case letters, digits, dots, hyphens and underscores)";
    case Type::flag: return "true or false";
    case Type::integer: return "a whole number";
    case Type::duration: return "a duration with its unit, such as 250ms, 5s, 10m, 24h or 30d";
    case Type::duration_range: return "two durations, such as 25ms..250ms";
    case Type::percent: return "a percentage, such as 20%";
    case Type::rate: return "a rate with its unit, such as 200/s";
    case Type::choice: return "one word";
    case Type::choices: return "a list of words";
    case Type::texts: return "text or a list of texts";
    case Type::methods: return "a list of HTTP methods, such as [GET, POST]";
    case Type::path: return "a path that begins with /";
    case Type::patterns: return "a list of path patterns, such as [/debug/**]";
    case Type::ip: return "an IP address";
    case Type::address: return "an IP address and port, such as \"10.0.0.1:8080\"";
    case Type::status: return "a status or a range of them, such as 200-299";
    case Type::principals: return "a list of callers, such as [service/web, gateway]";
    case Type::services: return "a service's name or a list of them";
    case Type::request: return "a request, such as \"GET http://web/path\"";
  }
  return "a value";
}

}  // namespace meshd::model
