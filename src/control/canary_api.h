// SPDX-License-Identifier: Apache-2.0
// canary_api.h: canaries on a server's local API (as server_api.h).
//
// GET    /v1/canaries                         {"canaries": [canary]}
// GET    /v1/canaries/ROUTE?events=N&wait=MS  one; answered when it has more than N events, has ended, or after MS
// POST   /v1/canaries/ROUTE   {"action": "set","shares": ["v2=5%"]} | {"action": "run","to","step": "10%","every": "1m","guard"?,
//                              "min_requests"?} | {"action": "promote"} | {"action": "abort"}   → one, with "diff", "changed"
#pragma once
#include "control/api_router.h"
#include "control/canary_desk.h"

namespace meshd {

class CanaryApi {
 public:
  explicit CanaryApi(CanaryDesk& desk) : desk_(desk) {}
  // `router` and this live equally long.
  void mount(ApiRouter& router);

 private:
  using Answer = Task<Result<Response>>;
  Answer list(ApiCall& call);
  Answer one(ApiCall& call);
  Answer act(ApiCall& call);

  CanaryDesk& desk_;
};

}  // namespace meshd
