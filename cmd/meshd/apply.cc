// SPDX-License-Identifier: Apache-2.0
// apply.cc: `meshd apply FILE`: check, show what changes, make a revision, wait until every connected node acts on it.
#include <unistd.h>

#include <chrono>

#include "base/limits.h"
#include "meshd/server_call.h"

namespace meshd::cli {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct ApplyOptions {
  std::string file;
  std::string message;
  int timeout_s = 30;
  bool dry_run = false;
  bool no_wait = false;
};

struct Progress {
  size_t connected = 0, acked = 0;
  std::vector<std::string> waiting, refused, away;
  bool done = false;
};

Progress progress_of(const Json& acks) {
  Progress p;
  p.done = flag_of(acks, "done");
  for (const Json& n : list_of(acks, "nodes")) {
    std::string name = text_of(n, "name");
    if (!flag_of(n, "connected")) {
      p.away.push_back(name);
      continue;
    }
    ++p.connected;
    if (flag_of(n, "acked"))
      ++p.acked;
    else if (std::string error = text_of(n, "error"); !error.empty())
      p.refused.push_back(name + ": " + error);
    else
      p.waiting.push_back(name);
  }
  return p;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

// One line that is written over on a terminal; nothing until the end elsewhere.
class ProgressLine {
 public:
  void show(const Progress& p) {
    if (!terminal_) return;
    std::string line = "  " + std::to_string(p.acked) + " of " + std::to_string(p.connected) + " nodes";
    if (!p.waiting.empty()) line += ", waiting for " + joined(p.waiting);
    fprintf(stderr, "\r\033[K%.100s", line.c_str());
    shown_ = true;
  }
  void clear() {
    if (shown_) fprintf(stderr, "\r\033[K");
  }

 private:
  bool terminal_ = isatty(STDERR_FILENO) == 1;
  bool shown_ = false;
};

// Until every connected node has the revision, or the time is over.
Outcome<Progress> wait_for_nodes(Globals& globals, int64_t revision, SteadyClock::time_point until,
                                 Json& acks) {
  ProgressLine line;
  for (;;) {
    auto left = std::chrono::duration_cast<milliseconds>(until - SteadyClock::now());
    int64_t wait = std::clamp<int64_t>(left.count(), 0, 1'000);
    auto answer = ask_server_ok(globals, {.path = "/v1/revisions/" + std::to_string(revision) +
                                                  "/acks?wait=" + std::to_string(wait)});
    if (!answer) {
      line.clear();
      return fail(answer.error());
    }
    acks = std::move(*answer);
    Progress p = progress_of(acks);
    if (p.done || left <= milliseconds(0)) {
      line.clear();
      return p;
    }
    line.show(p);
  }
}

int report_invalid(Globals& globals, const Json& answer) {
  if (globals.json()) {
    if (int printed = print_json(answer); printed != kOk) return printed;
    return kInvalidConfig;
  }
  fputs(text_of(answer, "rendered").c_str(), stderr);
  say(text_of(answer, "summary"));
  return kInvalidConfig;
}

int run_apply(Globals& globals, const ApplyOptions& o) {
  auto until = SteadyClock::now() + seconds(o.timeout_s);
  auto text = read_text(o.file, kConfigBytesMax);
  if (!text) return failed(text.error());
  JsonObject body;
  body["yaml"] = json(*text);
  body["message"] = json(o.message);
  body["file"] = json(o.file == "-" ? "standard input" : o.file);
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
  if (o.dry_run || o.no_wait) {
    if (globals.json()) return print_json(made);
    if (o.no_wait) say(name + " is published; nodes take it up as they can");
    return kOk;
  }

  Json acks;
  auto p = wait_for_nodes(globals, revision, until, acks);
  if (!p) return failed(p.error());
  int code = !p->refused.empty() ? kFailed : p->done ? kOk : kTookTooLong;
  if (globals.json()) {
    made.get<JsonObject>()["apiVersion"] = json("meshd/v1");
    made.get<JsonObject>()["nodes"] = member(acks, "nodes");
    made.get<JsonObject>()["done"] = Json(p->done);
    if (int printed = print_json(made); printed != kOk) return printed;
    return code;
  }
  for (const std::string& refused : p->refused) say("refused by " + refused);
  if (!p->waiting.empty())
    say("no acknowledgement yet from " + joined(p->waiting) + "; see `meshd status` there");
  std::string line = name + " is in use on " + std::to_string(p->acked) + " of " +
                     std::to_string(p->connected) + " connected nodes";
  if (!p->away.empty()) line += "; away, and following when they are back: " + joined(p->away);
  say(line);
  return code;
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
  command->add_flag("--dry-run", o->dry_run, "Check and show what would change, no more");
  command->add_flag("--no-wait", o->no_wait, "Do not wait for the nodes");
  command->callback([&globals, o] { globals.action = [&globals, o] { return run_apply(globals, *o); }; });
}

}  // namespace meshd::cli
