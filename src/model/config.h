// SPDX-License-Identifier: Apache-2.0
// config.h: the YAML file to a Model, with every finding at once.
//
//   yaml.cc (text to tree) → check_tree.cc (tree against the table of keys) → bind.cc (tree to values)
//   → check_model.cc (references between values) → render.cc (findings as people read them)
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/model.h"

namespace meshd::model {

struct Diagnostic {
  enum Severity : uint8_t { error, warning } severity = error;
  std::string code;     // "MD1004": stable, listed in diagnostics.h
  std::string message;  // "unknown key 'timout' in services.web"
  std::string hint;     // printed after the carets: "did you mean 'timeout'?"
  SourcePos at;         // line 0: about the file as a whole
  uint32_t length = 1;  // how many characters the carets cover
};

struct ParsedConfig {
  std::optional<Model> model;           // only without errors
  std::vector<Diagnostic> diagnostics;  // in file order
};

// Parses and checks the file's text. `file` is its base name, kept in Model::file.
ParsedConfig parse_config(std::string_view yaml, std::string_view file = "meshd.yaml");

struct Count {
  size_t errors = 0, warnings = 0;
};
Count count(const std::vector<Diagnostic>& diagnostics);

// The findings as design section 10 shows them, each with its source line and carets; no summary.
std::string render(const std::vector<Diagnostic>& diagnostics, std::string_view file_name,
                   std::string_view text);
// "2 errors, 1 warning; the running configuration (revision 41) is unchanged"; the second half only with
// errors and a revision. Empty without findings.
std::string summary(const std::vector<Diagnostic>& diagnostics, std::optional<Revision> running = {});

// JSON Schema (2020-12) for editors, and docs/config.md; both from the table of keys.
std::string json_schema();
std::string config_reference_markdown();

}  // namespace meshd::model
