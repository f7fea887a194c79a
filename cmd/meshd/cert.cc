// SPDX-License-Identifier: Apache-2.0
// cert.cc: `meshd cert show|rotate` on any node, `meshd cert list|revoke` on a server.
#include "base/clock.h"
#include "control/admin_client.h"
#include "meshd/server_call.h"
#include "meshd/table.h"

namespace meshd::cli {
namespace {

int print_held(Globals& globals, const Json& list) {
  if (globals.json()) return print_json(list);
  std::vector<std::vector<std::string>> rows{
      {"NAME", "ID", "STATE", "LEFT", "RENEWED FROM", "SERIAL", "PROBLEM"}};
  auto or_dash = [](std::string text) { return text.empty() ? std::string("-") : text; };
  for (const Json& c : list_of(list, "items"))
    rows.push_back({text_of(c, "name"), text_of(c, "id"), text_of(c, "state"),
                    format_duration(std::chrono::seconds(int_of(c, "seconds_left"))),
                    or_dash(text_of(c, "renew_at")), or_dash(text_of(c, "serial")),
                    or_dash(text_of(c, "problem"))});
  return print(format_table(rows));
}

int show(Globals& globals) {
  auto list = ask_admin_ok(globals.state_dir(), {.path = "/v1/get/certs"});
  return list ? print_held(globals, *list) : failed(list.error());
}

int rotate(Globals& globals, const std::string& name) {
  JsonObject body;
  body["name"] = json(name);
  auto list =
      ask_admin_ok(globals.state_dir(),
                   {.method = "POST", .path = "/v1/certs/rotate", .body = to_text(Json(std::move(body)))});
  return list ? print_held(globals, *list) : failed(list.error());
}

int list(Globals& globals, int64_t limit) {
  auto answer = ask_server_ok(globals, {.path = "/v1/ca/certificates?limit=" + std::to_string(limit)});
  if (!answer) return failed(answer.error());
  if (globals.json()) return print_json(*answer);
  UnixSeconds now = Clock::system().unix_now();
  std::vector<std::vector<std::string>> rows{{"SERIAL", "ID", "NODE", "ISSUED", "ENDS", "STATE"}};
  for (const Json& c : list_of(*answer, "certificates")) {
    UnixSeconds end = int_of(c, "not_after");
    rows.push_back({text_of(c, "serial"), text_of(c, "id"), text_of(c, "node"),
                    format_time(int_of(c, "issued")), format_time(end),
                    flag_of(c, "denied") ? "revoked"
                    : end < now          ? "expired"
                                         : "good"});
  }
  return print(format_table(rows));
}

int revoke(Globals& globals, const std::string& serial, const std::string& why) {
  JsonObject body;
  body["kind"] = json("serial");
  body["value"] = json(serial);
  body["why"] = json(why);
  auto answer = ask_server_ok(
      globals, {.method = "POST", .path = "/v1/ca/deny", .body = to_text(Json(std::move(body)))});
  if (!answer) return failed(answer.error());
  if (globals.json()) return print_json(*answer);
  say("certificate " + serial +
      " is revoked: every node that is connected refuses it now, others when they are back; its node may "
      "renew. To keep a node out: meshd node remove NAME");
  return kOk;
}

}  // namespace

void add_cert(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("cert", "Certificates of this node, and on a server of all");
  command->require_subcommand(1);
  command->fallthrough();
  auto* shown = command->add_subcommand("show", "Show what this node holds");
  shown->callback([&globals] { globals.action = [&globals] { return show(globals); }; });
  auto name = std::make_shared<std::string>();
  auto* rotated = command->add_subcommand("rotate", "Renew now, whatever the age");
  rotated->add_option("name", *name, "One of `meshd cert show`: node, svc.web; without it all");
  rotated->callback(
      [&globals, name] { globals.action = [&globals, name] { return rotate(globals, *name); }; });
  auto limit = std::make_shared<int64_t>(100);
  auto* listed =
      command->add_subcommand("list", "List what the authority signed, newest first (on a server)");
  listed->add_option("--limit", *limit, "How many")->check(CLI::Range(1, 1000))->capture_default_str();
  listed->callback(
      [&globals, limit] { globals.action = [&globals, limit] { return list(globals, *limit); }; });
  auto serial = std::make_shared<std::string>();
  auto why = std::make_shared<std::string>();
  auto* revoked = command->add_subcommand("revoke", "Refuse one certificate from now on (on a server)");
  revoked->add_option("serial", *serial, "Its serial number, from `meshd cert list`")->required();
  revoked->add_option("--reason", *why, "Why, for the list and the audit log");
  revoked->callback([&globals, serial, why] {
    globals.action = [&globals, serial, why] { return revoke(globals, *serial, *why); };
  });
}

}  // namespace meshd::cli
