// SPDX-License-Identifier: Apache-2.0
// apply.cc: `meshd apply FILE`: check, show what changes, make a revision, wait until every connected node acts on it.
#include "base/limits.h"
#include "meshd/published.h"
#include "meshd/shadow.h"
#include "model/scalars.h"

namespace meshd::cli {
namespace {

struct ApplyOptions {
  std::string file;
  std::string message;
  std::string confirm, guard;
  int64_t min_requests = 100;
  int timeout_s = 30;
  bool dry_run = false;
  bool no_wait = false;
  bool shadow = false;
};

int run_apply(Globals& globals, const ApplyOptions& o) {
  if (o.shadow) return begin_shadow(globals, o.file, o.message);
  auto until = SteadyClock::now() + seconds(o.timeout_s);
  auto text = read_text(o.file, kConfigBytesMax);
  if (!text) return failed(text.error());
  JsonObject body;
  body["yaml"] = json(*text);
  body["message"] = json(o.message);
  body["file"] = json(o.file == "-" ? "standard input" : o.file);
  if (!o.guard.empty() && o.confirm.empty()) {
    say("meshd: --guard goes with --confirm");
    return kUsage;
  }
  if (!o.confirm.empty()) {
    auto within = model::parse_duration(o.confirm);
    if (!within || *within < milliseconds(1'000)) {
      say("meshd: '" + o.confirm + "' is no time to confirm; it looks like 5m");
      return kUsage;
    }
    body["confirm_seconds"] = json(int64_t{within->count() / 1000});
    body["guard"] = json(o.guard);
    body["min_requests"] = json(o.min_requests);
  }
  if (o.dry_run) body["dry_run"] = Json(true);
  auto answer = ask_server(globals, {.method = "POST",
                                     .path = "/v1/apply",
                                     .body = to_text(Json(std::move(body))),
                                     .limit = milliseconds(60'000)});
  if (!answer) return failed(answer.error());
  if (answer->status == 422) return report_invalid(globals, answer->body);
  if (!answer->ok()) return failed(answer->error());
  Json& made = answer->body;

  int64_t revision = int_of(made, "revision");
  std::string name = "revision " + std::to_string(revision);
  if (!globals.json()) {
    fputs(text_of(made, "rendered").c_str(), stderr);
    if (std::string summary = text_of(made, "summary"); !summary.empty()) say(summary);
    if (int printed = print(text_of(made, "diff")); printed != kOk) return printed;
    if (o.dry_run)
      say(flag_of(made, "changed") || !text_of(made, "diff").empty() ? "good; nothing was changed (--dry-run)"
                                                                     : "good, and equal to what is in force");
    else if (!flag_of(made, "changed"))
      say("nothing to change: this is " + name + " already");
  }
  if (!o.confirm.empty() && !o.dry_run && flag_of(made, "changed"))
    say(name + " is gone in " + o.confirm + " unless `meshd confirm` keeps it");
  if (o.dry_run || o.no_wait) {
    if (globals.json()) return print_json(made);
    if (o.no_wait) say(name + " is published; nodes take it up as they can");
    return kOk;
  }

  return await_nodes(globals, made, until);
}

}  // namespace

void add_apply(CLI::App& app, Globals& globals) {
  auto* command =
      app.add_subcommand("apply", "Publish a file to the mesh (on a server) and wait for the nodes");
  auto o = std::make_shared<ApplyOptions>();
  command->add_option("file", o->file, "The file; - for standard input")->required();
  command->add_option("-m,--message", o->message, "Why, for the history");
  command->add_option("--timeout", o->timeout_s, "Seconds to wait for the nodes")
      ->check(CLI::Range(0, 86'400))
      ->capture_default_str();
  command->add_option(
      "--confirm", o->confirm,
      "Nodes and server go back after this time (5m) unless `meshd confirm` comes, a node at once when "
      "it loses the server");
  command->add_option("--guard", o->guard,
                      "With --confirm: also when this breaks on a node, such as success>=99% p99<=1s");
  command
      ->add_option("--min-requests", o->min_requests,
                   "Requests that a node must have seen to judge the guard")
      ->check(CLI::Range(0, 1'000'000'000))
      ->capture_default_str();
  command->add_flag("--dry-run", o->dry_run, "Check and show what would change, no more");
  command->add_flag("--shadow", o->shadow,
                    "Compare it with what is in force on live requests; it acts on nothing");
  command->add_flag("--no-wait", o->no_wait, "Do not wait for the nodes");
  command->callback([&globals, o] { globals.action = [&globals, o] { return run_apply(globals, *o); }; });
}

}  // namespace meshd::cli
