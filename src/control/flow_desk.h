// SPDX-License-Identifier: Apache-2.0
// flow_desk.h: the server's record of who called what: nodes report, the store keeps it.
//
// GET /v1/flows?since=SECONDS   {"flows": [{"caller","service","port","method","path","example","count","first","last"}],
//                               "silent": [nodes that did not answer in time]}; of the last SECONDS; nodes are asked first
#pragma once
#include <map>
#include <string>

#include "control/api_router.h"
#include "control/distribute.h"
#include "control/registry.h"
#include "store/store.h"

namespace meshd {

inline constexpr milliseconds kFlowsAnswerMax{3'000};
inline constexpr size_t kFlowFieldMax = 1024;  // bytes of each text of a flow; others are dropped

class FlowDesk {
 public:
  struct Parts {
    store::Store& store;
    Registry& registry;
    Distributor& distributor;
    const Clock& clock;
  };
  explicit FlowDesk(Parts parts);

  void mount(ApiRouter& router);
  // Old ones leave the store. Errors: those of the store.
  Outcome<> tidy();

 private:
  Task<Result<Response>> list(ApiCall& call);
  void take(const std::string& node, const Json& line);
  bool answered(uint64_t n) const;

  Parts parts_;
  uint64_t asked_ = 0;
  std::map<std::string, int64_t> answers_;  // the newest question that each node answered
};

}  // namespace meshd
