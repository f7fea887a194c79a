// SPDX-License-Identifier: Apache-2.0
// identity.h: how services, nodes and the gateway are written as SPIFFE IDs, and back.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "model/model.h"

namespace meshd {

inline constexpr std::string_view kDefaultNamespace = "default";
inline constexpr std::string_view kSystemNamespace = "meshd-system";
inline constexpr std::string_view kGatewayService = "gateway";  // a reserved service name

// "spiffe://<td>/ns/default/sa/<service>"
std::string service_spiffe_id(std::string_view trust_domain, std::string_view service);
// "spiffe://<td>/ns/meshd-system/sa/node.<node>"
std::string node_spiffe_id(std::string_view trust_domain, std::string_view node);
// Of a service or node principal; empty for `*`.
std::string spiffe_id(std::string_view trust_domain, const model::Principal& principal);

// The way back, for people: "service/web", "node/n1", "gateway"; the id itself where it is none of ours;
// "-" for the empty id.
std::string principal_text(std::string_view trust_domain, std::string_view id);

}  // namespace meshd
