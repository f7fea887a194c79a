// SPDX-License-Identifier: Apache-2.0
// reader.h: reads values out of one map of the tree, by the table of keys: a missing or wrong value gives the key's default.
#pragma once
#include <cassert>
#include <string>
#include <string_view>
#include <vector>

#include "model/keys.h"
#include "model/model.h"
#include "model/scalars.h"
#include "model/yaml.h"

namespace meshd::model {

class Reader {
 public:
  // `node` may be of any kind; what is no map has no keys. `path` is the table's path of the map.
  Reader(const YamlNode& node, std::string path) : node_(&node), path_(std::move(path)) {}

  // The map at `key`, as empty if it is missing.
  Reader below(std::string_view key) const {
    static const YamlNode nothing;
    const YamlNode* n = find(key);
    Reader r(n ? *n : nothing, full(key));
    r.place_ = at(key);
    return r;
  }
  const YamlNode* find(std::string_view key) const { return node_->find(key); }
  bool has(std::string_view key) const { return find(key) != nullptr; }
  // Where the key stands; unknown if it is missing.
  SourcePos at(std::string_view key) const {
    const YamlPair* p = node_->pair(key);
    return p ? p->key.at : SourcePos{};
  }
  // Where the key stands that led here through below().
  SourcePos place() const { return place_; }

  std::string text(std::string_view key) const {
    const YamlNode* n = scalar(key);
    const Key& row = this->row(key);
    if (n && valid(row, n->text)) return n->text;
    return std::string(fallback(row));
  }
  int64_t integer(std::string_view key) const {
    const YamlNode* n = scalar(key);
    Range r = range_of(row(key));
    auto value = n ? parse_integer(n->text) : std::nullopt;
    if (value && *value >= r.min && *value <= r.max) return *value;
    return parse_integer(fallback(row(key))).value_or(0);
  }
  milliseconds duration(std::string_view key) const {
    const YamlNode* n = scalar(key);
    auto value = n ? parse_duration(n->text) : std::nullopt;
    return value ? *value : parse_duration(fallback(row(key))).value_or(milliseconds(0));
  }
  std::pair<milliseconds, milliseconds> duration_range(std::string_view key) const {
    const YamlNode* n = scalar(key);
    auto range = n ? parse_duration_range(n->text) : std::nullopt;
    if (!range) range = parse_duration_range(fallback(row(key)));
    return range.value_or(std::pair(milliseconds(0), milliseconds(0)));
  }
  // A percentage in thousandths.
  uint32_t permille(std::string_view key) const {
    const YamlNode* n = scalar(key);
    auto percent = n ? parse_percent(n->text) : std::nullopt;
    if (!percent) percent = parse_percent(fallback(row(key)));
    return static_cast<uint32_t>(percent.value_or(0) * 10 + 0.5);
  }
  // Per second; 0: none.
  double rate(std::string_view key) const {
    const YamlNode* n = scalar(key);
    return n ? parse_rate(n->text).value_or(0) : 0;
  }
  bool flag(std::string_view key) const {
    const YamlNode* n = scalar(key);
    return n ? n->text == "true" : fallback(row(key)) == "true";
  }
  std::vector<std::string> texts(std::string_view key) const {
    std::vector<std::string> out;
    each(key, [&](const YamlNode& n) { out.push_back(n.text); });
    return out;
  }
  Tags words(std::string_view key) const {
    Tags out;
    if (const YamlNode* n = find(key))
      for (const YamlPair& p : n->pairs)
        if (p.value.kind == YamlNode::scalar) out.emplace(p.key.text, p.value.text);
    return out;
  }
  // Calls `f` with each scalar of a list, or with the one scalar.
  template <class F>
  void each(std::string_view key, F f) const {
    const YamlNode* n = find(key);
    if (!n) return;
    if (n->kind == YamlNode::scalar && !n->is_null()) f(*n);
    for (const YamlNode& item : n->items)
      if (item.kind == YamlNode::scalar && !item.is_null()) f(item);
  }

 private:
  std::string full(std::string_view key) const {
    return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
  }
  const Key& row(std::string_view key) const {
    const Key* k = find_key(full(key));
    assert(k && "a key that the table does not have");
    return *k;
  }
  static std::string_view fallback(const Key& row) {
    return required(row) ? std::string_view() : row.fallback;
  }
  const YamlNode* scalar(std::string_view key) const {
    const YamlNode* n = find(key);
    return n && n->kind == YamlNode::scalar && !n->is_null() ? n : nullptr;
  }
  static bool valid(const Key& row, std::string_view text) {
    switch (row.type) {
      case Type::name: return is_dns_label(text);
      case Type::trust_domain: return is_trust_domain(text);
      case Type::ip: return is_ip(text);
      case Type::path: return is_path(text);
      case Type::address: return parse_address(text).has_value();
      default: return true;
    }
  }

  const YamlNode* node_;
  std::string path_;
  SourcePos place_;
};

}  // namespace meshd::model
