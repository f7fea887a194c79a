// SPDX-License-Identifier: Apache-2.0
// confirm.cc: `meshd confirm`: what `meshd apply --confirm` published stays; `--back` takes it back now.
#include "meshd/published.h"

namespace meshd::cli {
namespace {

struct ConfirmOptions {
  bool back = false;
  int timeout_s = 30;
};

int run_confirm(Globals& globals, const ConfirmOptions& o) {
  auto until = SteadyClock::now() + std::chrono::seconds(o.timeout_s);
  JsonObject body;
  body["back"] = Json(o.back);
  auto answer = ask_server_ok(globals, {.method = "POST",
                                        .path = "/v1/confirm",
                                        .body = to_text(Json(std::move(body))),
                                        .limit = milliseconds(60'000)});
  if (!answer) return failed(answer.error());
  if (!o.back) {
    if (globals.json()) return print_json(*answer);
    say("revision " + std::to_string(int_of(*answer, "revision")) + " is confirmed");
    return kOk;
  }
  if (!globals.json())
    if (int printed = print(text_of(*answer, "diff")); printed != kOk) return printed;
  return await_nodes(globals, *answer, until);
}

}  // namespace

void add_confirm(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("confirm", "Keep what `apply --confirm` published (on a server)");
  auto o = std::make_shared<ConfirmOptions>();
  command->add_flag("--back", o->back, "Take it back, now");
  command->add_option("--timeout", o->timeout_s, "Seconds to wait for the nodes, with --back")
      ->check(CLI::Range(0, 86'400))
      ->capture_default_str();
  command->callback([&globals, o] { globals.action = [&globals, o] { return run_confirm(globals, *o); }; });
}

}  // namespace meshd::cli
