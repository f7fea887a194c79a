// SPDX-License-Identifier: Apache-2.0
// yaml.h: the file's text as a small tree that knows where everything stands. The one place that includes libfyaml.
//
// Only plain YAML is taken: maps with text keys, lists, scalars. Anchors, aliases and tags are refused, so there is
// nothing that could expand.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "model/diagnostics.h"

namespace meshd::model {

inline constexpr int kYamlDepthMax = 24;            // the deepest key of the table stands at 8
inline constexpr size_t kYamlNodesMax = 1'000'000;  // 10,000 endpoints with tags need 150,000

struct YamlPair;

struct YamlNode {
  enum Kind : uint8_t { scalar, map, list } kind = scalar;
  std::string text;     // of a scalar, decoded
  bool quoted = false;  // "1" is text, 1 is a number
  bool flow = false;    // a map or list in braces or brackets
  SourcePos at;
  uint32_t length = 1;  // characters on its first line, for carets
  // Its bytes in the text, [begin, end): with quotes and braces, without what follows. Nothing for an empty value.
  size_t begin = 0, end = 0;
  std::vector<YamlPair> pairs;
  std::vector<YamlNode> items;

  // Written as nothing, ~ or null.
  bool is_null() const {
    return kind == scalar && !quoted && (text.empty() || text == "~" || text == "null");
  }
  // The value of `key` in a map; null: none.
  const YamlNode* find(std::string_view key) const;
  const YamlPair* pair(std::string_view key) const;
};

struct YamlPair {
  YamlNode key, value;
};

// Nothing after an error that leaves no tree; duplicate keys are reported and the first one is kept.
std::optional<YamlNode> parse_yaml(std::string_view text, Findings& findings);

}  // namespace meshd::model
