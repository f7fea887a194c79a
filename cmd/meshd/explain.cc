// SPDX-License-Identifier: Apache-2.0
// explain.cc: `meshd explain --from service/batch GET http://web/v2/x`: what this node would do with a request, and why.
#include "base/file.h"
#include "control/admin_client.h"
#include "jwt/jws.h"
#include "meshd/replay.h"

namespace meshd::cli {
namespace {

struct Options {
  std::string from, server_name;
  std::vector<std::string> request, headers, claims;
  std::string issuer, token_file;
  ReplayOptions replay;
};

Outcome<Json> question(const Options& options) {
  JsonObject q;
  q["from"] = json(options.from);
  q["server_name"] = json(options.server_name);
  q["url"] = json(options.request.back());
  if (options.request.size() == 2) q["method"] = json(options.request.front());
  JsonArray headers;
  for (const std::string& h : options.headers) {
    size_t colon = h.find(':');
    if (colon == std::string::npos || colon == 0)
      return fail(Errc::invalid_argument, "'" + h + "' is not a header: write 'name: value'");
    size_t value = h.find_first_not_of(' ', colon + 1);
    headers.push_back(
        Json(JsonArray{json(h.substr(0, colon)), json(value == std::string::npos ? "" : h.substr(value))}));
  }
  q["headers"] = Json(std::move(headers));
  if (!options.token_file.empty()) {
    auto token = read_file(options.token_file, kTokenBytesMax);
    if (!token) return fail(token.error());
    q["token"] = json(token->substr(0, token->find_last_not_of(" \r\n\t") + 1));
  }
  if (!options.claims.empty() && options.issuer.empty())
    return fail(Errc::invalid_argument, "whose claims? --issuer NAME, one of the file's jwt");
  if (!options.issuer.empty()) q["issuer"] = json(options.issuer);
  JsonArray claims;
  for (const std::string& c : options.claims) {
    size_t equals = c.find('=');
    if (equals == std::string::npos || equals == 0)
      return fail(Errc::invalid_argument, "'" + c + "' is not a claim: write name=value");
    claims.push_back(Json(JsonArray{json(c.substr(0, equals)), json(c.substr(equals + 1))}));
  }
  q["claims"] = Json(std::move(claims));
  return Json(std::move(q));
}

std::string named(const Json& j) { return text_of(j, "name") + " (" + text_of(j, "at") + ")"; }

void add_policy(const Json& p, const std::string& indent, std::string& out) {
  if (!p.is<JsonObject>()) return;
  std::string rule = text_of(p, "rule");
  out += indent + "policy: " + text_of(p, "verdict") + " by " + (rule == "default" ? "" : "rule ") + rule +
         " (" + text_of(p, "at") + ")\n";
  if (flag_of(p, "token_missing"))
    out += indent + "        a token might help: without one the answer is 401\n";
  if (std::string audit = text_of(p, "audit_rule"); !audit.empty())
    out += indent + "        rule " + audit + " (" + text_of(p, "audit_at") + ") would " +
           text_of(p, "audit_verdict") + " it, were it enforced\n";
}

std::string tags_text(const Json& tags) {
  std::string out;
  if (!tags.is<JsonObject>()) return out;
  for (const auto& [key, value] : tags.get<JsonObject>())
    out += (out.empty() ? " {" : ", ") + key + ": " + value.to_str();
  return out.empty() ? out : out + "}";
}

void add_balance(const Json& b, std::string& out) {
  if (!b.is<JsonObject>()) return;
  out += "    balance: " + text_of(b, "policy");
  if (std::string key = text_of(b, "key"); !key.empty()) {
    out += " by " + key;
    if (std::string value = text_of(b, "value"); !value.empty())
      out += " ('" + value + "' belongs to " + text_of(b, "endpoint") + ")";
    if (std::string why = text_of(b, "why"); !why.empty()) out += "; " + why;
  }
  for (const char* limit : {"max_connections", "max_pending", "max_requests"})
    if (int64_t most = int_of(b, limit); most != 0)
      out += std::string(", ") + limit + " " + std::to_string(most);
  out += "\n";
  if (std::string panic = text_of(b, "panic"); !panic.empty()) out += "    panic: " + panic + "\n";
}

std::string group_text(const Json& c) {
  std::string group = text_of(c, "group");
  if (group.empty()) return group;
  return ", group " + group + " (" + text_of(c, "group_share") + " of the requests)";
}

std::string load_text(const Json& c) {
  std::string out;
  if (int64_t active = int_of(c, "active"); active != 0) out += ", " + std::to_string(active) + " under way";
  if (int64_t us = int_of(c, "latency_us"); us != 0) out += ", answers in " + std::to_string(us) + " us";
  return out;
}

std::string text(const Json& e) {
  std::string out;
  if (member(e, "service").is<JsonObject>()) out += "service: " + named(member(e, "service")) + "\n";
  for (const Json& r : list_of(e, "routes"))
    out += flag_of(r, "taken") ? "route " + named(r) + ": takes it\n"
                               : "route " + named(r) + ": " + text_of(r, "lost") + "\n";
  const Json& route = member(e, "route");
  if (std::string why = text_of(route, "quarantined"); !why.empty()) out += "  quarantined: " + why + "\n";
  for (const Json& a : list_of(route, "actions"))
    out += "  " + text_of(a, "action") + (text_of(a, "at").empty() ? "" : " (" + text_of(a, "at") + ")") +
           (text_of(a, "what").empty() ? "" : ": " + text_of(a, "what")) + "\n";
  for (const Json& arm : list_of(e, "arms")) {
    out += "  to " + text_of(arm, "service") + tags_text(member(arm, "tags")) + ", weight " +
           std::to_string(int_of(arm, "weight")) + " (" + text_of(arm, "at") + ")" +
           (flag_of(arm, "sticky") ? ", by its key" : "") + "\n";
    add_policy(member(arm, "policy"), "    ", out);
    if (std::string asks = text_of(arm, "authorizer"); !asks.empty())
      out += "    what policy allows is asked of " + asks + "\n";
    if (std::string id = text_of(arm, "identity"); !id.empty()) out += "    expects " + id + "\n";
    add_balance(member(arm, "balance"), out);
    for (const Json& c : list_of(arm, "candidates"))
      out += "    " + text_of(c, "address") + ":" + std::to_string(int_of(c, "port")) +
             (text_of(c, "node").empty() ? " outside the mesh" : " on " + text_of(c, "node")) + ", weight " +
             std::to_string(int_of(c, "weight")) + group_text(c) + ", " + text_of(c, "state") +
             (text_of(c, "why").empty() ? "" : ": " + text_of(c, "why")) + load_text(c) + " (" +
             text_of(c, "at") + ")\n";
  }
  add_policy(member(e, "policy"), "", out);
  std::string why = text_of(e, "why");
  return out + "verdict: " + text_of(e, "verdict") + (why.empty() ? "" : "; " + why) + "\n";
}

int run_explain(Globals& globals, const Options& options) {
  if (!options.replay.log.empty()) return run_replay(globals, options.replay);
  if (options.request.empty()) {
    say("meshd: explain what? [METHOD] http://SERVICE/PATH, or --replay FILE");
    return kUsage;
  }
  auto asked = question(options);
  if (!asked) return failed(asked.error());
  auto answer =
      ask_admin_ok(globals.state_dir(), {.method = "POST", .path = "/v1/explain", .body = to_text(*asked)});
  if (!answer) return failed(answer.error());
  return globals.json() ? print_json(*answer) : print(text(*answer));
}

}  // namespace

void add_explain(CLI::App& app, Globals& globals) {
  auto* command =
      app.add_subcommand("explain", "What this node would do with a request, and which line says so");
  auto options = std::make_shared<Options>();
  command->add_option("--from", options->from,
                      "The caller: service/NAME, node/NAME or gateway; none: nobody proven");
  command->add_option("-H,--header", options->headers, "A request header, 'name: value'")
      ->allow_extra_args(false);
  auto* token = command->add_option("--token-file", options->token_file,
                                    "A bearer token to show: it is verified as this node would");
  auto* issuer = command->add_option("--issuer", options->issuer,
                                     "As if a valid token of this one of the file's jwt came with it");
  command->add_option("--claim", options->claims, "What that token says, name=value")
      ->allow_extra_args(false);
  token->excludes(issuer);
  command->add_option("--sni", options->server_name, "Server name that an opaque connection asks for");
  command->add_option("request", options->request, "[METHOD] http://SERVICE/PATH, or tcp://SERVICE")
      ->expected(1, 2);
  auto* replay = command->add_option("--replay", options->replay.log,
                                     "Decide requests of an access log again, and say what would change; - "
                                     "for standard input. Exit 6: something would");
  command->add_option("--config", options->replay.candidate, "With --replay: the file to decide by")
      ->needs(replay);
  command
      ->add_option("--base", options->replay.base,
                   "With --replay: the file to compare with, instead of what this node acts on")
      ->needs(replay);
  command->add_flag("--all", options->replay.all, "With --replay: list every request that changes")
      ->needs(replay);
  command->callback([&globals, options] {
    globals.action = [&globals, options] { return run_explain(globals, *options); };
  });
}

}  // namespace meshd::cli
