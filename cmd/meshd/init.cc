// SPDX-License-Identifier: Apache-2.0
// init.cc: `meshd init`: the first server of a mesh, with its first node.
#include "app/harden.h"
#include "base/file.h"
#include "base/limits.h"
#include "control/host_key.h"
#include "control/server_state.h"
#include "meshd/command.h"
#include "model/config.h"

namespace meshd::cli {
namespace {

int run_init(Globals& globals, InitOptions options, const std::string& host_key) {
  harden_process();  // the root key is made here
  auto seal = host_seal(host_key);
  if (!seal) return failed(seal.error());
  options.seal = std::move(*seal);
  options.state = globals.state;
  if (options.name.empty()) options.name = host_name();
  auto made = init_server(options, Clock::system());
  if (!made) return failed(made.error());
  if (!made->rendered.empty()) fputs(made->rendered.c_str(), stderr);
  if (!made->summary.empty()) say(made->summary);
  if (!made->config_valid) {
    say("meshd: nothing was made; correct " + options.config + " and run this again");
    return kInvalidConfig;
  }

  std::string run = "meshd run --state " + globals.state;
  std::string token = "meshd token create --state " + globals.state + " > token";
  std::string join = "meshd join " + made->control + " --token-file token --name NAME --address IP";
  if (globals.json()) {
    JsonObject out;
    out["apiVersion"] = json("meshd/v1");
    out["state"] = json(globals.state);
    out["config"] = json(made->config);
    out["starter_written"] = Json(made->starter_written);
    out["trust_domain"] = json(made->trust_domain);
    out["control"] = json(made->control);
    out["pin"] = json(made->pin);
    out["revision"] = json(static_cast<int64_t>(made->revision.value));
    out["run"] = json(run);
    out["join"] = json(join);
    return print_json(Json(std::move(out)));
  }
  say("made server and node " + options.name + " of trust domain " + made->trust_domain + " in " +
      globals.state);
  say("  root of trust  " + made->pin);
  say("  configuration  " + made->config +
      (made->starter_written ? " (a commented starter was written)" : "") + ", revision " +
      std::to_string(made->revision.value));
  say("next: " + run);
  say("then, for each further machine: " + token + "; copy that file to it, and there:");
  return print(join + "\n");
}

}  // namespace

void add_init(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("init", "Make the first server of a mesh, with its first node");
  auto options = std::make_shared<InitOptions>();
  options->config = "/etc/meshd/meshd.yaml";
  command
      ->add_option("--config", options->config,
                   "The mesh's file; a commented starter is written where there is none")
      ->capture_default_str();
  command->add_option("--name", options->name, "Name of this node (default: the host's name)");
  command->add_option("--address", options->address, "IP address at which other nodes reach this one")
      ->required();
  command->add_option("--control", options->control,
                      "ip:port that nodes dial (default: the file's server.control, else ADDRESS:15012)");
  command->add_option("--trust-domain", options->trust_domain,
                      "Trust domain for a starter file, such as edge-eu.mesh");
  command->add_option("--mesh-name", options->mesh_name, "Name of the mesh for a starter file");
  command->add_option("--mesh-port", options->mesh_port, "Port between nodes")->capture_default_str();
  command->add_option("--ca-cert", options->ca_cert,
                      "A CA made elsewhere: its certificate, then each issuer up to the root (PEM)");
  command->add_option("--ca-key", options->ca_key, "The key of the first certificate in --ca-cert");
  command->add_option("--zone", options->zone, "Zone of this node");
  auto host_key = std::make_shared<std::string>();
  add_host_key(*command, *host_key);
  command->callback([&globals, options, host_key] {
    globals.action = [&globals, options, host_key] { return run_init(globals, *options, *host_key); };
  });
}

}  // namespace meshd::cli
