// SPDX-License-Identifier: Apache-2.0
#include "control/file_tests.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "snapshot/decide.h"
#include "snapshot/identity.h"
#include "snapshot/snapshot.h"

namespace meshd {
namespace {

// A finding of model/diagnostics.h's kind, for what only a decision can tell.
constexpr const char* kTestFailed = "MD4001";

bool has_tags(const model::Tags& have, const model::Tags& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& t) {
    auto found = have.find(t.first);
    return found != have.end() && found->second == t.second;
  });
}

std::string words_of(const model::Tags& tags) {
  std::string out;
  for (const auto& [key, value] : tags) out += (out.empty() ? "" : ", ") + key + "=" + value;
  return "{" + out + "}";
}

class TestRun {
 public:
  explicit TestRun(const Snapshot& snapshot) : snapshot_(snapshot) {}

  // What does not hold; empty when all does.
  std::vector<std::string> run(const model::Test& test) {
    auto header = [&test](std::string_view name) -> std::optional<std::string_view> {
      for (const auto& [key, value] : test.headers)
        if (key == name) return value;
      return std::nullopt;
    };
    RequestFacts facts;
    facts.from = snapshot_.principal(spiffe_id(snapshot_.model.mesh.trust_domain, test.from));
    facts.method = test.method;
    facts.path = test.path;
    facts.query = test.query;
    facts.host = test.host;
    facts.headers = FieldLookup(header);
    model::Token token = token_saying(test.token);
    if (test.token.wanted()) facts.token = &token;
    Decision d = decide(snapshot_, facts);

    std::vector<std::string> wrong;
    if (!d.service) return {"there is no service '" + test.host + "'"};
    if (test.denied_by)
      judge(wrong, "denied by " + *test.denied_by, !d.policy.allowed() && by(d) == *test.denied_by, d);
    if (test.allowed_by)
      judge(wrong, "allowed by " + *test.allowed_by, d.policy.allowed() && by(d) == *test.allowed_by, d);
    if (test.route) {
      std::string got = d.routing.route ? d.routing.route->name : "";
      if (got != *test.route)
        wrong.push_back("expected route " + *test.route + ", got " + route_text(snapshot_, d.routing));
    }
    if (!test.to.empty()) check_tags(wrong, test, d);
    return wrong;
  }

 private:
  static std::string by(const Decision& d) { return d.policy.rule ? d.policy.rule->name : "default"; }

  void judge(std::vector<std::string>& wrong, const std::string& wanted, bool holds, const Decision& d) {
    if (holds) return;
    wrong.push_back("expected " + wanted + ", got " + (d.policy.allowed() ? "allowed by " : "denied by ") +
                    policy_text(snapshot_, d.policy));
  }

  // Every destination that the split can choose must carry the tags.
  void check_tags(std::vector<std::string>& wrong, const model::Test& test, const Decision& d) {
    if (!d.routing.route) {
      wrong.push_back("expected destinations " + words_of(test.to) + ", got no route");
      return;
    }
    for (const Destination& to : d.routing.route->to) {
      if (to.weight == 0) continue;
      bool all = has_tags(to.tags, test.to) ||
                 (!to.endpoints.empty() &&
                  std::all_of(to.endpoints.begin(), to.endpoints.end(),
                              [&](const Endpoint* e) { return has_tags(e->tags, test.to); }));
      if (!all)
        wrong.push_back("expected destinations " + words_of(test.to) + ", got one with " + words_of(to.tags));
    }
  }

  const Snapshot& snapshot_;
};

}  // namespace

std::vector<NodeInfo> imagined_nodes(const model::Model& model) {
  std::vector<NodeInfo> nodes;
  // 192.0.2.0/24 is for documentation (RFC 5737): nothing is ever dialled.
  for (const model::NodeRef& n : model::nodes_named(model)) nodes.push_back({n.name, "192.0.2.1", 15008, {}});
  return nodes;
}

FileTests run_file_tests(const model::Model& model) {
  FileTests out;
  if (model.tests.empty()) return out;
  SnapshotPtr snapshot = compile(model, imagined_nodes(model), {});
  TestRun run(*snapshot);
  for (const model::Test& test : model.tests) {
    std::vector<std::string> wrong = run.run(test);
    if (wrong.empty()) ++out.passed;
    for (std::string& what : wrong) {
      model::Diagnostic d;
      d.code = kTestFailed;
      d.at = test.at;
      d.message =
          test.method + " http://" + test.host + test.path + " from " + text_of(test.from) + ": " + what;
      out.failures.push_back(std::move(d));
    }
  }
  return out;
}

}  // namespace meshd
