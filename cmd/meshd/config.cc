// SPDX-License-Identifier: Apache-2.0
// config.cc: `meshd config schema|reference|show|history|diff|rollback`.
#include "model/config.h"
#include "base/clock.h"
#include "meshd/published.h"
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

// " (unconfirmed, 4m10s left)"
std::string waits(const Json& revision) {
  const Json& unconfirmed = member(revision, "unconfirmed");
  if (!unconfirmed.is<JsonObject>()) return {};
  bool bare = text_of(revision, "message").empty();
  return std::string(bare ? "" : " ") + "(unconfirmed, " +
         format_duration(std::chrono::seconds(int_of(unconfirmed, "seconds_left"))) + " left)";
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
                    std::to_string(int_of(r, "bytes")), text_of(r, "message") + waits(r)});
  }
  return print(globals.output == "table" ? format_table(rows) : lines);
}

struct DiffOptions {
  int64_t from = 0, to = 0;
};

int diff(Globals& globals, const DiffOptions& o) {
  std::string path = "/v1/diff";
  if (o.from > 0) path += "?from=" + std::to_string(o.from);
  if (o.to > 0) path += "&to=" + std::to_string(o.to);
  auto answer = ask_server_ok(globals, {.path = path});
  if (!answer) return failed(answer.error());
  if (globals.json()) return print_json(*answer);
  if (globals.output == "jsonl") return print(to_text(*answer) + "\n");
  std::string text = text_of(*answer, "diff");
  if (text.empty())
    say("revisions " + std::to_string(int_of(*answer, "from")) + " and " +
        std::to_string(int_of(*answer, "to")) + " are equal");
  return print(text);
}

struct RollbackOptions {
  int64_t revision = 0;
  std::string message;
  int timeout_s = 30;
};

int rollback(Globals& globals, const RollbackOptions& o) {
  auto until = SteadyClock::now() + std::chrono::seconds(o.timeout_s);
  JsonObject body;
  body["revision"] = json(o.revision);
  body["message"] = json(o.message);
  auto answer = ask_server(globals, {.method = "POST",
                                     .path = "/v1/rollback",
                                     .body = to_text(Json(std::move(body))),
                                     .limit = milliseconds(60'000)});
  if (!answer) return failed(answer.error());
  if (answer->status == 422) return report_invalid(globals, answer->body);
  if (!answer->ok()) return failed(answer->error());
  if (!globals.json()) {
    fputs(text_of(answer->body, "rendered").c_str(), stderr);
    if (int printed = print(text_of(answer->body, "diff")); printed != kOk) return printed;
    if (!flag_of(answer->body, "changed")) say("nothing to change: its text is in force already");
  }
  return await_nodes(globals, answer->body, until);
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

  auto d = std::make_shared<DiffOptions>();
  auto* differs = command->add_subcommand(
      "diff", "What differs between two revisions, or from A to the one in force, or by it (on a server)");
  differs->add_option("A", d->from, "Number of a revision")->check(CLI::PositiveNumber);
  differs->add_option("B", d->to, "Number of a revision")->check(CLI::PositiveNumber);
  differs->callback([&globals, d] { globals.action = [&globals, d] { return diff(globals, *d); }; });

  auto r = std::make_shared<RollbackOptions>();
  auto* back = command->add_subcommand(
      "rollback", "Put an older revision in force, as a new one; the file has its text too (on a server)");
  back->add_option("revision", r->revision, "Its number")->required()->check(CLI::PositiveNumber);
  back->add_option("-m,--message", r->message, "Why, for the history");
  back->add_option("--timeout", r->timeout_s, "Seconds to wait for the nodes")
      ->check(CLI::Range(0, 86'400))
      ->capture_default_str();
  back->callback([&globals, r] { globals.action = [&globals, r] { return rollback(globals, *r); }; });
}

}  // namespace meshd::cli
