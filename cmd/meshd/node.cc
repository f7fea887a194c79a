// SPDX-License-Identifier: Apache-2.0
// node.cc: `meshd node list|remove`: who is in the mesh, and who is not any more (on a server).
#include "base/clock.h"
#include "control/server_tokens.h"
#include "meshd/server_call.h"
#include "meshd/table.h"

namespace meshd::cli {
namespace {

int list(Globals& globals) {
  auto answer = ask_server_ok(globals, {.path = "/v1/nodes"});
  if (!answer) return failed(answer.error());
  if (globals.json()) return print_json(*answer);
  UnixSeconds now = Clock::system().unix_now();
  std::string lines;
  std::vector<std::vector<std::string>> rows{
      {"NAME", "ADDRESS", "ZONE", "STATE", "REVISION", "VERSION", "PROBLEM"}};
  auto or_dash = [](std::string text) { return text.empty() ? std::string("-") : text; };
  for (const Json& n : list_of(*answer, "nodes")) {
    UnixSeconds seen = int_of(n, "last_seen");
    std::string state = "connected";
    if (!flag_of(n, "connected"))
      state = seen == 0
                  ? "never seen"
                  : "away for " + format_duration(std::chrono::seconds(std::max<int64_t>(now - seen, 0)));
    if (globals.output == "name") lines += text_of(n, "name") + "\n";
    if (globals.output == "jsonl") lines += to_text(n) + "\n";
    rows.push_back({text_of(n, "name"), text_of(n, "address") + ":" + std::to_string(int_of(n, "mesh_port")),
                    or_dash(text_of(n, "zone")), state, std::to_string(int_of(n, "acked")),
                    or_dash(text_of(n, "version")), or_dash(text_of(n, "error"))});
  }
  return print(globals.output == "table" ? format_table(rows) : lines);
}

int remove(Globals& globals, const std::string& name) {
  if (!valid_node_name(name)) {
    say("meshd: '" + name + "' is no node's name; see `meshd node list`");
    return kNotFound;
  }
  auto answer = ask_server_ok(globals, {.method = "DELETE", .path = "/v1/nodes/" + name});
  if (!answer) return failed(answer.error());
  if (globals.json()) return print_json(*answer);
  say("node " + name +
      " is removed: its certificates are refused, its connections cut, its tokens void, its endpoints gone. "
      "To bring "
      "it back: meshd token create --node " +
      name);
  return kOk;
}

}  // namespace

void add_node(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("node", "List and remove nodes (on a server)");
  command->require_subcommand(1);
  command->fallthrough();
  auto* listed = command->add_subcommand("list", "List the nodes of the mesh");
  listed->callback([&globals] { globals.action = [&globals] { return list(globals); }; });
  auto name = std::make_shared<std::string>();
  auto* removed = command->add_subcommand("remove", "Take a node out: its certificates are refused at once");
  removed->add_option("name", *name, "The node's name")->required();
  removed->callback(
      [&globals, name] { globals.action = [&globals, name] { return remove(globals, *name); }; });
}

}  // namespace meshd::cli
