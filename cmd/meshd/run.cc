// SPDX-License-Identifier: Apache-2.0
// run.cc: `meshd run`: the daemon itself, in the foreground.
#include "app/run.h"

#include "base/log.h"
#include "meshd/command.h"

namespace meshd::cli {

void add_run(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("run", "Run this node (and its server) in the foreground");
  struct Options {
    NodeOptions node;
    bool debug = false;
  };
  auto o = std::make_shared<Options>();
  o->node.version = MESHD_VERSION;
  command->add_option("--threads", o->node.threads, "Data loops; 0: one per processor, at most 4")
      ->check(CLI::Range(0u, kThreadsMax))
      ->capture_default_str();
  command
      ->add_option("--metrics-port", o->node.metrics_port,
                   "Port of /metrics and /healthz on the node's address; 0: none")
      ->capture_default_str();
  command
      ->add_option("--buffers", o->node.buffers_mib,
                   "MiB that connections may buffer, per data loop; beyond, load is shed")
      ->check(CLI::Range(size_t{8}, size_t{65'536}))
      ->capture_default_str();
  add_host_key(*command, o->node.host_key);
  command->add_flag("--debug", o->debug, "Log more");
  command->callback([&globals, o] {
    globals.action = [&globals, o] {
      if (o->debug) log::set_level(log::Level::debug);
      o->node.state = globals.state;
      auto ended = run(o->node);
      return ended ? kOk : failed(ended.error());
    };
  });
}

}  // namespace meshd::cli
