// SPDX-License-Identifier: Apache-2.0
// audit.cc: `meshd audit verify|list`: who did what, and whether the log is whole (on a server).
#include "base/clock.h"
#include "meshd/server_call.h"
#include "meshd/table.h"

namespace meshd::cli {
namespace {

int verify(Globals& globals) {
  auto answer = ask_server_ok(globals, {.path = "/v1/audit/verify"});
  if (!answer) return failed(answer.error());
  if (globals.json()) return print_json(*answer);
  return print(std::to_string(int_of(*answer, "entries")) + " audit entries and " +
               std::to_string(int_of(*answer, "revisions")) +
               " revisions stand; note the last hash elsewhere to find a cut end: " +
               text_of(*answer, "last_hash") + "\n");
}

int list(Globals& globals, int64_t limit) {
  auto answer = ask_server_ok(globals, {.path = "/v1/audit?limit=" + std::to_string(limit)});
  if (!answer) return failed(answer.error());
  if (globals.json()) return print_json(*answer);
  std::vector<std::vector<std::string>> rows{{"NUMBER", "TIME", "WHO", "WHAT", "DETAIL"}};
  for (const Json& e : list_of(*answer, "entries"))
    rows.push_back({std::to_string(int_of(e, "number")), format_time(int_of(e, "time")), text_of(e, "who"),
                    text_of(e, "what"), text_of(e, "detail")});
  return print(format_table(rows));
}

}  // namespace

void add_audit(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("audit", "Who did what (on a server)");
  command->require_subcommand(1);
  command->fallthrough();
  auto* verified = command->add_subcommand("verify", "Check that no entry was changed");
  verified->callback([&globals] { globals.action = [&globals] { return verify(globals); }; });
  auto limit = std::make_shared<int64_t>(50);
  auto* listed = command->add_subcommand("list", "List entries, newest first");
  listed->add_option("--limit", *limit, "How many")->check(CLI::Range(1, 1000))->capture_default_str();
  listed->callback(
      [&globals, limit] { globals.action = [&globals, limit] { return list(globals, *limit); }; });
}

}  // namespace meshd::cli
