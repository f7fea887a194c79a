// SPDX-License-Identifier: Apache-2.0
#include "meshd/offline.h"

#include "base/limits.h"
#include "control/last_good.h"
#include "model/config.h"

namespace meshd::cli {

std::optional<model::Model> read_model(const std::string& path, int& exit) {
  auto text = read_text(path, kConfigBytesMax);
  if (!text) {
    exit = failed(text.error());
    return std::nullopt;
  }
  model::ParsedConfig parsed = model::parse_config(*text, base_name(path));
  if (parsed.model) return std::move(parsed.model);
  fputs(model::render(parsed.diagnostics, path == "-" ? "standard input" : path, *text).c_str(), stderr);
  say(model::summary(parsed.diagnostics));
  exit = kInvalidConfig;
  return std::nullopt;
}

Outcome<SnapshotPtr> snapshot_in_force(const StateDir& state) {
  auto loaded = LastGood(state.root() + "/snapshot").load();
  if (!loaded.snapshot)
    return fail(Errc::not_found, state.root() + " holds no configuration that was in use" +
                                     (loaded.warning.empty() ? "" : ": " + loaded.warning));
  auto desired = from_objects(loaded.snapshot->stored.objects);
  if (!desired) return fail(desired.error());
  return compile(desired->model, desired->nodes, loaded.snapshot->stored.revision);
}

}  // namespace meshd::cli
