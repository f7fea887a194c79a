// SPDX-License-Identifier: Apache-2.0
// reference.cc: the table of keys and the list of codes as docs/config.md.
#include "model/config.h"
#include "model/diagnostics.h"
#include "model/keys.h"

namespace meshd::model {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string value_text(const Key& key) {
  if (key.type == Type::choice || key.type == Type::choices) {
    std::string out;
    for (const Choice& c : choices_of(key)) {
      out += (out.empty() ? "`" : ", `") + std::string(c.word) + "`";
      if (c.support != Support::now) out += " (not yet)";
    }
    return out;
  }
  std::string out(describe(key.type));
  size_t dots = key.choices.find("..");
  if (dots != std::string_view::npos)
    out +=
        ", " + std::string(key.choices.substr(0, dots)) + " to " + std::string(key.choices.substr(dots + 2));
  return out;
}

std::string support_text(const Key& key) {
  switch (key.support) {
    case Support::now: return {};
    case Support::ignored: return " **Not in this version: has no effect, with a warning.**";
    case Support::refused: return " **Not in this version: refused.**";
  }
  return {};
}

}  // namespace

std::string config_reference_markdown() {
  std::string out =
      "# Configuration reference\n\n"
      "Made from the table of keys (`src/model/keys_table.cc`); do not edit. `*` stands for a name you "
      "choose, `[]` for an item of a list.\n"
      "Units are required; unknown and duplicate keys are errors; all errors are reported at once.\n";
  std::string_view section;
  for (const Key& key : keys()) {
    std::string_view top = key.path.substr(0, key.path.find_first_of(".["));
    if (top != section) {
      section = top;
      out += "\n## " + std::string(top) + "\n\n" + std::string(key.doc) + support_text(key) + "\n\n";
      out += "| key | value | default | meaning |\n|---|---|---|---|\n";
    }
    if (key.path == top && (key.type == Type::map || key.type == Type::named || key.type == Type::list))
      continue;
    std::string fallback = required(key)          ? "required"
                           : key.fallback.empty() ? ""
                                                  : "`" + std::string(key.fallback) + "`";
    out += "| `" + std::string(key.path) + "` | " + escaped(value_text(key)) + " | " + fallback + " | " +
           escaped(key.doc) + support_text(key) + " |\n";
  }
  out +=
      "\n## Findings\n\nWhat `meshd check` and `meshd apply` can say of a file.\n\n| code | meaning "
      "|\n|---|---|\n";
  for (const CodeDoc& c : kCodes) out += "| " + std::string(c.code) + " | " + escaped(c.meaning) + " |\n";
  return out;
}

}  // namespace meshd::model
