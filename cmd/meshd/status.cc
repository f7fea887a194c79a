// SPDX-License-Identifier: Apache-2.0
// status.cc: `meshd status`: how this node is, from itself.
#include "base/clock.h"
#include "control/admin_client.h"
#include "meshd/command.h"
#include "meshd/table.h"

namespace meshd::cli {
namespace {

using Rows = std::vector<std::vector<std::string>>;

std::string ago(int64_t seconds) { return format_duration(std::chrono::seconds(seconds < 0 ? 0 : seconds)); }

// How long before now the RFC 3339 time in `key` was.
std::string since(const Json& j, const std::string& key) {
  UnixSeconds t = parse_time(text_of(j, key));
  return t < 0 ? "-" : ago(Clock::system().unix_now() - t);
}

std::string mebibytes(int64_t bytes) {
  char text[32];
  snprintf(text, sizeof text, "%.1f MiB", static_cast<double>(bytes) / (1 << 20));
  return text;
}

void server_rows(const Json& s, Rows& rows) {
  const Json& server = member(s, "server");
  std::string line = text_of(server, "address") + ", ";
  if (flag_of(server, "connected")) {
    line += "connected for " + since(server, "since");
    int64_t skew = int_of(server, "skew_seconds");
    if (skew != 0) line += ", clocks differ by " + std::to_string(skew) + " s";
  } else {
    line += "away for " + since(server, "since") + ": " + text_of(server, "problem");
  }
  rows.push_back({"server", line});
}

void certificate_rows(const Json& s, Rows& rows) {
  std::string heading = "certificates";
  for (const Json& c : list_of(s, "certificates")) {
    std::string line = text_of(c, "id") + " " + text_of(c, "state");
    if (int64_t left = int_of(c, "seconds_left"); left > 0) line += " for " + ago(left);
    if (std::string problem = text_of(c, "problem"); !problem.empty()) line += " (" + problem + ")";
    rows.push_back({std::exchange(heading, ""), line});
  }
}

void token_key_rows(const Json& s, Rows& rows) {
  std::string heading = "token keys";
  for (const Json& k : list_of(member(s, "control"), "token_keys")) {
    std::string line = text_of(k, "name") + ": ";
    line += text_of(k, "fetched").empty() ? "none yet"
                                          : std::to_string(int_of(k, "keys")) + ", seen " +
                                                since(k, "fetched") + " ago at " + text_of(k, "source");
    if (std::string error = text_of(k, "error"); !error.empty()) line += "; now " + error;
    rows.push_back({std::exchange(heading, ""), line});
  }
}

void peer_rows(const Json& s, Rows& rows) {
  std::string heading = "peers";
  for (const Json& p : list_of(s, "peers")) {
    int64_t all = int_of(p, "endpoints"), down = int_of(p, "endpoints_down");
    std::string line = text_of(p, "name") + " " + text_of(p, "address");
    if (all > 0) line += ", " + std::to_string(all - down) + " of " + std::to_string(all) + " endpoints up";
    rows.push_back({std::exchange(heading, ""), line});
  }
}

void workload_rows(const Json& s, Rows& rows) {
  std::string heading = "workloads";
  for (const Json& w : list_of(s, "workloads")) {
    std::string line = text_of(w, "service");
    if (int64_t port = int_of(w, "port"); port != 0) line += ":" + std::to_string(port);
    std::string selector = text_of(w, "selector");
    line += " by " + (selector.empty() ? text_of(w, "identified_by") : selector);
    line += (flag_of(w, "matches") ? ": " : ": nothing now, ") + text_of(w, "now");
    if (std::string owner = text_of(w, "port_owner"); !owner.empty())
      line += "; its port is " + owner + ", nothing is sent there";
    rows.push_back({std::exchange(heading, ""), line});
  }
}

void problem_rows(const Json& s, Rows& rows) {
  for (const Json& p : list_of(s, "listen_problems"))
    rows.push_back({"problem", text_of(p, "listener") + ": " + text_of(p, "why")});
  for (const Json& q : list_of(s, "quarantined"))
    rows.push_back({"quarantined", text_of(q, "kind") + " " + text_of(q, "name") + " at " + text_of(q, "at") +
                                       ": " + text_of(q, "why")});
  for (const char* key : {"refused", "storage_problem", "access_log_problem"})
    if (std::string problem = text_of(s, key); !problem.empty()) rows.push_back({"problem", problem});
}

std::string as_text(const Json& s) {
  std::string roles;
  for (const Json& r : list_of(s, "roles")) roles += (roles.empty() ? "" : " + ") + r.get<std::string>();
  Rows rows;
  rows.push_back({"node", text_of(s, "node") + " (" + text_of(s, "address") + "), " + roles + ", meshd " +
                              text_of(s, "version") + ", up " + ago(int_of(s, "uptime_seconds"))});
  rows.push_back({"ready", flag_of(s, "ready") ? "yes" : "no: " + text_of(s, "waiting_for")});
  server_rows(s, rows);
  int64_t revision = int_of(s, "revision");
  rows.push_back({"configuration", revision == 0 ? "none yet"
                                                 : "revision " + std::to_string(revision) + ", in use for " +
                                                       since(s, "in_use_since")});
  if (const Json& trial = member(s, "unconfirmed"); trial.is<JsonObject>())
    rows.push_back({"unconfirmed", "revision " + std::to_string(int_of(trial, "revision")) + ", " +
                                       ago(int_of(trial, "seconds_left")) +
                                       " left; `meshd confirm` on the server keeps it"});
  if (const Json& back = member(s, "went_back"); back.is<JsonObject>())
    rows.push_back({"went back", "from revision " + std::to_string(int_of(back, "revision")) + " " +
                                     since(back, "time") + " ago: " + text_of(back, "why")});
  certificate_rows(s, rows);
  token_key_rows(s, rows);
  rows.push_back({"alone", "can serve without the server for " + ago(int_of(s, "alone_seconds"))});
  peer_rows(s, rows);
  workload_rows(s, rows);
  problem_rows(s, rows);
  rows.push_back({"process", mebibytes(int_of(s, "rss_bytes")) + ", " + std::to_string(int_of(s, "threads")) +
                                 " data loops, " + std::to_string(int_of(s, "open_files")) + " open files"});
  return format_table(rows);
}

int run_status(Globals& globals) {
  auto status = ask_admin_ok(globals.state_dir(), {.path = "/v1/status"});
  if (!status) return failed(status.error());
  if (globals.json()) return print_json(*status);
  if (globals.output == "jsonl") return print(to_text(*status) + "\n");
  if (globals.output == "name") return print(text_of(*status, "node") + "\n");
  return print(as_text(*status));
}

}  // namespace

void add_status(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("status", "Show how this node is");
  command->callback([&globals] { globals.action = [&globals] { return run_status(globals); }; });
}

}  // namespace meshd::cli
