// SPDX-License-Identifier: Apache-2.0
#include "control/mesh_health.h"

#include <cstdio>

#include "base/limits.h"
#include "base/log.h"

namespace meshd {
namespace {

constexpr size_t kReasonMax = 80;  // bytes of a reason; ours have less

}  // namespace

std::string wire_id(EndpointId id) {
  char text[17];
  snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(id.value));
  return text;
}

void MeshHealth::report(const std::string& node, const Json& down) {
  Down& said = reports_[node];
  said.clear();
  if (!down.is<JsonObject>()) return;
  for (const auto& [id, reason] : down.get<JsonObject>())
    if (reason.is<std::string>()) said[id] = reason.get<std::string>().substr(0, kReasonMax);
}

void MeshHealth::forget(const std::string& node) {
  reports_.erase(node);
  away_.erase(node);
}

std::string MeshHealth::reason_for(const Endpoint& endpoint, const std::string& id) const {
  if (endpoint.outside()) return {};  // each node checks those itself
  if (away_.contains(endpoint.node)) return "node " + endpoint.node + " is away";
  auto said = reports_.find(endpoint.node);
  if (said == reports_.end()) return {};
  auto one = said->second.find(id);
  return one == said->second.end() ? std::string() : one->second;
}

std::string MeshHealth::line(const Snapshot* snapshot) const {
  JsonObject down;
  size_t bytes = 0, untold = 0;
  for (size_t i = 0; snapshot != nullptr && i < snapshot->services.size(); ++i) {
    for (const Endpoint& endpoint : snapshot->services[i]->endpoints) {
      std::string id = wire_id(endpoint.id), reason = reason_for(endpoint, id);
      if (reason.empty()) continue;
      bytes += id.size() + 6 * reason.size() + 8;  // were every byte of the reason escaped
      if (bytes < kControlLineMax - 64)
        down[id] = json(reason);
      else
        ++untold;
    }
  }
  if (untold > 0) log::warn("more endpoints are down than one line can tell", {{"untold", untold}});
  JsonObject line;
  line["type"] = json("health");
  line["down"] = Json(std::move(down));
  return to_text(Json(std::move(line))) + "\n";
}

}  // namespace meshd
