// SPDX-License-Identifier: Apache-2.0
// testing.h: for tests only: a snapshot from YAML, and facts from a few words.
#pragma once
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "model/config.h"
#include "snapshot/decide.h"
#include "snapshot/identity.h"

namespace meshd::testing {

// Of this thread, in the program test_snapshot (allocation_count_test.cc).
extern thread_local size_t allocation_count;

inline model::Model model_of(std::string_view yaml) {
  auto p = model::parse_config(yaml, "meshd.yaml");
  if (!p.model) throw std::runtime_error(render(p.diagnostics, "test.yaml", yaml));
  return std::move(*p.model);
}

// Nodes n1, n2, … at 10.0.0.1, 10.0.0.2, …
inline std::vector<NodeInfo> nodes(int n) {
  std::vector<NodeInfo> out;
  for (int i = 1; i <= n; ++i)
    out.push_back({"n" + std::to_string(i), "10.0.0." + std::to_string(i), 15008, i % 2 ? "a" : "b"});
  return out;
}

inline SnapshotPtr snapshot_of(std::string_view yaml, int node_count = 3) {
  return compile(model_of(yaml), nodes(node_count), Revision{7});
}

// A request as a test writes it; keeps what the facts borrow.
struct Request {
  std::string from = "web";  // service name, "node/NAME", or empty for nobody
  std::string method = "GET", path = "/", host = "web";
  std::map<std::string, std::string, std::less<>> headers = {};
  uint64_t random = 0;
  std::string query = {}, server_name = {};
  std::optional<model::Token> token = {};

  std::optional<std::string_view> operator()(std::string_view name) const {
    auto it = headers.find(name);
    return it == headers.end() ? std::nullopt : std::optional<std::string_view>(it->second);
  }
  RequestFacts facts(const Snapshot& s) const {
    RequestFacts f;
    std::string id;
    const std::string& domain = s.model.mesh.trust_domain;
    if (from.starts_with("node/"))
      id = node_spiffe_id(domain, from.substr(5));
    else if (!from.empty())
      id = service_spiffe_id(domain, from);
    f.from = s.principal(id);
    f.method = method;
    f.path = path;
    f.query = query;
    f.server_name = server_name;
    f.host = host;
    f.headers = FieldLookup(*this);
    f.random = random;
    f.token = token ? &*token : nullptr;
    return f;
  }
};

}  // namespace meshd::testing
