// SPDX-License-Identifier: Apache-2.0
// config.cc: `meshd config schema|reference|show|history`.
#include "model/config.h"
#include "base/clock.h"
#include "meshd/server_call.h"
#include "meshd/table.h"

namespace meshd::cli {
namespace {

int show(Globals& globals, int64_t revision) {
  std::string path = "/v1/config";
  if (revision > 0) path += "?revision=" + std::to_string(revision);
  auto answer = ask_server_ok(globals, {.path = path});
  if (!answer) return failed(answer.error());
  if (globals.json()) return print_json(*answer);
  return print(text_of(*answer, "yaml"));
}

int history(Globals& globals, int64_t limit) {
  auto answer = ask_server_ok(globals, {.path = "/v1/revisions?limit=" + std::to_string(limit)});
  if (!answer) return failed(answer.error());
  if (globals.json()) return print_json(*answer);
  std::vector<std::vector<std::string>> rows{{"REVISION", "TIME", "BY", "BYTES", "MESSAGE"}};
  std::string lines;
  for (const Json& r : list_of(*answer, "revisions")) {
    std::string number = std::to_string(int_of(r, "revision"));
    if (globals.output == "jsonl") lines += to_text(r) + "\n";
    if (globals.output == "name") lines += number + "\n";
    rows.push_back({number, format_time(int_of(r, "time")), text_of(r, "author"),
                    std::to_string(int_of(r, "bytes")), text_of(r, "message")});
  }
  return print(globals.output == "table" ? format_table(rows) : lines);
}

}  // namespace

void add_config(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("config", "The mesh's file: its schema, what is in force, what was");
  command->require_subcommand(1);
  command->fallthrough();

  auto* schema = command->add_subcommand("schema", "Print the JSON Schema of the file, for editors");
  schema->callback([&globals] { globals.action = [] { return print(model::json_schema()); }; });

  auto* reference = command->add_subcommand("reference", "Print the reference of all keys, as Markdown");
  reference->callback(
      [&globals] { globals.action = [] { return print(model::config_reference_markdown()); }; });

  auto revision = std::make_shared<int64_t>(0);
  auto* shown =
      command->add_subcommand("show", "Print the file in force, or an older revision (on a server)");
  shown->add_option("revision,--revision", *revision, "Number of a revision")->check(CLI::PositiveNumber);
  shown->callback(
      [&globals, revision] { globals.action = [&globals, revision] { return show(globals, *revision); }; });

  auto limit = std::make_shared<int64_t>(20);
  auto* past = command->add_subcommand("history", "List revisions, newest first (on a server)");
  past->add_option("--limit", *limit, "How many")->check(CLI::Range(1, 1000))->capture_default_str();
  past->callback(
      [&globals, limit] { globals.action = [&globals, limit] { return history(globals, *limit); }; });
}

}  // namespace meshd::cli
