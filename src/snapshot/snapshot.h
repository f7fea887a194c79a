// SPDX-License-Identifier: Apache-2.0
// snapshot.h: what a node acts on: one compiled, immutable, indexed view of the whole mesh.
//
// Made by compile(), swapped whole; a request keeps the snapshot it began with. Pointers into it live as long as
// the shared_ptr does. Live state (health, latencies, open connections) is elsewhere, keyed by EndpointId.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "model/model.h"
#include "snapshot/hash_table.h"
#include "snapshot/route_match.h"
#include "snapshot/route_table.h"
#include "snapshot/rule_table.h"

namespace meshd {

using std::chrono::milliseconds;

// What the registry knows of a node.
struct NodeInfo {
  std::string name;
  std::string address;  // IP that other nodes dial
  uint16_t mesh_port = 15008;
  std::string zone;
  friend bool operator==(const NodeInfo&, const NodeInfo&) = default;
};

// What connections to a service carry: HTTP of either version, opaque bytes, or what their first bytes show.
enum class Carries : uint8_t { http, bytes, anything };

struct ServiceEntry;

// One place a service can be reached at. Outside the mesh `node` is empty and there is no tunnel: the calling node
// dials `address:port` itself, and authorizes itself, because no inbound side does.
struct Endpoint {
  EndpointId id;
  const ServiceEntry* service = nullptr;
  std::string node;
  std::string zone;
  std::string address;      // node's address, or the outside address
  uint16_t mesh_port = 0;   // tunnel port on `address`; 0 outside the mesh
  std::string app_address;  // where the program listens, as its own node sees it
  uint16_t port = 0;        // the program's port
  model::Tags tags;
  uint32_t weight = 1;  // always > 0 among candidates
  SourcePos at;
  std::string status;  // empty: usable; else why it is quarantined (never a candidate)
  bool outside() const { return node.empty(); }
};

using Endpoints = std::span<const Endpoint* const>;

// One arm of a weighted split.
struct Destination {
  const ServiceEntry* service = nullptr;  // whose instances; null: there is none of that name
  model::Tags tags;
  uint32_t weight = 1;
  std::vector<const Endpoint*> endpoints;   // usable ones, in file order
  std::shared_ptr<const HashTable> hashes;  // of these, where the service's policy hashes a key; else null
  SourcePos at;
};

struct Route {
  std::string name;  // empty: the route a service without routes has
  const ServiceEntry* service = nullptr;
  SourcePos at;
  uint32_t order = 0;  // place among the service's routes
  RouteMatch match;
  std::vector<Destination> to;
  uint64_t weight_total = 0;
  const model::Sticky* sticky = nullptr;    // null: each request goes anywhere
  const model::Actions* actions = nullptr;  // null: none
  model::Regex path_regex;                  // of the rewrite or redirect
  Destination mirror;                       // with actions->mirror
  milliseconds timeout{0};                  // of the whole request; 0: none
  SourcePos timeout_at;
  milliseconds per_try{0};                       // of one try; 0: none
  const model::RateLimit* rate_limit = nullptr;  // null: none
  const model::Retries* retries = nullptr;       // of the snapshot's model; never null
  std::string status;  // not empty: quarantined; a request that matches it is refused
};

struct PolicyRule {
  std::string name;
  model::Effect effect = model::Effect::allow;
  model::PolicyMode mode = model::PolicyMode::enforce;
  SourcePos at;
  uint32_t order = 0;  // place in the file
  std::vector<std::string> methods;
  std::vector<std::string> paths;
  const model::TokenMatch* token = nullptr;   // null: none is asked for
  const model::PolicyRule* source = nullptr;  // as written
};

struct ServiceEntry {
  std::string name;
  uint32_t index = 0;     // dense, within this snapshot only
  std::string spiffe_id;  // what the far side must prove
  model::Protocol protocol = model::Protocol::http;
  uint16_t port = 0;
  uint16_t listen = 0;                      // explicit listener on every node; 0: none
  const model::Health* health = nullptr;    // null: endpoints count as healthy until they fail
  const model::Balance* balance = nullptr;  // of the snapshot's model; never null there
  const model::Breaker* breaker = nullptr;  // null: none
  model::EndpointLimits limits;
  std::vector<Endpoint> endpoints;  // all, also quarantined ones
  std::vector<Route> routes;        // in order; never empty: without routes of its own one that takes all
  RouteTable route_table;
  std::vector<std::string>
      issuers;  // of the tokens that rules about it ask for; empty: nobody looks at tokens
  const model::Authorizer* authorizer = nullptr;  // asked about what the rules allow; null: nobody is
  bool tokens_judged = false;  // one of these rules is enforced: a token that is not good is refused
  SourcePos at;
  Carries carries() const {
    switch (protocol) {
      case model::Protocol::tcp: return Carries::bytes;
      case model::Protocol::detect: return Carries::anything;
      default: return Carries::http;
    }
  }
};

// What runs on one node, as that node needs it.
struct Workload {
  const ServiceEntry* service = nullptr;
  const model::Instance* selectors = nullptr;  // unit, user, cgroup, any_local
  const Endpoint* endpoint = nullptr;          // null: an identity without a port
  std::string spiffe_id;
};

struct Quarantined {
  std::string kind, name, status;
  SourcePos at;
};

struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>()(s); }
};
template <class T>
using ByName = std::unordered_map<std::string, T, StringHash, std::equal_to<>>;

