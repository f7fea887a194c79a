// SPDX-License-Identifier: Apache-2.0
// token.cc: `meshd token create|list|revoke`: what lets a machine join, once.
#include "base/clock.h"
#include "base/file.h"
#include "control/server_tokens.h"
#include "meshd/server_call.h"
#include "meshd/table.h"

namespace meshd::cli {
namespace {

struct CreateOptions {
  std::string node;
  std::string ttl = "1h";
};

int create(Globals& globals, const CreateOptions& o) {
  int64_t ttl = seconds_of(o.ttl);
  if (ttl < 0) {
    say("meshd: '" + o.ttl + "' is no time to live; it looks like 30m, 12h or 7d");
    return kUsage;
  }
  JsonObject body;
  body["ttl_seconds"] = json(ttl);
  if (!o.node.empty()) body["node"] = json(o.node);
  auto made = ask_server_ok(globals,
                            {.method = "POST", .path = "/v1/tokens", .body = to_text(Json(std::move(body)))});
  if (!made) return failed(made.error());
  if (globals.json()) return print_json(*made);
  std::string token = text_of(*made, "token") + "\n";
  int printed = print(token);
  wipe(token);
  say("token " + text_of(*made, "id") + " is good once, until " + format_time(int_of(*made, "expires")) +
      "; it is not shown again. Copy it to the new machine, and there: meshd join --token-file FILE --name "
      "NAME --address IP");
  return printed;
}

int list(Globals& globals) {
  auto answer = ask_server_ok(globals, {.path = "/v1/tokens"});
  if (!answer) return failed(answer.error());
  if (globals.json()) return print_json(*answer);
  std::vector<std::vector<std::string>> rows{{"ID", "STATE", "NODE", "CREATED", "EXPIRES", "BY", "USED BY"}};
  auto or_dash = [](std::string text) { return text.empty() ? std::string("-") : text; };
  std::string lines;
  for (const Json& t : list_of(*answer, "tokens")) {
    if (globals.output == "jsonl") lines += to_text(t) + "\n";
    if (globals.output == "name") lines += text_of(t, "id") + "\n";
    rows.push_back({text_of(t, "id"), text_of(t, "state"), or_dash(text_of(t, "node")),
                    format_time(int_of(t, "created")), format_time(int_of(t, "expires")),
                    or_dash(text_of(t, "created_by")), or_dash(text_of(t, "used_by"))});
  }
  return print(globals.output == "table" ? format_table(rows) : lines);
}

int revoke(Globals& globals, const std::string& id) {
  // An id is hex; anything else cannot be one, and must not become part of a path.
  if (id.find_first_not_of("0123456789abcdef") != std::string::npos || id.empty()) {
    say("meshd: '" + id + "' is no token's id; see `meshd token list`");
    return kNotFound;
  }
  auto answer = ask_server_ok(globals, {.method = "DELETE", .path = "/v1/tokens/" + id});
  if (!answer) return failed(answer.error());
  if (globals.json()) return print_json(*answer);
  say("token " + id + " is revoked");
  return kOk;
}

}  // namespace

void add_token(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("token", "Make, list and revoke join tokens (on a server)");
  command->require_subcommand(1);
  command->fallthrough();

  auto o = std::make_shared<CreateOptions>();
  auto* made = command->add_subcommand("create", "Make a token and print it, this once");
  made->add_option("--node", o->node, "Only a node of this name may use it");
  made->add_option("--ttl", o->ttl, "How long it is good: 30m, 12h, 7d")->capture_default_str();
  made->callback([&globals, o] { globals.action = [&globals, o] { return create(globals, *o); }; });

  auto* listed = command->add_subcommand("list", "List tokens, newest first; secrets are not kept");
  listed->callback([&globals] { globals.action = [&globals] { return list(globals); }; });

  auto id = std::make_shared<std::string>();
  auto* revoked = command->add_subcommand("revoke", "Make an unused token useless");
  revoked->add_option("id", *id, "The token's id, from `meshd token list`")->required();
  revoked->callback([&globals, id] { globals.action = [&globals, id] { return revoke(globals, *id); }; });
}

}  // namespace meshd::cli
