// SPDX-License-Identifier: Apache-2.0
// flow_node.h: a node's part in the record of flows: what the data loops counted goes to the server every kFlowsEvery,
// and when it asks. While the server is away flows are kept, added up, at most kFlowsHeld of them.
#pragma once
#include <functional>
#include <string>

#include "base/json.h"
#include "loop/loop.h"
#include "proxy/flow_table.h"

namespace meshd {

inline constexpr milliseconds kFlowsEvery{10'000};
inline constexpr size_t kFlowsHeld = 16'384;
inline constexpr size_t kFlowsPerLine = 200;  // a line stays far below kControlLineMax

class FlowNode {
 public:
  struct Parts {
    std::function<void(std::function<void(FlowBatch)>)> collect;  // DataLoops::collect_flows
    std::function<bool()> connected;
    std::function<void(const Json&)> say;  // to the server
  };
  explicit FlowNode(Parts parts) : parts_(std::move(parts)) { timer_.start(kFlowsEvery); }

  // A line of the server (protocol.h).
  void take(const std::string& type, const Json& line);

 private:
  // Sends what there is, then `after` where it is not null.
  void send(Json after);
  static void due(void* self);

  Parts parts_;
  FlowBatch held_;
  Timer timer_{&FlowNode::due, this};
};

}  // namespace meshd
