// SPDX-License-Identifier: Apache-2.0
// policy_flows.cc: `meshd policy learn|simulate`: recorded flows to a policy, and a policy to what it would break.
#include "meshd/policy_flows.h"

#include <algorithm>

#include "base/clock.h"
#include "control/file_tests.h"
#include "control/learn.h"
#include "control/node_status.h"
#include "meshd/offline.h"
#include "meshd/server_call.h"
#include "meshd/table.h"
#include "snapshot/identity.h"

namespace meshd::cli {
namespace {

// The flows of the last `since`; nothing: `exit` says how to end.
std::optional<std::vector<SeenFlow>> flows_since(Globals& globals, const std::string& since, int& exit) {
  int64_t age = seconds_of(since);
  if (age < 0) {
    say("meshd: '" + since + "' is no time; it looks like 30m, 12h or 7d");
    exit = kUsage;
    return std::nullopt;
  }
  auto answer = ask_server_ok(globals, {.path = "/v1/flows?since=" + std::to_string(age)});
  if (!answer) {
    exit = failed(answer.error());
    return std::nullopt;
  }
  std::string silent;
  for (const Json& n : list_of(*answer, "silent")) silent += (silent.empty() ? "" : ", ") + n.to_str();
  if (!silent.empty()) say("without what these nodes have not reported yet: " + silent);
  return read_flows(*answer);
}

std::string age_words(const SeenFlow& f) { return format_time(f.first) + " to " + format_time(f.last); }

}  // namespace

int learn_policy(Globals& globals, const std::string& since) {
  int exit = kFailed;
  auto in_force = snapshot_in_force(globals.state_dir());
  if (!in_force) return failed(in_force.error());
  auto flows = flows_since(globals, since, exit);
  if (!flows) return exit;
  std::string text = "# Learned from " + std::to_string(flows->size()) + " flows of the last " + since +
                     ".\n" + learned_policy((*in_force)->model.mesh.trust_domain, *flows);
  if (int printed = print(text); printed != kOk) return printed;
  if (std::ranges::any_of((*in_force)->rules, [](const PolicyRule& r) { return r.token != nullptr; }))
    say("the policy in force asks for tokens, which flows do not keep: what is learned asks for none. Add "
        "its rules with jwt");
  say("put it in the place of the file's policy, and try it: meshd policy simulate FILE --since " + since);
  return kOk;
}

int simulate_policy(Globals& globals, const std::string& file, const std::string& since) {
  int exit = kFailed;
  auto model = read_model(file, exit);
  if (!model) return exit;
  auto flows = flows_since(globals, since, exit);
  if (!flows) return exit;
  SnapshotPtr candidate = compile(*model, imagined_nodes(*model), {});
  std::vector<BrokenFlow> broken = broken_by(*candidate, *flows);
  const std::string& domain = model->mesh.trust_domain;
  int printed;
  if (globals.json()) {
    JsonArray items;
    for (const BrokenFlow& b : broken) {
      JsonObject o;
      o["caller"] = json(principal_text(domain, b.flow->caller));
      o["service"] = json(b.flow->service);
      o["port"] = json(int64_t{b.flow->port});
      o["method"] = json(b.flow->method);
      o["path"] = json(b.flow->path);
      o["example"] = json(b.flow->example);
      o["count"] = json(static_cast<int64_t>(b.flow->count));
      o["first"] = json(b.flow->first);
      o["last"] = json(b.flow->last);
      o["why"] = json(b.why);
      items.push_back(Json(std::move(o)));
    }
    JsonObject out;
    out["apiVersion"] = json(kApiVersion);
    out["kind"] = json("PolicySimulation");
    out["flows"] = json(static_cast<int64_t>(flows->size()));
    out["broken"] = Json(std::move(items));
    printed = print_json(Json(std::move(out)));
  } else {
    std::vector<std::vector<std::string>> rows{
        {"CALLER", "SERVICE", "METHOD", "PATH", "COUNT", "SEEN", "WHY"}};
    for (const BrokenFlow& b : broken)
      rows.push_back({principal_text(domain, b.flow->caller), b.flow->service,
                      b.flow->method.empty() ? "-" : b.flow->method,
                      b.flow->path.empty() ? "-" : b.flow->path, std::to_string(b.flow->count),
                      age_words(*b.flow), b.why});
    printed = print(broken.empty() ? "" : format_table(rows));
    say(std::to_string(broken.size()) + " of " + std::to_string(flows->size()) + " flows would be denied");
  }
  if (printed != kOk) return printed;
  return broken.empty() ? kOk : kFindings;
}

}  // namespace meshd::cli
