// SPDX-License-Identifier: Apache-2.0
#include "snapshot/identity.h"

namespace meshd {
namespace {

std::string make(std::string_view trust_domain, std::string_view ns, std::string_view account) {
  std::string out = "spiffe://";
  out.append(trust_domain).append("/ns/").append(ns).append("/sa/").append(account);
  return out;
}

// What follows "spiffe://<td>/ns/<ns>/sa/", or nothing.
std::optional<std::string_view> account_in(std::string_view trust_domain, std::string_view ns,
                                           std::string_view id) {
  std::string start = make(trust_domain, ns, "");
  if (!id.starts_with(start)) return std::nullopt;
  return id.substr(start.size());
}

}  // namespace

std::string service_spiffe_id(std::string_view trust_domain, std::string_view service) {
  return make(trust_domain, kDefaultNamespace, service);
}

std::string node_spiffe_id(std::string_view trust_domain, std::string_view node) {
  return make(trust_domain, kSystemNamespace, "node." + std::string(node));
}

std::string spiffe_id(std::string_view trust_domain, const model::Principal& principal) {
  switch (principal.kind) {
    case model::Principal::service: return service_spiffe_id(trust_domain, principal.name);
    case model::Principal::node: return node_spiffe_id(trust_domain, principal.name);
    case model::Principal::any: return {};
  }
  return {};
}

std::string principal_text(std::string_view trust_domain, std::string_view id) {
  if (id.empty()) return "-";
  if (auto service = account_in(trust_domain, kDefaultNamespace, id))
    return *service == kGatewayService ? std::string(*service) : "service/" + std::string(*service);
  if (auto node = account_in(trust_domain, kSystemNamespace, id); node && node->starts_with("node."))
    return "node/" + std::string(node->substr(5));
  return std::string(id);
}

}  // namespace meshd
