// SPDX-License-Identifier: Apache-2.0
// join.cc: `meshd join`: make this machine a node of a mesh, with a token from its server.
#include <stdlib.h>

#include "app/harden.h"
#include "base/file.h"
#include "control/host_key.h"
#include "control/join_mesh.h"
#include "control/server_tokens.h"
#include "meshd/command.h"

namespace meshd::cli {
namespace {

struct JoinOptions {
  std::string server, token_file, name, address, zone, host_key;
  uint16_t mesh_port = kMeshPort;
};

// By file, environment or standard input; never as an argument, which everybody on the machine can read.
Outcome<std::string> token_text(const JoinOptions& o) {
  if (!o.token_file.empty()) {
    auto text = read_text(o.token_file, kTokenBytesMax * 2);
    if (text && text->empty())
      return fail(Errc::invalid_argument,
                  o.token_file + " is empty; make a token with: meshd token create > FILE");
    return text;
  }
  if (char* text = getenv("MESHD_TOKEN")) {
    std::string token(text);
    unsetenv("MESHD_TOKEN");
    return token;
  }
  return fail(Errc::invalid_argument,
              "no token: give --token-file FILE (or - for standard input), or set MESHD_TOKEN");
}

int run_join(Globals& globals, JoinOptions o) {
  harden_process();  // it holds a token and a key
  JoinOrder order;
  if (!o.server.empty()) {
    auto at = SocketAddress::parse(o.server);
    if (!at) {
      say("meshd: '" + o.server + "' is no address of a server; it looks like 10.0.0.1:15012");
      return kUsage;
    }
    order.server = *at;
  }
  order.node = o.name.empty() ? host_name() : o.name;
  if (!valid_node_name(order.node)) {
    say("meshd: '" + order.node +
        "' cannot be a node's name: lower-case letters, digits and hyphens, at most 63; give --name");
    return kUsage;
  }
  if (!SocketAddress::from_ip(o.address, 0)) {
    say("meshd: '" + o.address + "' is not an IP address that other nodes could reach");
    return kUsage;
  }
  auto text = token_text(o);
  if (!text) return failed(text.error());
  auto token = JoinToken::parse(*text);
  wipe(*text);
  if (!token) return failed(token.error());
  order.token = std::move(*token);
  order.address = o.address;
  order.mesh_port = o.mesh_port;
  order.zone = o.zone;
  order.version = MESHD_VERSION;

  auto seal = host_seal(o.host_key);
  if (!seal) return failed(seal.error());
  auto node = join_mesh(StateDir(globals.state, std::move(*seal)), std::move(order), Clock::system());
  if (!node) return failed(node.error());
  std::string run = "meshd run --state " + globals.state;
  if (globals.json()) {
    JsonObject out;
    out["apiVersion"] = json("meshd/v1");
    out["node"] = json(node->node);
    out["trust_domain"] = json(node->trust_domain);
    out["server_id"] = json(node->server_id);
    out["control"] = json(node->control);
    out["run"] = json(run);
    return print_json(Json(std::move(out)));
  }
  say("joined: this machine is node " + node->node + " of trust domain " + node->trust_domain);
  say(globals.state == kDefaultState ? "start it with: systemctl enable --now meshd, or in the foreground:"
                                     : "start it with:");
  return print(run + "\n");
}

}  // namespace

void add_join(CLI::App& app, Globals& globals) {
  auto* command =
      app.add_subcommand("join", "Make this machine a node of a mesh, with a token from its server");
  auto o = std::make_shared<JoinOptions>();
  command->add_option("server", o->server,
                      "ip:port of the server's control port (default: what the token says)");
  command->add_option("--token-file", o->token_file,
                      "File with the token; - for standard input (default: MESHD_TOKEN)");
  command->add_option("--name", o->name, "Name of this node (default: the host's name)");
  command->add_option("--address", o->address, "IP address at which other nodes reach this one")->required();
  command->add_option("--mesh-port", o->mesh_port, "Port between nodes")->capture_default_str();
  command->add_option("--zone", o->zone, "Zone of this node");
  add_host_key(*command, o->host_key);
  command->callback([&globals, o] { globals.action = [&globals, o] { return run_join(globals, *o); }; });
}

}  // namespace meshd::cli
