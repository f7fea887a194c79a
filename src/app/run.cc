// SPDX-License-Identifier: Apache-2.0
// run.cc: harden → lock the state → start the node → say ready → wait for a signal → drain → leave.
#include "app/run.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "app/harden.h"
#include "app/service_manager.h"
#include "base/file.h"
#include "base/log.h"
#include "control/state_lock.h"
#include "loop/loop.h"
#include "loop/signals.h"

namespace meshd {
namespace {

// After draining, connections that are closed need this long at most to let go.
constexpr milliseconds kLastMoment{1'000};

class Run {
 public:
  explicit Run(NodeOptions options) : options_(std::move(options)) {}

  Outcome<> start() {
    auto begin = std::chrono::steady_clock::now();
    auto node = Node::start(options_,
                            [this, begin](const std::string& waiting_for) { say_ready(begin, waiting_for); });
    if (!node) return fail(node.error());
    node_ = std::move(*node);
    return {};
  }

  void stop() {
    if (std::exchange(stopping_, true)) {
      log::warn("told twice to stop: leaving at once");
      _exit(1);
    }
    notify_service_manager("STOPPING=1\nSTATUS=Draining");
    node_->stop([this] { stopped_ = true; });
  }
  void reopen_logs() { node_->reopen_logs(); }
  bool stopped() const { return stopped_; }

 private:
  void say_ready(std::chrono::steady_clock::time_point begin, const std::string& waiting_for) {
    auto ms = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin).count();
    if (waiting_for.empty())
      log::info("ready", {{"after_ms", ms}});
    else
      log::info("ready for the local API", {{"after_ms", ms}, {"waiting_for", waiting_for}});
    std::string message = "READY=1\nSTATUS=" + (waiting_for.empty() ? "Serving" : waiting_for);
    notify_service_manager(message);
  }

  NodeOptions options_;
  std::unique_ptr<Node> node_;
  bool stopping_ = false;
  bool stopped_ = false;
};

// Runs the loop until `done`, for at most `limit`.
bool run_for(Loop& loop, milliseconds limit, const std::function<bool()>& done) {
  bool late = false;
  Timer timer([](void* flag) { *static_cast<bool*>(flag) = true; }, &late);
  timer.start(limit);
  loop.run_until([&] { return late || done(); });
  return !late;
}

}  // namespace

Outcome<> run(NodeOptions options) {
  harden_process();
  StateDir state(options.state);
  if (!state.is_node())
    if (auto node = load_node_file(state); !node) return fail(node.error());
  if (auto ours = make_private_dir(state.root()); !ours) return ours;
  auto lock = StateLock::take(state.root());
  if (!lock) return fail(lock.error());

  Loop loop;
  Run process(std::move(options));
  // Signals that come while the node starts wait for the loop.
  SignalWatch term(SIGTERM, [&process] { process.stop(); });
  SignalWatch interrupt(SIGINT, [&process] { process.stop(); });
  SignalWatch hangup(SIGHUP, [&process] { process.reopen_logs(); });
  if (auto ok = process.start(); !ok) return ok;
  loop.run_until([&process] { return process.stopped(); });

  // The drain is over: what still waits for something is not waited for.
  if (!run_for(loop, kLastMoment, [&loop] { return loop.tasks() == 0; })) {
    log::info("stopped", {{"tasks_left", loop.tasks()}});
    fflush(nullptr);
    _exit(0);
  }
  log::info("stopped");
  return {};
}

}  // namespace meshd
