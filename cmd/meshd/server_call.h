// SPDX-License-Identifier: Apache-2.0
// server_call.h: calls that only a server answers (control/server_api.h).
#pragma once
#include "control/admin_client.h"
#include "meshd/command.h"

namespace meshd::cli {

// As ask_admin. Errors: also unsupported: this state directory is a node's, not a server's.
inline Outcome<AdminAnswer> ask_server(const Globals& globals, AdminRequest request) {
  StateDir state = globals.state_dir();
  if (state.is_node() && !state.is_server())
    return fail(Errc::unsupported,
                globals.state + " is a node without a server; run this where `meshd init` was run");
  return ask_admin(state, std::move(request));
}

// The answer's body, if it is a good one; anything else becomes its error.
inline Outcome<Json> ask_server_ok(const Globals& globals, AdminRequest request) {
  auto answer = ask_server(globals, std::move(request));
  if (!answer) return fail(answer.error());
  if (!answer->ok()) return fail(answer->error());
  return std::move(answer->body);
}

}  // namespace meshd::cli
