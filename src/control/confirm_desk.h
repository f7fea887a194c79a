// SPDX-License-Identifier: Apache-2.0
// confirm_desk.h: the server's part of `meshd apply --confirm`: one revision at most waits for `meshd confirm`; meanwhile no
// other change is taken. When its time is over, or a node says that its guard broke, the text of before is a new
// revision: a node that went back alone and the server agree again. Kept in the store; nodes have a part of their own (trial.h).
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "control/publish.h"
#include "control/trial.h"

namespace meshd {

inline constexpr int64_t kConfirmMax = 86'400;  // seconds

class ConfirmDesk {
 public:
  // `tell`: what nodes must hear of it changed.
  ConfirmDesk(store::Store& store, Publisher& publisher, const Clock& clock, std::function<void()> tell)
      : store_(store), publisher_(publisher), clock_(clock), tell_(std::move(tell)) {}

  // What the store has, taken back where its time has passed; from here on the publisher asks before it takes a change. Errors: those of the store.
  Outcome<> load();

  struct Order {
    int64_t seconds = 0;
    std::string guard;
    uint64_t min_requests = 0;
  };
  // As Publisher::publish, on trial. Errors: also conflict (one waits already), invalid_argument (there is nothing to go back to).
  Outcome<Published> apply(Change change, const Order& order);
  // It stays. Errors: not_found (none waits), those of the store.
  Outcome<Revision> confirm(const std::string& by);
  // It goes, now. Errors: as confirm, and as Publisher::publish.
  Outcome<Published> take_back(const std::string& by, const std::string& why);
  // A node went back because of its guard.
  void went_back(const std::string& node, Revision revision, const std::string& why);
  // Once per second.
  void tick();

  // The line for nodes (protocol.h), as of now.
  std::string line() const;
  // {"revision","before","seconds_left","deadline","guard","by"}; null: none waits.
  Json json() const;

 private:
  struct Pending {
    Revision revision, before;
    UnixSeconds deadline = 0;
    Order order;
    std::string by;
  };
  int64_t seconds_left() const;

  store::Store& store_;
  Publisher& publisher_;
  const Clock& clock_;
  std::function<void()> tell_;
  std::optional<Pending> pending_;
};

}  // namespace meshd
