// SPDX-License-Identifier: Apache-2.0
// ca.cc: `meshd ca …`: the mesh's certificate authority.
#include "meshd/ca.h"

#include "base/clock.h"
#include "meshd/server_call.h"
#include "meshd/table.h"
#include "tls/certificate.h"
#include "tls/key_file.h"

namespace meshd::cli {
namespace {

std::string life(const Json& certificate) {
  UnixSeconds end = int_of(certificate, "not_after"), left = end - Clock::system().unix_now();
  return "until " + format_time(end) + ", " +
         (left > 0 ? format_duration(std::chrono::seconds(left)) + " left" : std::string("expired")) +
         ", serial " + text_of(certificate, "serial");
}

int status(Globals& globals) {
  auto ca = ask_server_ok(globals, {.path = "/v1/ca"});
  if (!ca) return failed(ca.error());
  if (globals.json()) return print_json(*ca);
  std::vector<std::vector<std::string>> rows;
  rows.push_back({"trust domain", text_of(*ca, "trust_domain")});
  rows.push_back({"root", life(member(*ca, "root"))});
  rows.push_back({"pin", text_of(*ca, "pin")});
  rows.push_back({"issuing", life(member(*ca, "issuing"))});
  rows.push_back(
      {"root key", flag_of(*ca, "root_key_here")
                       ? "on this server: the issuing certificate is replaced by itself"
                       : "elsewhere: `meshd ca request`, `sign-intermediate` there, `install` here"});
  const Json& rotation = member(*ca, "rotation");
  std::string phase = text_of(rotation, "phase");
  rows.push_back({"rotation", phase == "none"
                                  ? "none under way"
                                  : "phase " + phase + " since " + format_time(int_of(rotation, "since"))});
  if (std::string problem = text_of(rotation, "problem"); !problem.empty())
    rows.push_back({"problem", problem});
  for (const Json& n : list_of(rotation, "waiting_for"))
    rows.push_back(
        {flag_of(n, "skipped") ? "not waited for" : "waits for",
         text_of(n, "node") + ", which " + text_of(n, "lacks") + (flag_of(n, "away") ? " and is away" : "")});
  rows.push_back({"denied", std::to_string(int_of(*ca, "denied"))});
  rows.push_back({"keys", flag_of(*ca, "sealed") ? "sealed with the host key"
                                                 : "in the clear; --host-key FILE seals them"});
  return print(format_table(rows));
}

int rotate_issuing(Globals& globals) {
  auto answer = ask_server_ok(globals, {.method = "POST", .path = "/v1/ca/issuing/rotate"});
  if (!answer) return failed(answer.error());
  if (globals.json()) return print_json(*answer);
  return print("issuing certificate " + life(member(*answer, "issuing")) + "\n");
}

int request(Globals& globals) {
  auto answer = ask_server_ok(globals, {.method = "POST", .path = "/v1/ca/issuing/request"});
  if (!answer) return failed(answer.error());
  if (globals.json()) return print_json(*answer);
  say("where the root key is: meshd ca sign-intermediate REQUEST --cert root.crt --key root.key > "
      "issuing.crt");
  return print(text_of(*answer, "csr"));
}

int install(Globals& globals, const std::string& path) {
  auto text = read_text(path, kPemFileMax);
  if (!text) return failed(text.error());
  JsonObject body;
  body["chain"] = json(*text);
  auto answer = ask_server_ok(
      globals, {.method = "POST", .path = "/v1/ca/issuing/install", .body = to_text(Json(std::move(body)))});
  if (!answer) return failed(answer.error());
  if (globals.json()) return print_json(*answer);
  return print("issuing certificate " + life(member(*answer, "issuing")) + "\n");
}

int export_bundle(Globals& globals) {
  auto answer = ask_server_ok(globals, {.path = "/v1/ca/export"});
  if (!answer) return failed(answer.error());
  return globals.json() ? print_json(*answer) : print(text_of(*answer, "bundle"));
}

}  // namespace

void add_ca(CLI::App& app, Globals& globals) {
  auto* ca = app.add_subcommand("ca", "The certificate authority of the mesh");
  ca->require_subcommand(1);
  ca->fallthrough();
  add_ca_files(*ca, globals);
  add_ca_trust(*ca, globals);

  auto* shown = ca->add_subcommand("status", "Show roots, issuing certificate, and how a rotation goes");
  shown->callback([&globals] { globals.action = [&globals] { return status(globals); }; });
  auto* issuing = ca->add_subcommand("rotate-issuing", "Replace the issuing certificate now");
  issuing->callback([&globals] { globals.action = [&globals] { return rotate_issuing(globals); }; });
  auto* asked =
      ca->add_subcommand("request", "Print a request for the next issuing certificate (root key elsewhere)");
  asked->callback([&globals] { globals.action = [&globals] { return request(globals); }; });
  auto path = std::make_shared<std::string>();
  auto* installed = ca->add_subcommand("install", "Take the issuing certificate signed for the request");
  installed->add_option("file", *path, "Certificate with its chain; - for standard input")->required();
  installed->callback(
      [&globals, path] { globals.action = [&globals, path] { return install(globals, *path); }; });
  auto* exported = ca->add_subcommand("export", "Print the roots that nodes trust (PEM)");
  exported->callback([&globals] { globals.action = [&globals] { return export_bundle(globals); }; });
}

}  // namespace meshd::cli
