// SPDX-License-Identifier: Apache-2.0
// snapshot.cc: look-ups. What fills the indexes is compile.cc.
#include "snapshot/snapshot.h"

#include <array>

namespace meshd {
namespace {

template <class Map, class Name>
auto find_or_null(const Map& map, const Name& name) -> typename Map::mapped_type {
  auto it = map.find(name);
  return it == map.end() ? nullptr : it->second;
}

constexpr std::string_view kDomains[] = {"", "default", "mesh.internal", "default.mesh.internal"};

}  // namespace

const ServiceEntry* Snapshot::service(std::string_view name) const { return find_or_null(by_name_, name); }

const ServiceEntry* Snapshot::service_for_host(std::string_view host) const {
  if (host.starts_with('[')) return nullptr;
  host = host.substr(0, host.find(':'));
  if (host.ends_with('.')) host.remove_suffix(1);
  // Longest name that can be ours: a label of 63 and the longest domain.
  std::array<char, 63 + 1 + 21> lower;
  if (host.empty() || host.size() > lower.size()) return nullptr;
  for (size_t i = 0; i < host.size(); ++i)
    lower[i] = host[i] >= 'A' && host[i] <= 'Z' ? static_cast<char>(host[i] + 32) : host[i];
  std::string_view name(lower.data(), host.size());
  size_t dot = name.find('.');
  std::string_view domain = dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1);
  if (dot != std::string_view::npos && domain.empty()) return nullptr;
  for (std::string_view ours : kDomains)
    if (domain == ours) return service(name.substr(0, dot));
  return nullptr;
}

const ServiceEntry* Snapshot::service_for_listen(uint16_t port) const {
  return find_or_null(by_listen_, port);
}
const NodeInfo* Snapshot::node(std::string_view name) const { return find_or_null(node_by_name_, name); }
const Endpoint* Snapshot::endpoint(EndpointId id) const { return find_or_null(by_endpoint_, id); }

std::span<const Workload> Snapshot::workloads_on(std::string_view node) const {
  auto it = workloads_.find(node);
  return it == workloads_.end() ? std::span<const Workload>() : std::span<const Workload>(it->second);
}

const Endpoint* Snapshot::endpoint_on(std::string_view node, std::string_view name, uint16_t port) const {
  const ServiceEntry* s = service(name);
  if (!s) return nullptr;
  for (const Endpoint& e : s->endpoints)
    if (e.node == node && !e.outside() && (port == 0 || e.port == port)) return &e;
  return nullptr;
}

PrincipalId Snapshot::principal(std::string_view spiffe_id) const {
  if (spiffe_id.empty()) return kNobody;
  auto it = principals_.find(spiffe_id);
  return it == principals_.end() ? kStranger : it->second;
}

}  // namespace meshd
