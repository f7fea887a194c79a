// SPDX-License-Identifier: Apache-2.0
// spiffe_id.h: names of workloads: spiffe://<trust domain>/<path>, in the one spelling the SPIFFE ID standard allows.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace meshd {

struct SpiffeId {
  std::string trust_domain;  // "mesh.example"
  std::string path;          // "/ns/default/sa/web": never empty, begins with a slash

  // The id as text.
  std::string uri() const { return "spiffe://" + trust_domain + path; }
  friend auto operator<=>(const SpiffeId&, const SpiffeId&) = default;

  // Strict: scheme in lower case, trust domain of [a-z0-9._-] up to 255 bytes, segments of [A-Za-z0-9._-], none empty,
  // "." or "..", no port, user, query, fragment or percent-encoding, 2048 bytes in all.
  // Errors: identity, with what is wrong.
  static Result<SpiffeId> parse(std::string_view uri);
};

// One to 255 of [a-z0-9._-].
bool valid_trust_domain(std::string_view name);
// One path segment: [A-Za-z0-9._-]+, not "." or "..".
bool valid_segment(std::string_view segment);

// The ids that meshd issues. `name`s must be valid segments.
SpiffeId workload_id(std::string_view trust_domain, std::string_view ns, std::string_view sa);
SpiffeId service_id(std::string_view trust_domain, std::string_view service);  // /ns/default/sa/<service>
SpiffeId node_id(std::string_view trust_domain, std::string_view node);  // /ns/meshd-system/sa/node.<node>
SpiffeId server_id(std::string_view trust_domain,
                   std::string_view node);  // /ns/meshd-system/sa/server.<node>

// The <service> of a service_id, the <node> of a node_id or server_id; empty where the id is of another shape.
std::string_view service_of(const SpiffeId& id);
std::string_view node_of(const SpiffeId& id);
std::string_view server_of(const SpiffeId& id);

// The TLS server name that asks for workload `id`: <sa>.<ns>.<trust domain>. Host names ignore case and use dots
// as separators, so in <sa> and <ns> a dot is written "__", "_" is "_-" and a capital A is "_a":
//   spiffe://mesh.example/ns/meshd-system/sa/node.n1  ↔  node__n1.meshd-system.mesh.example
// Empty for ids of another shape or names over 255 bytes: then no server name is sent, the default identity answers,
// and the check of the expected id decides.
std::string sni_of(const SpiffeId& id);
// The inverse; nothing for names that sni_of() does not make.
std::optional<SpiffeId> id_of_sni(std::string_view sni);

}  // namespace meshd
