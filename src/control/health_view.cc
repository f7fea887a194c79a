// SPDX-License-Identifier: Apache-2.0
#include "control/health_view.h"

#include <charconv>
#include <cstdio>
#include <utility>

namespace meshd {

void HealthView::set_checked(std::map<EndpointId, HealthCheck::Checked> checked) {
  checked_ = std::move(checked);
  merge();
}

void HealthView::set_server(DownEndpoints down) {
  server_ = std::move(down);
  merge();
}

bool HealthView::checks(EndpointId id) const {
  auto c = checked_.find(id);
  return c != checked_.end() && c->second.known;
}

DownEndpoints HealthView::own_down() const {
  DownEndpoints own;
  for (const auto& [id, c] : checked_)
    if (c.down && !c.outside) own[id] = c.reason;
  return own;
}

void HealthView::merge() {
  DownEndpoints merged;
  for (const auto& [id, reason] : server_)
    if (!checks(id)) merged[id] = reason;
  for (const auto& [id, c] : checked_)
    if (c.down) merged[id] = c.reason;
  if (merged == *down_) return;
  down_ = std::make_shared<const DownEndpoints>(std::move(merged));
  publish_(down_);
}

std::string hex_of(EndpointId id) {
  char digits[17];
  snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(id.value));
  return digits;
}

Json down_to_json(const DownEndpoints& down) {
  JsonObject out;
  for (const auto& [id, reason] : down) out[hex_of(id)] = json(reason);
  return Json(std::move(out));
}

DownEndpoints down_from_json(const Json& j) {
  DownEndpoints down;
  if (!j.is<JsonObject>()) return down;
  for (const auto& [text, reason] : j.get<JsonObject>()) {
    EndpointId id;
    auto read = std::from_chars(text.data(), text.data() + text.size(), id.value, 16);
    if (text.size() != 16 || read.ec != std::errc() || read.ptr != text.data() + text.size()) continue;
    down[id] = reason.is<std::string>() ? reason.get<std::string>() : "down";
  }
  return down;
}

}  // namespace meshd
