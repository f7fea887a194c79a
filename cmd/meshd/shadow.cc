// SPDX-License-Identifier: Apache-2.0
#include "meshd/shadow.h"

#include "base/clock.h"
#include "base/limits.h"
#include "meshd/published.h"
#include "meshd/table.h"

namespace meshd::cli {
namespace {

std::string text(const Json& s) {
  std::string out = "shadow " + text_of(s, "id") + " of revision " + std::to_string(int_of(s, "base")) +
                    ", by " + text_of(s, "author") + " at " + format_time(int_of(s, "time"));
  if (std::string message = text_of(s, "message"); !message.empty()) out += ": " + message;
  out += "\n";
  std::vector<std::vector<std::string>> nodes{{"NODE", "STATE", "ROUTED", "JUDGED", "DIFFERENT", "SINCE"}};
  for (const Json& n : list_of(s, "nodes")) {
    std::string error = text_of(n, "error");
    nodes.push_back({text_of(n, "name"), text_of(n, "state") + (error.empty() ? "" : ": " + error),
                     std::to_string(int_of(n, "routed")), std::to_string(int_of(n, "judged")),
                     std::to_string(int_of(n, "different")),
                     int_of(n, "since") > 0 ? format_time(int_of(n, "since")) : "-"});
  }
  out += format_table(nodes);
  for (const Json& g : list_of(s, "groups")) {
    out += "\n" + std::to_string(int_of(g, "count")) + " " + text_of(g, "kind") + ", " +
           text_of(g, "direction") + " " + text_of(g, "service") + ": " + text_of(g, "before") + " → " +
           text_of(g, "after") + "\n";
    for (const Json& sample : list_of(g, "samples")) {
      std::string method = text_of(sample, "method");
      out += "  " + format_time(int_of(sample, "time")) + " " + text_of(sample, "node") + " " +
             text_of(sample, "source") + " " + (method.empty() ? "connection" : method) + " " +
             text_of(sample, "path") + "\n";
    }
  }
  if (int64_t more = int_of(s, "overflow"); more > 0)
    out += "\n" + std::to_string(more) + " more, of kinds beyond what is kept\n";
  return out;
}

int status(Globals& globals) {
  auto s = ask_server_ok(globals, {.path = "/v1/shadow"});
  if (!s) return failed(s.error());
  bool stale = text_of(*s, "state") == "stale";
  int printed = globals.json() ? print_json(*s) : print(text(*s));
  if (printed != kOk) return printed;
  if (!stale) return kOk;
  say("it no longer applies: revision " + std::to_string(int_of(*s, "in_force")) +
      " is in force; apply --shadow again, or `meshd shadow drop`");
  return kConflict;
}

int promote(Globals& globals, int timeout_s) {
  auto until = std::chrono::steady_clock::now() + seconds(timeout_s);
  auto answer = ask_server(
      globals, {.method = "POST", .path = "/v1/shadow/promote", .body = "{}", .limit = milliseconds(60'000)});
  if (!answer) return failed(answer.error());
  if (answer->status == 422) return report_invalid(globals, answer->body);
  if (!answer->ok()) return failed(answer->error());
  return await_nodes(globals, answer->body, until);
}

int drop(Globals& globals) {
  auto gone = ask_server_ok(globals, {.method = "DELETE", .path = "/v1/shadow"});
  if (!gone) return failed(gone.error());
  if (globals.json()) return print_json(*gone);
  say("shadow " + text_of(*gone, "id") + " is dropped");
  return kOk;
}

}  // namespace

int begin_shadow(Globals& globals, const std::string& file, const std::string& message) {
  auto text = read_text(file, kConfigBytesMax);
  if (!text) return failed(text.error());
  JsonObject body;
  body["yaml"] = json(*text);
  body["message"] = json(message);
  body["file"] = json(file == "-" ? "standard input" : file);
  auto answer = ask_server(globals, {.method = "POST",
                                     .path = "/v1/shadow",
                                     .body = to_text(Json(std::move(body))),
                                     .limit = milliseconds(60'000)});
  if (!answer) return failed(answer.error());
  if (answer->status == 422) return report_invalid(globals, answer->body);
  if (!answer->ok()) return failed(answer->error());
  if (globals.json()) return print_json(answer->body);
  fputs(text_of(answer->body, "rendered").c_str(), stderr);
  if (int printed = print(text_of(answer->body, "diff")); printed != kOk) return printed;
  say("shadow " + text_of(answer->body, "id") + " is compared with revision " +
      std::to_string(int_of(answer->body, "base")) + " and acts on nothing; see `meshd shadow status`");
  return kOk;
}

void add_shadow(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("shadow", "What `meshd apply --shadow FILE` would change (on a server)");
  command->require_subcommand(1);
  command->fallthrough();
  command
      ->add_subcommand("status",
                       "Where live requests would be decided otherwise. Exit 4: it no longer applies")
      ->callback([&globals] { globals.action = [&globals] { return status(globals); }; });
  auto timeout = std::make_shared<int>(30);
  auto* promoted = command->add_subcommand("promote", "Make it the file in force, and wait for the nodes");
  promoted->add_option("--timeout", *timeout, "Seconds to wait for the nodes")
      ->check(CLI::Range(0, 86'400))
      ->capture_default_str();
  promoted->callback(
      [&globals, timeout] { globals.action = [&globals, timeout] { return promote(globals, *timeout); }; });
  command->add_subcommand("drop", "End it")->callback([&globals] {
    globals.action = [&globals] { return drop(globals); };
  });
}

}  // namespace meshd::cli
