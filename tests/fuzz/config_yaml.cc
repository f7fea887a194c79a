// SPDX-License-Identifier: Apache-2.0
// config_yaml: the file: parse, check, the findings as people see them; and what is accepted survives the way to the
// nodes and compiles.
#include <algorithm>

#include "fuzz.h"
#include "model/config.h"
#include "snapshot/codec.h"
#include "snapshot/decide.h"

namespace meshd::fuzz {
namespace {

void check_findings(const model::ParsedConfig& parsed, std::string_view yaml) {
  bool errors = model::count(parsed.diagnostics).errors > 0;
  must(parsed.model.has_value() != errors, "a model with errors, or none without");
  for (const model::Diagnostic& d : parsed.diagnostics) {
    must(d.code.starts_with("MD") && !d.message.empty(), "a finding without code or words");
    must(d.at.line == 0 || d.at.column > 0, "a finding at column 0");
  }
  // What it quotes of the file cannot move the cursor of a terminal.
  std::string text = model::render(parsed.diagnostics, "mesh.yaml", yaml);
  for (char c : text)
    must(c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f),
         "a control character in a finding");
  must(model::summary(parsed.diagnostics, Revision{1}).empty() == parsed.diagnostics.empty(),
       "a summary of nothing, or none");
}

// Codec and compiler take what the checker accepted.
void check_model(const model::Model& model) {
  std::vector<NodeInfo> nodes{{"n1", "10.0.0.1", 15008, "a"}, {"n2", "10.0.0.2", 15008, "b"}};
  std::vector<Object> objects = to_objects(model, nodes);
  auto back = from_objects(objects);
  must(back.has_value(), "a node refuses what the server accepted", back ? "" : back.error().what);
  must(to_objects(back->model, back->nodes) == objects, "a model changes on its way to the nodes");
  SnapshotPtr here = compile(model, nodes, Revision{1}), there = compile(back->model, nodes, Revision{1});
  must(here->services.size() == there->services.size() &&
           here->quarantined.size() == there->quarantined.size(),
       "node and server compile differently");
  for (const auto& service : here->services) {
    RequestFacts facts;
    facts.to = service.get();
    facts.method = "GET";
    facts.path = "/admin/x";
    facts.host = service->name;
    Decision a = decide(*here, facts);
    facts.to = there->service(service->name);
    must(facts.to != nullptr, "a service is lost", service->name);
    Decision b = decide(*there, facts);
    must(a.reason == b.reason && a.policy.verdict == b.policy.verdict, "node and server decide differently");
  }
}

}  // namespace

FUZZ_TARGET(config_yaml) {
  auto parsed = model::parse_config(bytes, "mesh.yaml");
  check_findings(parsed, bytes);
  if (parsed.model) check_model(*parsed.model);
}

}  // namespace meshd::fuzz
