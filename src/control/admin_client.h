// SPDX-License-Identifier: Apache-2.0
// admin_client.h: how commands ask the meshd of their state directory: one call over its Unix socket, waited for.
#pragma once
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/limits.h"
#include "control/state_dir.h"

namespace meshd {

// What came back: a JSON answer with whatever status.
struct AdminAnswer {
  int status = 0;
  Json body;
  bool ok() const { return status >= 200 && status < 300; }
  // {"error","code"} as a failure.
  Detailed error() const;
};

struct AdminRequest {
  std::string method = "GET";
  std::string path;  // with query
  std::string body;  // empty: none
  std::string content_type = "application/json";
  milliseconds limit{10'000};  // of the whole call
};

// Runs a loop of its own on this thread; not to be called on a thread that has one. Errors: unreachable (no meshd
// answers: how to start it), permission, timeout, protocol.
Outcome<AdminAnswer> ask_admin(const StateDir& state, AdminRequest request);
// The same for answers that must be good: anything else becomes its error.
Outcome<Json> ask_admin_ok(const StateDir& state, AdminRequest request);

}  // namespace meshd
