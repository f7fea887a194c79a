// SPDX-License-Identifier: Apache-2.0
// ca_trust.cc: `meshd ca rotate|abort|deny|allow|denied`: another root, and what is refused before its end.
#include "app/harden.h"
#include "base/clock.h"
#include "base/file.h"
#include "ca/generation.h"
#include "meshd/ca.h"
#include "meshd/server_call.h"
#include "meshd/table.h"

namespace meshd::cli {
namespace {

struct RotateOptions {
  bool force = false;
  std::string cert, key;
};

int rotate(Globals& globals, const RotateOptions& o) {
  harden_process();
  JsonObject body;
  body["force"] = Json(o.force);
  if (o.cert.empty() != o.key.empty()) {
    say("meshd: give --ca-cert and --ca-key together, or neither");
    return kUsage;
  }
  if (!o.cert.empty()) {
    auto given = read_ca_import(o.cert, o.key, nullptr);
    if (!given) return failed(given.error());
    body["chain"] = json(given->chain.to_pem());
    body["key"] = json(given->key->to_pem());
  }
  std::string text = to_text(Json(std::move(body)));
  auto ca = ask_server_ok(globals, {.method = "POST", .path = "/v1/ca/rotate", .body = text});
  wipe(text);
  if (!ca) return failed(ca.error());
  if (globals.json()) return print_json(*ca);
  const Json& rotation = member(*ca, "rotation");
  std::string waits;
  for (const Json& n : list_of(rotation, "waiting_for"))
    if (flag_of(n, "away")) waits += (waits.empty() ? "" : ", ") + text_of(n, "node");
  if (!waits.empty())
    say(o.force ? "not waited for, because they are away: " + waits +
                      "; whoever comes back after the old root is gone joins again with a new token"
                : "these nodes are away and are waited for: " + waits + "; go on without them with --force");
  return print("phase " + text_of(rotation, "phase") + "; see `meshd ca status`\n");
}

int post(Globals& globals, const std::string& path, JsonObject body, const std::string& said) {
  auto answer =
      ask_server_ok(globals, {.method = "POST", .path = path, .body = to_text(Json(std::move(body)))});
  if (!answer) return failed(answer.error());
  if (globals.json()) return print_json(*answer);
  say(said);
  return kOk;
}

struct Target {
  std::string serial, identity, node, why;
};

// The one that was given, as kind and value.
std::optional<JsonObject> body_of(const Target& t) {
  JsonObject body;
  int given = 0;
  for (auto& [kind, value] : {std::pair("serial", t.serial), {"identity", t.identity}, {"node", t.node}}) {
    if (value.empty()) continue;
    ++given;
    body["kind"] = json(kind);
    body["value"] = json(value);
  }
  if (!t.why.empty()) body["why"] = json(t.why);
  if (given == 1) return body;
  say("meshd: name one of --serial, --identity and --node");
  return std::nullopt;
}

int change(Globals& globals, const Target& t, bool deny) {
  auto body = body_of(t);
  if (!body) return kUsage;
  std::string what = text_of(Json(*body), "kind") + " " + text_of(Json(*body), "value");
  return post(globals, deny ? "/v1/ca/deny" : "/v1/ca/allow", std::move(*body),
              what + (deny ? " is refused by every node from now on" : " is not refused any more"));
}

int denied(Globals& globals) {
  auto answer = ask_server_ok(globals, {.path = "/v1/ca/denied"});
  if (!answer) return failed(answer.error());
  if (globals.json()) return print_json(*answer);
  std::vector<std::vector<std::string>> rows{{"KIND", "VALUE", "UNTIL", "SINCE", "BY", "WHY"}};
  auto or_dash = [](std::string text) { return text.empty() ? std::string("-") : text; };
  for (const Json& d : list_of(*answer, "denied")) {
    UnixSeconds until = int_of(d, "until");
    rows.push_back({text_of(d, "kind"), text_of(d, "value"), until == 0 ? "lifted" : format_time(until),
                    format_time(int_of(d, "time")), or_dash(text_of(d, "who")), or_dash(text_of(d, "why"))});
  }
  return print(format_table(rows));
}

void add_target(CLI::App* command, const std::shared_ptr<Target>& t) {
  command->add_option("--serial", t->serial, "A certificate, by its serial number");
  command->add_option("--identity", t->identity, "A SPIFFE ID, whatever certificate shows it");
  command->add_option("--node", t->node, "A node, with every certificate it holds");
}

}  // namespace

void add_ca_trust(CLI::App& ca, Globals& globals) {
  auto o = std::make_shared<RotateOptions>();
  auto* rotated =
      ca.add_subcommand("rotate", "Replace the root: both are trusted until every node has moved");
  rotated->add_flag("--force", o->force, "Do not wait for nodes that are away");
  rotated->add_option("--ca-cert", o->cert, "The next CA, made elsewhere: its certificate with the chain");
  rotated->add_option("--ca-key", o->key, "Its key");
  rotated->callback([&globals, o] { globals.action = [&globals, o] { return rotate(globals, *o); }; });
  auto* aborted = ca.add_subcommand("abort", "Take a rotation back, as long as the next root does not sign");
  aborted->callback([&globals] {
    globals.action = [&globals] { return post(globals, "/v1/ca/abort", {}, "the rotation is taken back"); };
  });

  auto d = std::make_shared<Target>();
  auto* deny =
      ca.add_subcommand("deny", "Refuse a certificate, an identity or a node, on every node at once");
  add_target(deny, d);
  deny->add_option("--reason", d->why, "Why, for the list and the audit log");
  deny->callback([&globals, d] { globals.action = [&globals, d] { return change(globals, *d, true); }; });
  auto a = std::make_shared<Target>();
  auto* allow = ca.add_subcommand("allow", "Lift what was denied");
  add_target(allow, a);
  allow->callback([&globals, a] { globals.action = [&globals, a] { return change(globals, *a, false); }; });
  auto* listed = ca.add_subcommand("denied", "List what is denied");
  listed->callback([&globals] { globals.action = [&globals] { return denied(globals); }; });
}

}  // namespace meshd::cli
