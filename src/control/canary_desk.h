// SPDX-License-Identifier: Apache-2.0
// canary_desk.h: moves the weights of routes, by hand or by itself, as edits of the mesh's file. A run lives here and in the
// store: it goes on without the terminal that began it, and after a restart of the server.
//
//   run: step → every connected node acts on it (settled) → its figures from there on → guards hold for `every` and at least
//        `min_requests` → next step … 100 % → promoted.   A guard that breaks → the weights of before → aborted.
//        The route was edited by somebody else → stopped, the edit stays.
#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

#include "control/canary.h"
#include "control/change_signal.h"
#include "control/publish.h"
#include "control/split_plan.h"

namespace meshd {

inline constexpr size_t kCanariesMax = 100;  // routes that are kept, ended ones too; the oldest end goes
inline constexpr size_t kCanaryEventsMax = 200;
inline constexpr uint64_t kCanaryRequests = 100;  // --min-requests where nothing is said
inline constexpr milliseconds kSettleMax{
    10'000};  // nodes that have not acted on a step by then are not waited for
inline constexpr milliseconds kRestoreWithin{
    5'000};  // then weights are put back although the file holds a broken edit

class CanaryDesk {
 public:
  // `watch` is told whose arms nodes shall report.
  CanaryDesk(store::Store& store, Registry& registry, Publisher& publisher, const Clock& clock,
             std::function<void(const std::set<std::string>& routes)> watch)
      : store_(store), registry_(registry), publisher_(publisher), clock_(clock), watch_(std::move(watch)) {}

  // What the store has. Errors: those of the store.
  Outcome<> load();

  struct RunOrder {
    std::string route, arm, by;
    double step = 10;  // percent
    milliseconds every{60'000};
    std::string guard;
    uint64_t min_requests = kCanaryRequests;
  };
  // Errors of all four: not_found, conflict, invalid_argument, unsupported (the text cannot be edited in place), those of
  // Publisher::publish. Each gives the canary as status() does, with "diff".
  Outcome<Json> run(const RunOrder& order);
  Outcome<Json> set(const std::string& route, const std::vector<Share>& shares, const std::string& by);
  Outcome<Json> promote(const std::string& route, const std::string& by);
  Outcome<Json> abort(const std::string& route, const std::string& by);

  // {"canaries": […]}, by route.
  Json list() const;
  Outcome<Json> status(const std::string& route) const;
  bool any_running() const;

  // A node's {"type":"arms"} line.
  void report(const std::string& node, const Json& line);
  // Once per second.
  void tick();

  // Something of a canary is not what it was.
  ChangeSignal changed;

 private:
  struct Report {
    int64_t epoch = 0;
    ArmFigures arms;
  };
  // Of the step under way; begins anew when the server does.
  struct Step {
    Instant begun;
    bool settled = false;
    std::map<std::string, Report> base;  // by node: its sums when the step had settled
    std::optional<std::string> breach;   // weights are about to go back
    Instant breach_at;
    std::string waiting;  // what it waits for, for people
  };

  Json shown(const Canary& canary) const;
  Outcome<Json> done(const Canary& canary, const Published& published) const;
  Outcome<Published> publish(Canary& canary, const std::string& text, const Change& like);
  Outcome<Published> move_to(Canary& canary, double percent, const std::string& by, const std::string& why);
  Outcome<Published> put_back(Canary& canary, const std::string& by, const std::string& why, bool leave_file);
  void end(Canary& canary, CanaryState state, const std::string& reason);
  void note(Canary& canary, std::string what, std::string text);
  bool still_ours(Canary& canary);
  bool settled(const Step& step) const;
  Figures figures(const Canary& canary, const Step& step) const;
  void advance(Canary& canary, Step& step);
  void tick_one(Canary& canary);
  Outcome<> save() const;
  void saved();
  void follow();

  store::Store& store_;
  Registry& registry_;
  Publisher& publisher_;
  const Clock& clock_;
  std::function<void(const std::set<std::string>&)> watch_;
  std::map<std::string, Canary> canaries_;  // by route
  std::map<std::string, Step> steps_;       // by route, of those that run
  std::map<std::string, Report> reports_;   // by node, the newest
};

}  // namespace meshd
