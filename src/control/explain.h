// SPDX-License-Identifier: Apache-2.0
// explain.h: one decision in words: what the data plane would do with a request now, and which line of the file says so.
#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "proxy/data_loops.h"
#include "snapshot/snapshot.h"

namespace meshd {

// What is asked about.
struct Question {
  std::string from;    // as the file writes callers: service/NAME, node/NAME, gateway; empty: nobody proven
  std::string method;  // empty: an opaque connection
  std::string url;     // http://SERVICE/PATH?QUERY, or tcp://SERVICE
  std::string server_name;  // opaque connections
  std::vector<std::pair<std::string, std::string>> headers;
  std::string token;                     // as the caller would show it
  std::optional<model::Token> verified;  // or what a valid one would say
};

// {"method","url","from","server_name","headers":[["name","value"],…],"token"} or, in place of the token, {"issuer",
// "claims":[["name","value"],…]}. Errors: invalid_argument.
Outcome<Question> read_question(const Json& j);

// What `token` says, by the issuers and keys of the snapshot. Errors: denied, with the reason.
Outcome<model::Token> read_token(const Snapshot& snapshot, std::string_view token, UnixSeconds now);

// Runs decide() itself, once for each arm of the split. `known`: what health checks and the data loops of this node have
// learnt. Errors: invalid_argument, naming what cannot be read.
struct Known;
Outcome<Json> explain(const Snapshot& snapshot, const Known& known, const Question& question);

}  // namespace meshd
