// SPDX-License-Identifier: Apache-2.0
#include "control/flow_node.h"

#include <utility>

namespace meshd {

void FlowNode::due(void* self) {
  auto& node = *static_cast<FlowNode*>(self);
  node.timer_.start(kFlowsEvery);
  node.send(Json());
}

void FlowNode::take(const std::string& type, const Json& line) {
  if (type != "ask" || text_of(line, "what") != "flows") return;
  send(Json(JsonObject{{"type", json("answer")}, {"what", json("flows")}, {"n", json(int_of(line, "n"))}}));
}

void FlowNode::send(Json after) {
  parts_.collect([this, after = std::move(after)](FlowBatch batch) {
    held_.add(std::move(batch), kFlowsHeld);
    if (!parts_.connected()) return;
    JsonArray items;
    auto say = [&] {
      parts_.say(Json(
          JsonObject{{"type", json("answer")}, {"what", json("flows")}, {"flows", Json(std::move(items))}}));
      items = JsonArray();
    };
    for (const auto& [key, count] : held_.flows) {
      items.push_back(
          Json(JsonArray{json(key.caller), json(key.service), json(int64_t{key.port}), json(key.method),
                         json(key.path), json(count.example), json(static_cast<int64_t>(count.count)),
                         json(count.first), json(count.last)}));
      if (items.size() >= kFlowsPerLine) say();
    }
    if (!items.empty()) say();
    held_ = {};
    if (after.is<JsonObject>()) parts_.say(after);
  });
}

}  // namespace meshd
