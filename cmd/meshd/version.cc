// SPDX-License-Identifier: Apache-2.0
#include "meshd/command.h"

namespace meshd::cli {

void add_version(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("version", "Print the version of this program");
  command->callback([&globals] {
    globals.action = [&globals] {
      if (!globals.json()) return print("meshd " MESHD_VERSION "\n");
      JsonObject out;
      out["version"] = json(MESHD_VERSION);
      return print_json(Json(std::move(out)));
    };
  });
}

}  // namespace meshd::cli
