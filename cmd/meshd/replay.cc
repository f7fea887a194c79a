// SPDX-License-Identifier: Apache-2.0
#include "meshd/replay.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>

#include "control/file_tests.h"
#include "control/replay.h"
#include "meshd/offline.h"
#include "meshd/table.h"

namespace meshd::cli {
namespace {

constexpr size_t kShown = 20;  // requests listed without --all

std::string request_of(const Json& r) {
  std::string method = text_of(r, "method");
  return text_of(r, "source") + " to " + text_of(r, "service") + " " +
         (method.empty() ? "connection" : method + " " + text_of(r, "path"));
}

std::string text(const Json& report, bool all) {
  std::string out;
  if (!list_of(report, "groups").empty()) {
    std::vector<std::vector<std::string>> rows{{"COUNT", "KIND", "SIDE", "SERVICE", "BEFORE", "AFTER"}};
    for (const Json& g : list_of(report, "groups"))
      rows.push_back({std::to_string(int_of(g, "count")), text_of(g, "kind"), text_of(g, "direction"),
                      text_of(g, "service"), text_of(g, "before"), text_of(g, "after")});
    out += format_table(rows) + "\n";
  }
  const JsonArray& requests = list_of(report, "requests");
  size_t shown = all ? requests.size() : std::min(requests.size(), kShown);
  for (size_t i = 0; i < shown; ++i) {
    out += "line " + std::to_string(int_of(requests[i], "line")) + ": " + request_of(requests[i]) + "\n";
    for (const Json& d : list_of(requests[i], "differences"))
      out += "  " + text_of(d, "kind") + ": " + text_of(d, "before") + " → " + text_of(d, "after") + "\n";
  }
  auto hidden = static_cast<int64_t>(requests.size() - shown) + int_of(report, "not_listed");
  if (hidden > 0)
    out += "and " + std::to_string(hidden) + " more" + (all ? "" : " (--all lists them)") + "\n";
  return out;
}

Outcome<> read_lines(const std::string& path, Replay& replay) {
  std::ifstream file;
  if (path != "-") file.open(path);
  if (path != "-" && !file) return fail(Errc::not_found, "cannot read " + path + ": " + strerror(errno));
  std::istream& in = path == "-" ? std::cin : file;
  for (std::string line; std::getline(in, line);) replay.line(line);
  if (in.bad()) return fail(Errc::io, "cannot read " + path + " to its end");
  return {};
}

}  // namespace

int run_replay(Globals& globals, const ReplayOptions& o) {
  if (o.candidate.empty() && o.base.empty()) {
    say("meshd: --replay needs --config FILE: what to decide by");
    return kUsage;
  }
  int exit = kFailed;
  SnapshotPtr live, before, after;
  if (o.candidate.empty() || o.base.empty()) {
    auto in_force = snapshot_in_force(globals.state_dir());
    if (!in_force) return failed(in_force.error());
    live = *in_force;
  }
  auto of_file = [&](const std::string& path) -> SnapshotPtr {
    auto model = read_model(path, exit);
    if (!model) return nullptr;
    return compile(*model, live ? live->nodes : imagined_nodes(*model), {});
  };
  before = o.base.empty() ? live : of_file(o.base);
  if (!before) return exit;
  after = o.candidate.empty() ? live : of_file(o.candidate);
  if (!after) return exit;

  Replay replay(before, after);
  if (auto ok = read_lines(o.log, replay); !ok) return failed(ok.error());
  Json report = replay.json_of();
  int printed = globals.json() ? print_json(report) : print(text(report, o.all));
  if (printed != kOk) return printed;
  if (!globals.json()) {
    say(std::to_string(int_of(report, "changed")) + " of " + std::to_string(int_of(report, "replayed")) +
        " requests would be decided otherwise");
    for (const Json& s : list_of(report, "not_replayed"))
      say("not replayed: " + std::to_string(int_of(s, "count")) + ": " + text_of(s, "why") +
          " (first: line " + std::to_string(int_of(s, "first_line")) + ")");
  }
  return replay.changed() > 0 ? kFindings : kOk;
}

}  // namespace meshd::cli