class Snapshot {
 public:
  Revision revision;
  model::Model model;           // without tests; the source of all pointers to model values
  std::vector<NodeInfo> nodes;  // by name
  std::vector<std::unique_ptr<ServiceEntry>> services;  // in file order
  std::vector<PolicyRule> rules;                        // in file order
  RuleTable rule_table;
  std::vector<Quarantined> quarantined;  // what is refused, and why

  // By its name. Null: none.
  const ServiceEntry* service(std::string_view name) const;
  // By what a client wrote: web, web.default, web.mesh.internal, web.default.mesh.internal; any case, a port and a
  // final dot are ignored. Null: none.
  const ServiceEntry* service_for_host(std::string_view host) const;
  // By the explicit listener's port. Null: none.
  const ServiceEntry* service_for_listen(uint16_t port) const;

  const NodeInfo* node(std::string_view name) const;
  // What is placed on the node; empty for an unknown one.
  std::span<const Workload> workloads_on(std::string_view node) const;
  // The service's endpoint on `node` at `port` (0: the first). Null: none.
  const Endpoint* endpoint_on(std::string_view node, std::string_view service, uint16_t port) const;
  // By id, such as live state keeps. Null: gone.
  const Endpoint* endpoint(EndpointId id) const;

  // A caller's identity (SPIFFE ID), resolved once per connection and snapshot. The empty id gives kNobody, one that no rule names
  // kStranger. Ids of other trust domains are kStranger too: the caller must have verified the domain.
  PrincipalId principal(std::string_view spiffe_id) const;

 private:
  friend class Compiler;
  ByName<const ServiceEntry*> by_name_;
  std::unordered_map<uint16_t, const ServiceEntry*> by_listen_;
  ByName<const NodeInfo*> node_by_name_;
  ByName<std::vector<Workload>> workloads_;
  std::unordered_map<EndpointId, const Endpoint*> by_endpoint_;
  ByName<PrincipalId> principals_;
};

using SnapshotPtr = std::shared_ptr<const Snapshot>;

// Never fails as a whole: what does not resolve is quarantined and denies. `tests` are dropped.
SnapshotPtr compile(const model::Model& model, const std::vector<NodeInfo>& nodes, Revision revision);

// Stable over snapshots, processes and machines.
EndpointId endpoint_id(std::string_view service, std::string_view node, std::string_view address,
                       uint16_t port);

}  // namespace meshd
