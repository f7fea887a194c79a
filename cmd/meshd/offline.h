// SPDX-License-Identifier: Apache-2.0
// offline.h: snapshots for commands that decide without a daemon: of a file, or of what this node acts on.
#pragma once
#include <optional>

#include "meshd/command.h"
#include "snapshot/snapshot.h"

namespace meshd::cli {

// The file's model; nothing after its findings were printed, or why it cannot be read: `exit` says how to end then.
std::optional<model::Model> read_model(const std::string& path, int& exit);
// The last snapshot that this node took. Errors: not_found, and those of the state directory.
Outcome<SnapshotPtr> snapshot_in_force(const StateDir& state);

}  // namespace meshd::cli
