// SPDX-License-Identifier: Apache-2.0
// canary.cc: `meshd canary set|promote|abort|run|status`: more of a route's requests to one arm, by hand or by itself.
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstring>

#include "base/clock.h"
#include "meshd/published.h"
#include "meshd/table.h"

namespace meshd::cli {
namespace {

struct RunOptions {
  std::string route, to, guard;
  std::string step = "10%", every = "1m";
  int64_t min_requests = 100;
  bool detach = false;
};
struct ChangeOptions {
  std::string route;
  std::vector<std::string> shares;
  int timeout_s = 30;
};

// In a path of the local API.
std::string escaped(const std::string& text) {
  std::string out;
  char hex[4];
  for (unsigned char c : text) {
    bool plain = isalnum(c) || c == '-' || c == '.' || c == '_';
    snprintf(hex, sizeof hex, "%%%02X", c);
    out += plain ? std::string(1, static_cast<char>(c)) : hex;
  }
  return out;
}
std::string path_of(const std::string& route) { return "/v1/canaries/" + escaped(route); }

Outcome<Json> order(Globals& globals, const std::string& route, JsonObject body) {
  return ask_server_ok(globals, {.method = "POST",
                                 .path = path_of(route),
                                 .body = to_text(Json(std::move(body))),
                                 .limit = milliseconds(60'000)});
}

std::string number_text(const Json& j, const char* key, const char* unit) {
  const Json& n = member(j, key);
  char text[48];
  snprintf(text, sizeof text, "%.4g%s", n.is<double>() ? n.get<double>() : 0, unit);
  return text;
}

std::string arms_text(const Json& canary) {
  std::string out;
  for (const Json& arm : list_of(canary, "arms"))
    out += (out.empty() ? "" : ", ") + text_of(arm, "arm") + " " + number_text(arm, "percent", "%");
  return out;
}

int change(Globals& globals, const ChangeOptions& o, const char* action) {
  auto until = SteadyClock::now() + std::chrono::seconds(o.timeout_s);
  JsonObject body;
  body["action"] = json(action);
  JsonArray shares;
  for (const std::string& share : o.shares) shares.push_back(json(share));
  if (!shares.empty()) body["shares"] = Json(std::move(shares));
  auto made = order(globals, o.route, std::move(body));
  if (!made) return failed(made.error());
  if (!globals.json()) {
    if (int printed = print(text_of(*made, "diff")); printed != kOk) return printed;
    say(o.route + ": " + arms_text(*made));
  }
  return await_nodes(globals, *made, until);
}

// ---- a run, watched

std::string interrupted;  // what to say then

void on_interrupt(int) {
  ssize_t said = write(STDERR_FILENO, interrupted.data(), interrupted.size());
  _exit(said < 0 ? 131 : 130);  // as shells say it
}

std::string event_line(const std::string& route, const Json& e) {
  return format_time(int_of(e, "time")) + "  " + route + "  " + text_of(e, "what") + "  " +
         number_text(e, "percent", "%") + "  " + text_of(e, "text");
}

int exit_of(const Json& canary) {
  std::string state = text_of(canary, "state");
  return state == "aborted" ? kFailed : state == "stopped" ? kConflict : kOk;
}

// Prints what happens until the run has ended.
int follow(Globals& globals, const std::string& route) {
  int64_t seen = 0;
  for (;;) {
    auto now = ask_server_ok(globals, {.path = path_of(route) + "?wait=5000&events=" + std::to_string(seen)});
    if (!now) {
      say("the run of " + route + " goes on on the server; see `meshd canary status " + route + "`");
      return failed(now.error());
    }
    const JsonArray& events = list_of(*now, "events");
    for (; seen < static_cast<int64_t>(events.size()); ++seen) {
      const Json& e = events[static_cast<size_t>(seen)];
      if (globals.json()) continue;
      int printed = print(globals.output == "jsonl" ? to_text(e) + "\n" : event_line(route, e) + "\n");
      if (printed != kOk) return printed;
    }
    if (text_of(*now, "state") == "running") continue;
    if (globals.json())
      if (int printed = print_json(*now); printed != kOk) return printed;
    return exit_of(*now);
  }
}

int run(Globals& globals, const RunOptions& o) {
  JsonObject body;
  body["action"] = json("run");
  body["to"] = json(o.to);
  body["step"] = json(o.step);
  body["every"] = json(o.every);
  body["guard"] = json(o.guard);
  body["min_requests"] = json(o.min_requests);
  auto made = order(globals, o.route, std::move(body));
  if (!made) return failed(made.error());
  if (o.detach) {
    if (globals.json()) return print_json(*made);
    say("the run is the server's; see `meshd canary status " + o.route + "`");
    return kOk;
  }
  interrupted = "\nthe run of " + o.route + " goes on on the server: `meshd canary status " + o.route +
                "` shows it, `meshd canary abort " + o.route + "` ends it\n";
  signal(SIGINT, on_interrupt);
  return follow(globals, o.route);
}

// ---- status

int status(Globals& globals, const std::string& route) {
  auto answer = ask_server_ok(globals, {.path = route.empty() ? "/v1/canaries" : path_of(route)});
  if (!answer) return failed(answer.error());
  if (globals.json()) return print_json(*answer);
  JsonArray one{*answer};
  const JsonArray& all = route.empty() ? list_of(*answer, "canaries") : one;
  std::string lines;
  std::vector<std::vector<std::string>> rows{{"ROUTE", "TO", "STATE", "NOW", "BY", "SINCE", "ABOUT"}};
  for (const Json& c : all) {
    if (globals.output == "jsonl") lines += to_text(c) + "\n";
    if (globals.output == "name") lines += text_of(c, "route") + "\n";
    std::string about = text_of(c, "reason");
    if (text_of(c, "state") == "running")
      about = "step of " + number_text(c, "step_percent", "%") + " since " +
              number_text(c, "step_seconds", "s") + ": " + number_text(c, "success_percent", "%") + " of " +
              std::to_string(int_of(c, "requests")) + " requests, p99 " + number_text(c, "p99_ms", "ms") +
              "; waiting for " + text_of(c, "waiting");
    int64_t ended = int_of(c, "ended");
    rows.push_back({text_of(c, "route"), text_of(c, "arm"), text_of(c, "state"), arms_text(c),
                    text_of(c, "by"), format_time(ended > 0 ? ended : int_of(c, "started")), about});
  }
  if (globals.output != "table") return print(lines);
  if (rows.size() == 1) {
    say("none");
    return kOk;
  }
  if (int printed = print(format_table(rows)); printed != kOk) return printed;
  if (!route.empty())
    for (const Json& e : list_of(*answer, "events")) say(event_line(route, e));
  return kOk;
}

void route_option(CLI::App& command, std::string& route) {
  command.add_option("route", route, "The route's name")->required();
}

void timeout_option(CLI::App& command, int& timeout_s) {
  command.add_option("--timeout", timeout_s, "Seconds to wait for the nodes")
      ->check(CLI::Range(0, 86'400))
      ->capture_default_str();
}

}  // namespace

void add_canary(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand(
      "canary",
      "Give one arm of a route more of its requests, step by step (on a server); edits the mesh's file");
  command->require_subcommand(1);
  command->fallthrough();

  auto o = std::make_shared<ChangeOptions>();
  auto* set =
      command->add_subcommand("set", "Give arms these shares, and the rest to the others in proportion");
  route_option(*set, o->route);
  set->add_option("shares", o->shares, "ARM=PERCENT, such as v2=5% or version=v2=0.5%")->required();
  timeout_option(*set, o->timeout_s);
  set->callback([&globals, o] { globals.action = [&globals, o] { return change(globals, *o, "set"); }; });

  auto* promote = command->add_subcommand("promote", "Give the canary's arm everything");
  route_option(*promote, o->route);
  timeout_option(*promote, o->timeout_s);
  promote->callback(
      [&globals, o] { globals.action = [&globals, o] { return change(globals, *o, "promote"); }; });

  auto* abort = command->add_subcommand("abort", "Put the weights back that were there before the canary");
  route_option(*abort, o->route);
  timeout_option(*abort, o->timeout_s);
  abort->callback([&globals, o] { globals.action = [&globals, o] { return change(globals, *o, "abort"); }; });

  auto r = std::make_shared<RunOptions>();
  auto* runs = command->add_subcommand(
      "run", "Move by itself while guards hold; the server does it, Ctrl-C only ends the watching");
  route_option(*runs, r->route);
  runs->add_option("--to", r->to, "The arm that gets more: v2, or version=v2")->required();
  runs->add_option("--step", r->step, "How much more each time")->capture_default_str();
  runs->add_option("--every", r->every, "How long a step must hold")->capture_default_str();
  runs->add_option(
      "--guard", r->guard,
      "What must hold for the arm in each step: success>=99% p99<=200ms (also p50, p90, p95, p99.9)");
  runs->add_option("--min-requests", r->min_requests, "Requests that a step must have seen to be judged")
      ->check(CLI::Range(0, 1'000'000'000))
      ->capture_default_str();
  runs->add_flag("--detach", r->detach, "Do not watch");
  runs->callback([&globals, r] { globals.action = [&globals, r] { return run(globals, *r); }; });

  auto route = std::make_shared<std::string>();
  auto* shown = command->add_subcommand("status", "Show canaries, the ended ones too");
  shown->add_option("route", *route, "Of this route, with all that happened");
  shown->callback(
      [&globals, route] { globals.action = [&globals, route] { return status(globals, *route); }; });
}

}  // namespace meshd::cli
