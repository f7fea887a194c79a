// SPDX-License-Identifier: Apache-2.0
#include "control/registry.h"

#include "base/log.h"
#include "control/protocol.h"
#include "net/address.h"

namespace meshd {

Outcome<> Registry::load() {
  auto records = store_.nodes().list();
  if (!records) return fail(std::move(records.error()));
  nodes_.clear();
  for (const store::NodeRecord& record : *records) added(record);
  return {};
}

const NodeState* Registry::find(const std::string& name) const {
  auto it = nodes_.find(name);
  return it == nodes_.end() ? nullptr : &it->second;
}

NodeState* Registry::live(const std::string& name) {
  auto it = nodes_.find(name);
  return it == nodes_.end() ? nullptr : &it->second;
}

std::vector<NodeInfo> Registry::infos() const {
  std::vector<NodeInfo> out;
  out.reserve(nodes_.size());
  for (const auto& [name, node] : nodes_) out.push_back(node.info);
  return out;
}

void Registry::added(const store::NodeRecord& record) {
  NodeState node;
  node.info = {record.name, record.address, record.mesh_port, record.zone};
  node.spiffe_id = record.spiffe_id;
  node.joined_at = record.joined_at;
  node.last_seen = record.last_seen;
  node.heard = clock_.now();
  node.version = record.version;
  node.acked = record.acked;
  node.status = record.state;
  nodes_[record.name] = std::move(node);
  list_changed();
}

Outcome<bool> Registry::remove(const std::string& name, const std::string& who,
                               const std::function<Outcome<>()>& with) {
  bool removed = false;
  auto done = store_.transact([&]() -> Outcome<> {
    auto gone = store_.nodes().remove(name);
    if (!gone) return fail(std::move(gone.error()));
    removed = *gone;
    if (!removed) return {};
    if (with)
      if (auto ok = with(); !ok) return ok;
    JsonObject detail;
    detail["node"] = json(name);
    auto noted = store_.audit().append({who, "node.remove", to_text(Json(std::move(detail)))});
    if (!noted) return fail(std::move(noted.error()));
    return {};
  });
  if (!done) return fail(std::move(done.error()));
  if (nodes_.erase(name) > 0) list_changed();
  return removed;
}

void Registry::hello(const std::string& name, const Hello& hello) {
  NodeState* node = live(name);
  if (node == nullptr) return;
  node->connected = true;
  node->sha256 = hello.sha256;
  node->acked = hello.revision;
  node->version = hello.version.substr(0, 64);
  node->trust_number = hello.trust_number;
  node->under = hello.under.substr(0, 128);
  heard(name);
  NodeInfo info = node->info;
  if (SocketAddress::from_ip(hello.address, 0)) info.address = hello.address;
  if (hello.mesh_port != 0) info.mesh_port = hello.mesh_port;
  if (hello.zone.size() <= 64) info.zone = hello.zone;
  if (info == node->info) return changed.notify();

  log::info("node moved",
            {{"node", name}, {"address", info.address}, {"mesh_port", info.mesh_port}, {"zone", info.zone}});
  node->info = info;
  auto record = store_.nodes().get(name);
  if (record && *record) {
    store::NodeRecord next = **record;
    next.address = info.address;
    next.mesh_port = info.mesh_port;
    next.zone = info.zone;
    if (auto ok = store_.nodes().upsert(next); !ok)
      log::warn("cannot write down where a node is", {{"node", name}, {"error", ok.error().what}});
  }
  list_changed();
}

void Registry::heard(const std::string& name) {
  NodeState* node = live(name);
  if (node == nullptr) return;
  node->heard = clock_.now();
  node->last_seen = clock_.unix_now();
  node->dirty = true;
}

void Registry::trusted(const std::string& name, uint64_t number, const std::string& under) {
  NodeState* node = live(name);
  if (node == nullptr) return;
  node->trust_number = number;
  node->under = under.substr(0, 128);
  changed.notify();
}

void Registry::acked(const std::string& name, const Content& content) {
  NodeState* node = live(name);
  if (node == nullptr) return;
  node->sha256 = content.sha256;
  node->acked = content.revision;
  node->refused_sha256.clear();
  node->error.clear();
  node->dirty = true;
  changed.notify();
}

void Registry::refused(const std::string& name, const Content& content, const std::string& error) {
  NodeState* node = live(name);
  if (node == nullptr) return;
  node->refused_sha256 = content.sha256;
  node->error = error.substr(0, 1024);
  changed.notify();
}

void Registry::went_back(const std::string& name, const std::string& sha256) {
  NodeState* node = live(name);
  if (node == nullptr) return;
  node->sha256 = sha256;
  changed.notify();
}

void Registry::status(const std::string& name, std::string text) {
  NodeState* node = live(name);
  if (node == nullptr || text.size() > kStatusBytesMax) return;
  node->status = std::move(text);
  node->dirty = true;
}

void Registry::disconnected(const std::string& name) {
  NodeState* node = live(name);
  if (node == nullptr) return;
  node->connected = false;
  changed.notify();
}

Outcome<> Registry::flush() {
  std::vector<store::NodeReport> reports;
  for (auto& [name, node] : nodes_)
    if (node.dirty) reports.push_back({name, node.acked, node.status, node.version});
  if (reports.empty()) return {};
  if (auto ok = store_.nodes().report(reports); !ok) return ok;
  for (auto& [name, node] : nodes_) node.dirty = false;
  return {};
}

void Registry::list_changed() {
  if (on_list_change) on_list_change();
  changed.notify();
}

Json node_json(const NodeState& node, const Clock& clock) {
  JsonObject j;
  j["name"] = json(node.info.name);
  j["address"] = json(node.info.address);
  j["mesh_port"] = json(int64_t{node.info.mesh_port});
  j["zone"] = json(node.info.zone);
  j["spiffe_id"] = json(node.spiffe_id);
  j["joined"] = json(node.joined_at);
  j["connected"] = Json(node.connected);
  j["away"] = Json(clock.now() - node.heard > kSilenceMax);
  j["last_seen"] = json(node.last_seen);
  j["version"] = json(node.version);
  j["acked"] = json(static_cast<int64_t>(node.acked.value));
  j["sha256"] = json(node.sha256);
  j["trust"] = json(static_cast<int64_t>(node.trust_number));
  j["error"] = json(node.error);
  auto status = parse_json(node.status);
  j["status"] = status ? *status : Json();
  return Json(std::move(j));
}

}  // namespace meshd
