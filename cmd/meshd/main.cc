// SPDX-License-Identifier: Apache-2.0
// main.cc: the commands of meshd, one a line; each has a file of its own beside this one.
#include "meshd/command.h"

namespace meshd::cli {
namespace {

int run_command(int argc, char** argv) {
  CLI::App app{"meshd: a service mesh for machines: mTLS, routing and policy from one file"};
  Globals globals;
  app.add_option("--state", globals.state, "Directory of this node's keys and state")
      ->envname("MESHD_STATE")
      ->capture_default_str();
  app.add_option("-o,--output", globals.output, "Form of the output")
      ->check(CLI::IsMember({"table", "json", "jsonl", "name"}))
      ->capture_default_str();
  app.set_version_flag("--version", "meshd " MESHD_VERSION);
  app.require_subcommand(1);
  app.fallthrough();  // --state may stand before or after the command's name

  add_init(app, globals);
  add_join(app, globals);
  add_leave(app, globals);
  add_run(app, globals);
  add_token(app, globals);
  add_ca(app, globals);
  add_cert(app, globals);
  add_node(app, globals);
  add_audit(app, globals);
  add_check(app, globals);
  add_apply(app, globals);
  add_shadow(app, globals);
  add_status(app, globals);
  add_get(app, globals);
  add_explain(app, globals);
  add_confirm(app, globals);
  add_canary(app, globals);
  add_policy(app, globals);
  add_config(app, globals);
  add_version(app, globals);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    // --help and --version arrive here too, with code 0.
    return app.exit(e) == 0 ? kOk : kUsage;
  }
  return globals.action();
}

}  // namespace
}  // namespace meshd::cli

int main(int argc, char** argv) { return meshd::cli::run_command(argc, argv); }
