// SPDX-License-Identifier: Apache-2.0
// command.h: what every command shares: the state directory, the form of output, the exit codes of design section 9.
//
// A command's file has one function, add_NAME: it declares options and sets `globals.action` when its command was given.
// stdout is data, stderr is talk.
#pragma once
#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "control/state_dir.h"

namespace meshd::cli {

enum Exit : int {
  kOk = 0,
  kFailed = 1,
  kUsage = 2,
  kNotFound = 3,
  kConflict = 4,
  kInvalidConfig = 5,
  kFindings = 6,
  kUnreachable = 7,
  kDenied = 8,
  kTookTooLong = 124,  // as timeout(1)
};

struct Globals {
  std::string state{kDefaultState};
  std::string output = "table";
  std::function<int()> action;  // of the command that was given

  StateDir state_dir() const { return StateDir(state); }
  bool json() const { return output == "json"; }
};

void add_init(CLI::App& app, Globals& globals);
void add_join(CLI::App& app, Globals& globals);
void add_leave(CLI::App& app, Globals& globals);
void add_run(CLI::App& app, Globals& globals);
void add_token(CLI::App& app, Globals& globals);
void add_ca(CLI::App& app, Globals& globals);
void add_cert(CLI::App& app, Globals& globals);
void add_node(CLI::App& app, Globals& globals);
void add_audit(CLI::App& app, Globals& globals);
void add_check(CLI::App& app, Globals& globals);
void add_apply(CLI::App& app, Globals& globals);
void add_shadow(CLI::App& app, Globals& globals);
void add_status(CLI::App& app, Globals& globals);
void add_get(CLI::App& app, Globals& globals);
void add_explain(CLI::App& app, Globals& globals);
void add_confirm(CLI::App& app, Globals& globals);
void add_canary(CLI::App& app, Globals& globals);
void add_policy(CLI::App& app, Globals& globals);
void add_config(CLI::App& app, Globals& globals);
void add_version(CLI::App& app, Globals& globals);

// --host-key, of commands that read or make keys (control/host_key.h).
void add_host_key(CLI::App& command, std::string& file);

// The exit code that says `code`.
int exit_code(Errc code);
// "meshd: what" on stderr, and the exit code for it.
int failed(const Detailed& error);

// Text on stdout; kFailed when nobody takes it (a full disk behind a redirection).
int print(std::string_view text);
int print_json(const Json& value);
// A line on stderr.
void say(std::string_view text);

// A file's text, or standard input's for "-". Errors as read_file.
Outcome<std::string> read_text(const std::string& path, size_t max);
// The name's last part, for messages.
std::string base_name(const std::string& path);
// "90s", "30m", "12h", "7d" in seconds; -1 for anything else.
int64_t seconds_of(const std::string& text);
// This machine's, without its domain.
std::string host_name();

}  // namespace meshd::cli
