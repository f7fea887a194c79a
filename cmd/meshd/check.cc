// SPDX-License-Identifier: Apache-2.0
// check.cc: `meshd check FILE`: everything that can be known of a file without a mesh, its own tests included;
// `meshd check`: what stands in the way of telling this node's workloads apart, from the node itself.
#include <algorithm>

#include "base/limits.h"
#include "control/admin_client.h"
#include "control/file_tests.h"
#include "meshd/command.h"
#include "model/config.h"

namespace meshd::cli {
namespace {

Json diagnostics_json(const std::vector<model::Diagnostic>& diagnostics) {
  JsonArray out;
  for (const model::Diagnostic& d : diagnostics) {
    JsonObject o;
    o["severity"] = json(d.severity == model::Diagnostic::error ? "error" : "warning");
    o["code"] = json(d.code);
    o["message"] = json(d.message);
    if (!d.hint.empty()) o["hint"] = json(d.hint);
    o["line"] = json(int64_t{d.at.line});
    o["column"] = json(int64_t{d.at.column});
    o["length"] = json(int64_t{d.length});
    out.push_back(Json(std::move(o)));
  }
  return Json(std::move(out));
}

int run_check(Globals& globals, const std::string& path) {
  auto text = read_text(path, kConfigBytesMax);
  if (!text) return failed(text.error());
  model::ParsedConfig parsed = model::parse_config(*text, base_name(path));
  std::vector<model::Diagnostic> findings = parsed.diagnostics;
  FileTests tests;
  if (parsed.model) tests = run_file_tests(*parsed.model);
  findings.insert(findings.end(), tests.failures.begin(), tests.failures.end());
  bool good = model::count(findings).errors == 0;

  if (globals.json()) {
    JsonObject out;
    out["apiVersion"] = json("meshd/v1");
    out["valid"] = Json(good);
    out["diagnostics"] = diagnostics_json(findings);
    out["tests_passed"] = json(static_cast<int64_t>(tests.passed));
    out["tests_failed"] =
        json(static_cast<int64_t>(parsed.model ? parsed.model->tests.size() - tests.passed : 0));
    if (int printed = print_json(Json(std::move(out))); printed != kOk) return printed;
    return good ? kOk : kInvalidConfig;
  }
  fputs(model::render(findings, path == "-" ? "standard input" : path, *text).c_str(), stderr);
  if (std::string summary = model::summary(findings); !summary.empty()) say(summary);
  if (!good) return kInvalidConfig;
  std::string line = path + " is good: " + std::to_string(parsed.model->services.size()) + " services, " +
                     std::to_string(parsed.model->routes.size()) + " routes, " +
                     std::to_string(parsed.model->policy.rules.size()) + " rules";
  if (tests.passed > 0)
    line += "; " + std::to_string(tests.passed) + (tests.passed == 1 ? " test" : " tests") + " passed";
  return print(line + "\n");
}

int run_node_checks(Globals& globals) {
  auto checks = ask_admin_ok(globals.state_dir(), {.path = "/v1/checks"});
  if (!checks) return failed(checks.error());
  size_t findings = 0;
  std::string text;
  for (const Json& c : list_of(*checks, "items")) {
    findings += text_of(c, "state") == "finding";
    std::string subject = text_of(c, "subject");
    text += text_of(c, "state") + ": " + text_of(c, "id") + ": " + (subject.empty() ? "" : subject + ": ") +
            text_of(c, "what") + "\n";
    if (std::string hint = text_of(c, "hint"); !hint.empty()) text += "  hint: " + hint + "\n";
  }
  if (int printed = globals.json() ? print_json(*checks) : print(text); printed != kOk) return printed;
  return findings == 0 ? kOk : kFindings;
}

}  // namespace

void add_check(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand(
      "check", "Check a file and run its tests, or without a file this node; nothing is changed");
  auto path = std::make_shared<std::string>();
  command->add_option("file", *path, "The file; - for standard input");
  command->callback([&globals, path] {
    globals.action = [&globals, path] {
      return path->empty() ? run_node_checks(globals) : run_check(globals, *path);
    };
  });
}

}  // namespace meshd::cli
