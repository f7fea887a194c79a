// SPDX-License-Identifier: Apache-2.0
// live_config.h: what this node acts on now, and the way a newer one takes its place:
//   from_objects → compile → identities of new workloads → last good on disk → swap on every data loop.
// Either the whole way succeeds or the node stays with what it had. Belongs to the control thread.
#pragma once
#include <functional>
#include <vector>

#include "base/clock.h"
#include "control/last_good.h"
#include "loop/task.h"
#include "proxy/data_loops.h"
#include "snapshot/snapshot.h"

namespace meshd {

class LiveConfig {
 public:
  // What DataLoops::swap does.
  using Swap = std::function<void(SnapshotPtr, std::function<void(std::vector<ListenProblem>)>)>;
  // Runs before a snapshot takes effect, so that its new workloads can be served from the first request on.
  using Prepare = std::function<Task<void>(SnapshotPtr)>;
  using Watcher = std::function<void(const SnapshotPtr&)>;

  LiveConfig(LastGood store, Swap swap, const Clock& clock)
      : store_(std::move(store)), swap_(std::move(swap)), clock_(clock) {}

  // Before it is used, once each.
  void prepare_with(Prepare prepare) { prepare_ = std::move(prepare); }
  // Called when another snapshot is in effect. Watchers live as long as this.
  void watch(Watcher watcher) { watchers_.push_back(std::move(watcher)); }

  // At start: acts on what is on disk; false when there is nothing usable. `placed` runs when every loop has it.
  bool restore(std::function<void()> placed);
  // Makes `next` what the node acts on; returns when every loop does. Errors: invalid_argument (an object that this
  // version does not understand). One at a time.
  Task<Outcome<>> take(SealedSnapshot next);

  const SnapshotPtr& snapshot() const { return snapshot_; }  // null: none yet
  // With revision 0 and no objects as long as there is none.
  const SealedSnapshot& sealed() const { return sealed_; }
  UnixSeconds since() const { return since_; }
  // Listeners of the snapshot that could not be put in place.
  const std::vector<ListenProblem>& listen_problems() const { return listen_problems_; }
  // Why the snapshot on disk is not the one in effect; empty when it is.
  const std::string& storage_problem() const { return storage_problem_; }

 private:
  void placed(SnapshotPtr snapshot, std::vector<ListenProblem> problems);

  LastGood store_;
  Swap swap_;
  const Clock& clock_;
  Prepare prepare_;
  std::vector<Watcher> watchers_;

  SnapshotPtr snapshot_;
  SealedSnapshot sealed_ = seal({});
  UnixSeconds since_ = 0;
  std::vector<ListenProblem> listen_problems_;
  std::string storage_problem_;
};

}  // namespace meshd
