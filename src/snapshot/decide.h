// SPDX-License-Identifier: Apache-2.0
// decide.h: the one pure function that the proxy, explain, shadow, replay, tests of the file and the dashboard call.
//
// No allocation, no I/O, no clock: the same snapshot and facts give the same decision.
//   outbound side: route_request (which route, which arm of its split, which endpoints)
//   inbound side:  authorize     (may this caller make this request)
//   decide = both; the outbound side calls it for endpoints outside the mesh, which have no inbound side.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/result.h"
#include "snapshot/snapshot.h"

namespace meshd {

// Looks up a request field by lower-case name; nullopt: absent. Of a repeated field the first.
// A borrowed callable: what it was made from must outlive it.
class FieldLookup {
 public:
  FieldLookup() = default;
  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, FieldLookup> &&
             std::is_invocable_r_v<std::optional<std::string_view>, F&, std::string_view>)
  FieldLookup(F& f)  // NOLINT: implicit on purpose
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(f)))),
        call_([](void* o, std::string_view name) -> std::optional<std::string_view> {
          return (*static_cast<F*>(o))(name);
        }) {}
  std::optional<std::string_view> operator()(std::string_view name) const {
    return call_ ? call_(object_, name) : std::nullopt;
  }

 private:
  void* object_ = nullptr;
  std::optional<std::string_view> (*call_)(void*, std::string_view) = nullptr;
};

// What a decision may look at. For opaque connections what HTTP says stays empty; only for them there is a server name.
struct RequestFacts {
  const ServiceEntry* to = nullptr;  // by listener or tunnel; null: decide() finds it by `host`
  PrincipalId from = kNobody;        // of the same snapshot
  std::string_view method;
  std::string_view path;   // normalised by http/, without query
  std::string_view query;  // as sent, without `?`
  std::string_view host;
  FieldLookup headers;
  std::string_view server_name;         // that the client's TLS asks for
  std::string_view source;              // the address that the caller connects from
  const model::Token* token = nullptr;  // that was verified; null: none was shown
  uint64_t random = 0;                  // uniform; chooses the arm of a split
  bool is_http() const { return !method.empty(); }
};

// ---- inbound

struct Authorization {
  model::Effect verdict = model::Effect::deny;
  const PolicyRule* rule = nullptr;        // the rule that decided; null: policy.default
  SourcePos at;                            // of the rule or of the default
  const PolicyRule* audit_rule = nullptr;  // an audit rule that would have decided, were it enforced
  model::Effect audit_verdict = model::Effect::deny;  // what it would have said; only with audit_rule
  bool token_missing = false;  // denied, and with a token a rule might allow it; there was none
  bool allowed() const { return verdict == model::Effect::allow; }
};
// Deny rules, then allow rules, then the default. Rules that look at methods, paths or tokens cannot allow opaque TCP
// and do deny it.
Authorization authorize(const Snapshot& snapshot, const ServiceEntry& to, const RequestFacts& facts);

// ---- outbound

// Where the request's key leads among the candidates.
struct KeyPlace {
  const HashTable* table =
      nullptr;        // of the candidates; null: no policy that hashes, or no key in the request
  uint64_t hash = 0;  // of the key
  const Endpoint* named = nullptr;  // by a cookie that we issued: goes before what the table says
};

KeyPlace key_place(const Destination& to, const RequestFacts& facts);

struct Routing {
  const Route* route = nullptr;     // null: no_route
  const Destination* to = nullptr;  // null without route, and where the route answers itself
  Endpoints candidates;             // of `to`; the proxy picks by health and load
  KeyPlace key;
  milliseconds timeout{0};       // 0: none
  Errc reason = Errc::no_route;  // ok, no_route, denied (quarantined route), no_endpoint
  bool ok() const { return reason == Errc::ok; }
};
Routing route_request(const ServiceEntry& to, const RequestFacts& facts);

// What chooses the arm: the same for requests that the route's `sticky` keeps together, else facts.random.
uint64_t spread(const Route& route, const RequestFacts& facts);
// The arm of the split, by weight; null only where all weights are 0.
const Destination* pick_split(const Route& route, uint64_t random);

// ---- both

struct Decision {
  const ServiceEntry* service = nullptr;  // null: no service of that name (reason not_found)
  Authorization policy;                   // of the service and path that the route leads to
  Routing routing;
  Errc reason = Errc::not_found;  // ok only if the request may go to one of the candidates
  bool ok() const { return reason == Errc::ok; }
};
Decision decide(const Snapshot& snapshot, const RequestFacts& facts);

// ---- words, for x-meshd-error and logs (these allocate)

// "rule=no-debug at meshd.yaml:53:7" or "default at meshd.yaml:49:12"
std::string policy_text(const Snapshot& snapshot, const Authorization& authorization);
// "route=web-split at meshd.yaml:44:5"; "route=- …" for the route that a service without routes has
std::string route_text(const Snapshot& snapshot, const Routing& routing);

// Whether `pattern` takes `path`: `*` any characters within a segment, `**` as a whole segment any number of segments.
bool path_matches_pattern(std::string_view path, std::string_view pattern);

}  // namespace meshd
