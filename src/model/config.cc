// SPDX-License-Identifier: Apache-2.0
// config.cc: the file from text to Model; the four steps, in order.
#include "model/config.h"

#include "model/bind.h"
#include "model/check_model.h"
#include "model/check_tree.h"
#include "model/diagnostics.h"
#include "model/yaml.h"

namespace meshd::model {

ParsedConfig parse_config(std::string_view yaml, std::string_view file) {
  ParsedConfig out;
  Findings findings;
  if (auto tree = parse_yaml(yaml, findings)) {
    check_tree(*tree, findings);
    Model model = bind(*tree, findings);
    model.file = file.substr(file.rfind('/') + 1);
    check_model(model, findings);
    if (!findings.has_errors()) out.model = std::move(model);
  }
  out.diagnostics = findings.take();
  return out;
}

Count count(const std::vector<Diagnostic>& diagnostics) {
  Count c;
  for (const Diagnostic& d : diagnostics) ++(d.severity == Diagnostic::error ? c.errors : c.warnings);
  return c;
}

}  // namespace meshd::model
