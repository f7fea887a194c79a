// SPDX-License-Identifier: Apache-2.0
// leave.cc: `meshd leave`: take this machine out of its mesh: its keys and all it knows of the mesh are removed.
#include <unistd.h>

#include <filesystem>

#include "control/state_lock.h"
#include "meshd/command.h"

namespace meshd::cli {
namespace {

// What init, join and run put into a state directory; anything else in it is somebody else's and stays.
constexpr const char* kOurs[] = {"node.json",     "identities", "bundle.pem", "snapshot",
                                 "snapshot.prev", "admin.sock", "lock"};

int run_leave(Globals& globals, bool sure) {
  StateDir state = globals.state_dir();
  auto node = load_node_file(state);
  if (!node) return failed(node.error());
  if (state.is_server())
    return failed({Errc::unsupported,
                   globals.state +
                       " holds the mesh's server, its authority and its history; nothing is removed. "
                       "To end the mesh, stop meshd and delete the directory yourself"});
  if (!sure) {
    say("meshd: this removes the keys of node " + node->node + " from " + globals.state +
        "; say so with --yes");
    return kUsage;
  }
  auto lock = StateLock::take(state.root());
  if (!lock) return failed(lock.error());
  std::error_code error;
  for (const char* name : kOurs) {
    std::filesystem::remove_all(state.root() + "/" + name, error);
    if (error)
      return failed({Errc::io, "cannot remove " + state.root() + "/" + name + ": " + error.message()});
  }
  std::filesystem::remove(state.root(), error);  // only when it is empty
  say("node " + node->node +
      " has left; on the server its name stays listed until it joins again or is removed there");
  return kOk;
}

}  // namespace

void add_leave(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("leave", "Take this machine out of its mesh: remove its keys and state");
  auto sure = std::make_shared<bool>(false);
  command->add_flag("--yes", *sure, "Do it");
  command->callback(
      [&globals, sure] { globals.action = [&globals, sure] { return run_leave(globals, *sure); }; });
}

}  // namespace meshd::cli
