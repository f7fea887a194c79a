// SPDX-License-Identifier: Apache-2.0
// shadow_node.h: a node's part in a shadow: takes the candidate that the server sends beside the live snapshot, has the
// data loops compare with it, and answers what they counted. It is kept in memory only: after a restart the server
// sends it again, and counting begins anew (`since` says when).
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "control/live_config.h"
#include "proxy/shadow.h"

namespace meshd {

class ShadowNode {
 public:
  struct Parts {
    const LiveConfig& live;
    const Clock& clock;
    std::function<void(ShadowOrderPtr)> set;                         // DataLoops::set_shadow
    std::function<void(std::function<void(ShadowCounts)>)> collect;  // DataLoops::collect_shadow
    std::function<void(const Json&)> say;                            // to the server
  };
  explicit ShadowNode(Parts parts) : parts_(std::move(parts)) {}

  // A line of the server (protocol.h).
  void take(const std::string& type, const Json& line);

 private:
  struct Incoming {
    std::string id, base, sha256;
    Delta delta;
  };
  void commit(Incoming in);
  void end();
  void answer(int64_t n);

  Parts parts_;
  std::optional<Incoming> incoming_;
  std::string id_;     // of the shadow that is compared with; empty: none
  std::string error_;  // why the last one could not be taken
  UnixSeconds since_ = 0;
};

}  // namespace meshd
