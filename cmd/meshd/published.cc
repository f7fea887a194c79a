// SPDX-License-Identifier: Apache-2.0
#include "meshd/published.h"

#include <unistd.h>

namespace meshd::cli {
namespace {

struct Progress {
  size_t connected = 0, acked = 0;
  std::vector<std::string> waiting, refused, away;
  bool done = false;
};

Progress progress_of(const Json& acks) {
  Progress p;
  p.done = flag_of(acks, "done");
  for (const Json& n : list_of(acks, "nodes")) {
    std::string name = text_of(n, "name");
    if (!flag_of(n, "connected")) {
      p.away.push_back(name);
      continue;
    }
    ++p.connected;
    if (flag_of(n, "acked"))
      ++p.acked;
    else if (std::string error = text_of(n, "error"); !error.empty())
      p.refused.push_back(name + ": " + error);
    else
      p.waiting.push_back(name);
  }
  return p;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

// One line that is written over on a terminal; nothing until the end elsewhere.
class ProgressLine {
 public:
  void show(const Progress& p) {
    if (!terminal_) return;
    std::string line = "  " + std::to_string(p.acked) + " of " + std::to_string(p.connected) + " nodes";
    if (!p.waiting.empty()) line += ", waiting for " + joined(p.waiting);
    fprintf(stderr, "\r\033[K%.100s", line.c_str());
    shown_ = true;
  }
  void clear() {
    if (shown_) fprintf(stderr, "\r\033[K");
  }

 private:
  bool terminal_ = isatty(STDERR_FILENO) == 1;
  bool shown_ = false;
};

// Until every connected node has the revision, or the time is over.
Outcome<Progress> wait_for_nodes(Globals& globals, int64_t revision, SteadyClock::time_point until,
                                 Json& acks) {
  ProgressLine line;
  for (;;) {
    auto left = std::chrono::duration_cast<milliseconds>(until - SteadyClock::now());
    int64_t wait = std::clamp<int64_t>(left.count(), 0, 1'000);
    auto answer = ask_server_ok(globals, {.path = "/v1/revisions/" + std::to_string(revision) +
                                                  "/acks?wait=" + std::to_string(wait)});
    if (!answer) {
      line.clear();
      return fail(answer.error());
    }
    acks = std::move(*answer);
    Progress p = progress_of(acks);
    if (p.done || left <= milliseconds(0)) {
      line.clear();
      return p;
    }
    line.show(p);
  }
}

}  // namespace

int report_invalid(Globals& globals, const Json& answer) {
  if (globals.json()) {
    if (int printed = print_json(answer); printed != kOk) return printed;
    return kInvalidConfig;
  }
  fputs(text_of(answer, "rendered").c_str(), stderr);
  say(text_of(answer, "summary"));
  return kInvalidConfig;
}

int await_nodes(Globals& globals, Json& made, SteadyClock::time_point until) {
  std::string name = "revision " + std::to_string(int_of(made, "revision"));
  Json acks;
  auto p = wait_for_nodes(globals, int_of(made, "revision"), until, acks);
  if (!p) return failed(p.error());
  int code = !p->refused.empty() ? kFailed : p->done ? kOk : kTookTooLong;
  if (globals.json()) {
    made.get<JsonObject>()["apiVersion"] = json("meshd/v1");
    made.get<JsonObject>()["nodes"] = member(acks, "nodes");
    made.get<JsonObject>()["done"] = Json(p->done);
    if (int printed = print_json(made); printed != kOk) return printed;
    return code;
  }
  for (const std::string& refused : p->refused) say("refused by " + refused);
  if (!p->waiting.empty())
    say("no acknowledgement yet from " + joined(p->waiting) + "; see `meshd status` there");
  std::string line = name + " is in use on " + std::to_string(p->acked) + " of " +
                     std::to_string(p->connected) + " connected nodes";
  if (!p->away.empty()) line += "; away, and following when they are back: " + joined(p->away);
  say(line);
  return code;
}

}  // namespace meshd::cli
