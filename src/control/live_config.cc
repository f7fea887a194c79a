// SPDX-License-Identifier: Apache-2.0
#include "control/live_config.h"

#include <utility>

#include "base/log.h"

namespace meshd {
namespace {

Outcome<SnapshotPtr> compile_objects(const StoredSnapshot& stored) {
  auto desired = from_objects(stored.objects);
  if (!desired) return fail(desired.error());
  return compile(desired->model, desired->nodes, stored.revision);
}

}  // namespace

bool LiveConfig::restore(std::function<void()> when_placed) {
  auto loaded = store_.load();
  if (!loaded.warning.empty()) {
    log::warn("the stored snapshot cannot be used as it is", {{"why", loaded.warning}});
    storage_problem_ = loaded.warning;
  }
  if (!loaded.snapshot) return false;
  auto snapshot = compile_objects(loaded.snapshot->stored);
  if (!snapshot) {
    // Written by a newer meshd: acting on the part that is understood could allow what it forbids.
    log::error("the stored snapshot cannot be used", {{"why", snapshot.error().what}});
    storage_problem_ = snapshot.error().what;
    return false;
  }
  sealed_ = std::move(*loaded.snapshot);
  snapshot_ = *snapshot;
  since_ = clock_.unix_now();
  swap_(*snapshot,
        [this, s = *snapshot, when_placed = std::move(when_placed)](std::vector<ListenProblem> problems) {
          placed(s, std::move(problems));
          when_placed();
        });
  return true;
}

Task<Outcome<>> LiveConfig::take(SealedSnapshot next) {
  auto compiled = compile_objects(next.stored);
  if (!compiled) co_return fail(compiled.error());
  const SnapshotPtr& snapshot = *compiled;
  if (prepare_) {
    Task<void> prepared = prepare_(snapshot);
    co_await prepared;
  }

  // A full disk does not keep a node from following its policies; only a restart would find the older ones.
  auto saved = store_.save(next);
  storage_problem_ = saved ? "" : saved.error().what;
  if (!saved) log::warn("the snapshot is in use but not stored", {{"why", saved.error().what}});

  // From here on this is what the node acts on.
  snapshot_ = snapshot;
  sealed_ = std::move(next);
  since_ = clock_.unix_now();
  Op<std::vector<ListenProblem>> swapped;
  swap_(snapshot, [&swapped](std::vector<ListenProblem> problems) { swapped.complete(std::move(problems)); });
  auto problems = co_await swapped;
  placed(snapshot, std::move(problems));
  co_return Outcome<>();
}

void LiveConfig::placed(SnapshotPtr snapshot, std::vector<ListenProblem> problems) {
  for (const ListenProblem& p : problems)
    log::warn("a listener is not in place", {{"listener", p.listener}, {"why", p.what}});
  for (const Quarantined& q : snapshot->quarantined)
    log::warn("quarantined: it does not resolve and denies",
              {{"kind", q.kind}, {"name", q.name}, {"why", q.status}});
  listen_problems_ = std::move(problems);
  for (const Watcher& watcher : watchers_) watcher(snapshot);
}

}  // namespace meshd
