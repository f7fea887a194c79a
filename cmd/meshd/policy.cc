// SPDX-License-Identifier: Apache-2.0
// policy.cc: `meshd policy can FROM TO [METHOD PATH]`: may this caller make this request, and which line says so.
#include "control/file_tests.h"
#include "control/node_status.h"
#include "http/semantics.h"
#include "meshd/offline.h"
#include "meshd/policy_flows.h"
#include "snapshot/compare.h"
#include "snapshot/identity.h"

namespace meshd::cli {
namespace {

struct CanOptions {
  std::string from, to, method, target = "/", config;
};

Outcome<SnapshotPtr> snapshot_for(Globals& globals, const std::string& config, int& exit) {
  if (config.empty()) return snapshot_in_force(globals.state_dir());
  auto model = read_model(config, exit);
  if (!model) return SnapshotPtr();
  return compile(*model, imagined_nodes(*model), {});
}

// Exit 0: allowed; 8: denied.
int can(Globals& globals, const CanOptions& o) {
  int exit = kFailed;
  auto snapshot = snapshot_for(globals, o.config, exit);
  if (!snapshot) return failed(snapshot.error());
  if (!*snapshot) return exit;
  const Snapshot& s = **snapshot;
  auto from = model::parse_principal(o.from), to = model::parse_principal(o.to);
  if (!from || from->kind == model::Principal::any) {
    say("meshd: '" + o.from + "' is not a caller: write service/NAME, node/NAME or gateway");
    return kUsage;
  }
  const ServiceEntry* service = to && to->kind == model::Principal::service ? s.service(to->name) : nullptr;
  if (service == nullptr) {
    say("meshd: the mesh has no service '" + o.to + "'");
    return kNotFound;
  }
  std::string path = o.target;
  RequestFacts facts;
  facts.to = service;
  facts.from = s.principal(spiffe_id(s.model.mesh.trust_domain, *from));
  if (!o.method.empty()) {
    auto normal = normalise_path(path);
    if (!normal) {
      say(std::string("meshd: the path is refused: ") + normal.error().why);
      return kUsage;
    }
    if (normal->changed) path = *normal->changed;
    facts.method = o.method;
    facts.path = std::string_view(path).substr(0, path.find('?'));
  }
  Authorization a = authorize(s, *service, facts);
  std::string why = policy_words(s, a, Difference::none);
  std::string audit = a.audit_rule ? policy_words(s, a, Difference::audit) : std::string();
  int printed;
  if (globals.json()) {
    JsonObject out;
    out["apiVersion"] = json(kApiVersion);
    out["kind"] = json("PolicyAnswer");
    out["verdict"] = json(name_of(a.verdict));
    out["rule"] = json(a.rule ? a.rule->name : "default");
    out["line"] = json(int64_t{a.at.line});
    out["column"] = json(int64_t{a.at.column});
    out["why"] = json(why);
    if (!audit.empty()) out["audit"] = json(audit);
    printed = print_json(Json(std::move(out)));
  } else {
    printed = print(why + "\n" + (audit.empty() ? "" : audit + ", were it enforced\n"));
  }
  if (printed != kOk) return printed;
  return a.allowed() ? kOk : kDenied;
}

}  // namespace

void add_policy(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("policy", "Who may call whom");
  command->require_subcommand(1);
  command->fallthrough();
  auto o = std::make_shared<CanOptions>();
  auto* asked = command->add_subcommand(
      "can", "May this caller make this request, and which line says so. Exit 0: yes; 8: no");
  asked->add_option("from", o->from, "service/NAME, node/NAME or gateway")->required();
  asked->add_option("to", o->to, "service/NAME")->required();
  asked->add_option("method", o->method, "GET, POST, …; none: an opaque connection");
  asked->add_option("path", o->target, "Of the request");
  asked->add_option("--config", o->config, "A file to ask, instead of what this node acts on");
  auto since = std::make_shared<std::string>();
  auto* learn =
      command->add_subcommand("learn", "Write the least policy that allows what was seen (on a server)");
  learn->add_option("--since", *since, "How far back: 30m, 12h, 7d")->default_val("24h");
  learn->callback(
      [&globals, since] { globals.action = [&globals, since] { return learn_policy(globals, *since); }; });

  auto file = std::make_shared<std::string>();
  auto back = std::make_shared<std::string>();
  auto* simulate = command->add_subcommand(
      "simulate", "Which recorded flows a file would deny (on a server). Exit 6: some");
  simulate->add_option("file", *file, "The file; - for standard input")->required();
  simulate->add_option("--since", *back, "How far back: 30m, 12h, 7d")->default_val("30d");
  simulate->callback([&globals, file, back] {
    globals.action = [&globals, file, back] { return simulate_policy(globals, *file, *back); };
  });

  asked->callback([&globals, o] { globals.action = [&globals, o] { return can(globals, *o); }; });
}

}  // namespace meshd::cli
