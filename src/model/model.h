// SPDX-License-Identifier: Apache-2.0
// model.h: desired state as plain values: what the file says, checked, with defaults filled in.
//
// Everything a decision can point at carries the place it stands at in the file (`at`).
// Made by parse_config (config.h) from YAML, or by the snapshot codec from what the server sent.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "model/actions.h"
#include "model/balance.h"
#include "model/match.h"
#include "model/resilience.h"
#include "model/token.h"

namespace meshd::model {

using std::chrono::milliseconds;
using Tags = std::map<std::string, std::string>;

// ---- mesh, server, defaults

enum class Mtls : uint8_t { strict, permissive };
enum class Interception : uint8_t { explicit_listeners, transparent };

struct Mesh {
  std::string name;
  std::string trust_domain;
  Mtls mtls = Mtls::strict;
  Interception interception = Interception::explicit_listeners;
  uint16_t http_port = 15080;  // explicit mode: the one local port that routes by Host
  milliseconds leaf_lifetime{0};
  milliseconds root_lifetime{0};
};

struct Server {
  std::string control;    // "ip:port" that nodes dial; empty: what `meshd init` was told
  std::string dashboard;  // "ip:port"
};

struct Timeouts {
  milliseconds request{0};  // 0: none
  milliseconds connect{0};
  milliseconds idle{0};  // opaque TCP without a byte either way
};

struct Defaults {
  Timeouts timeout;
  Retries retries;
};

// ---- services

enum class Protocol : uint8_t { http, http2, grpc, tcp, detect };

// One place where a service runs: a port on a node of the mesh, an identity without a port on a node,
// or an address outside the mesh (then `node` is empty).
struct Instance {
  SourcePos at;
  std::string node;
  SourcePos node_at;
  std::string address;  // an IP: outside the mesh where it listens; on a node the one the program is bound to
  uint16_t port = 0;    // 0: this instance only calls others
  std::string unit;     // who may be this workload: systemd unit,
  std::string user;     //   user,
  std::string cgroup;   //   cgroup path,
  bool any_local = false;  //   or any local caller that nothing else identifies
  Tags tags;
  uint32_t weight = 1;  // 0: listed, but no traffic
};

enum class HealthKind : uint8_t { http, tcp, grpc };

inline constexpr size_t kGrpcServiceMax = 256;  // bytes of a name that a health check asks about

struct Health {
  SourcePos at;
  HealthKind kind = HealthKind::tcp;
  std::string path;          // http
  std::string grpc_service;  // grpc; empty: the server as a whole
  uint16_t status_min = 200, status_max = 299;
  milliseconds interval{0}, timeout{0};
  uint32_t fall = 0, rise = 0;
};

struct Service {
  SourcePos at;
  std::string name;
  Protocol protocol = Protocol::http;
  uint16_t port = 0;    // what callers use with the name; 0: the protocol's own
  uint16_t listen = 0;  // explicit mode: 127.0.0.1:listen on every node reaches it; 0: none
  SourcePos listen_at;
  std::vector<Instance> instances;
  std::optional<Health> health;
  Balance balance;
  std::optional<Breaker> breaker;
  EndpointLimits limits;
};

// ---- routes

struct RouteTo {
  SourcePos at;
  Tags tags;            // endpoints that have all of them; empty: all endpoints
  uint32_t weight = 1;  // relative to the other destinations; 0: none
  std::string service;  // whose instances; empty: the route's service
};

struct Route {
  SourcePos at;
  std::string name;
  std::string service;
  SourcePos service_at;
  Match match;
  std::vector<RouteTo> to;  // empty: all endpoints of the service
  Sticky sticky;
  Actions actions;
  std::optional<milliseconds> request_timeout;
  SourcePos timeout_at;
  milliseconds per_try{0};         // of one try; 0: none
  std::optional<Retries> retries;  // nothing: as defaults say
  std::optional<RateLimit> rate_limit;
};

// ---- policy

enum class Effect : uint8_t { deny, allow };
enum class PolicyMode : uint8_t { enforce, audit };

struct RuleTarget {
  std::string service;
  SourcePos at;
};

struct PolicyRule {
  SourcePos at;
  std::string name;
  Effect effect = Effect::allow;
  PolicyMode mode = PolicyMode::enforce;
  std::vector<Principal> from;       // empty: like `*`
  std::vector<RuleTarget> to;        // empty: every service
  std::vector<std::string> methods;  // empty: every
  std::vector<std::string> paths;    // patterns with * (in a segment) and ** (any segments); empty: every
  TokenMatch token;                  // a bearer token that must be there
};

// A program that is asked about requests that the rules allow.
struct Authorizer {
  SourcePos at;
  std::string url;  // http://IP:PORT/PATH, and its parts:
  std::string authority, ip, path;
  uint16_t port = 0;
  milliseconds timeout{0};  // of the whole question
  bool fail_open = false;   // no word of it allows
  std::vector<RuleTarget> to;
  std::vector<std::string> headers;  // request fields that it is shown, lower case
  std::vector<std::string> sets;     // fields of its answer that replace the request's, lower case
};

struct Policy {
  Effect default_effect = Effect::deny;
  SourcePos default_at;  // of `policy.default`, else of `policy`, else unknown
  std::vector<PolicyRule> rules;
  std::optional<Authorizer> authorizer;
};

// ---- telemetry, tests

enum class AccessLogFormat : uint8_t { json, text };

struct AccessLog {
  SourcePos at;
  AccessLogFormat format = AccessLogFormat::json;
  std::string output = "stdout";       // stdout | stderr | none | an absolute path
  std::string only = "status >= 400";  // telemetry/access_filter.h; empty: every request
  std::vector<std::string> headers;    // of the request, lower case: written with each line
};

struct Telemetry {
  AccessLog access_log;
};

// Run by `meshd check` with decide(); never sent to nodes.
struct Test {
  SourcePos at;
  Principal from;
  std::string method, host, path, query;                     // from "GET http://web/admin?x=1"
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::optional<std::string> route;                          // expected: the route's name
  std::optional<std::string> denied_by;                      // expected: the rule's name or "default"
  std::optional<std::string> allowed_by;                     // expected: the rule's name or "default"
  Tags to;           // expected: each chosen destination has these tags
  TokenMatch token;  // that the caller shows
};

// The whole file.
struct Model {
  std::string file = "meshd.yaml";  // its base name, for messages
  Mesh mesh;
  Server server;
  Defaults defaults;
  std::vector<Service> services;  // in file order, names are unique
  std::vector<Route> routes;      // in order: the first match wins
  std::vector<Issuer> jwt;        // in file order, names are unique
  Policy policy;
  Telemetry telemetry;
  std::vector<Test> tests;
};

const Service* find_service(const Model& model, std::string_view name);

// A node that the file names. Nodes are not declared in it: the registry knows which exist.
struct NodeRef {
  std::string name;
  SourcePos at;  // of the first mention
};
std::vector<NodeRef> nodes_named(const Model& model);

std::string_view name_of(Protocol protocol);
std::string_view name_of(Effect effect);
std::string_view name_of(PolicyMode mode);

}  // namespace meshd::model
