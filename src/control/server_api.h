// SPDX-License-Identifier: Apache-2.0
// server_api.h: what a server adds to the local API. JSON in and out, times in seconds since 1970, errors as {"error","code"}.
//
// POST   /v1/apply            {"yaml","message"?,"dry_run"?,"file"?: its name in findings,
//                              "confirm_seconds"?,"guard"?,"min_requests"?: it must be confirmed in time (confirm_desk.h)}
//                             200 {"revision","changed","warnings": [text],"rendered","summary","diff"}
//                             422 {"error","code","rendered","summary"}: the file has errors and nothing was changed
// POST   /v1/confirm          {"back"?}   {"revision"}; with `back` as /v1/apply: the text of before is a new revision
// GET    /v1/revisions/N/acks?wait=MS   {"revision","done","nodes": [{"name","connected","away","acked": bool,"acked_revision","error"}]}
//                             With `wait` it is answered when a node's state changes or all connected nodes have the revision.
// GET    /v1/nodes                      {"nodes": [registry.h: node_json]}
// DELETE /v1/nodes/NAME                 {"name"}
// POST   /v1/tokens           {"ttl_seconds"?,"node"?}  → {"token","id","expires"}; the token is shown this once
// GET    /v1/tokens                     {"tokens": [{"id","node","created","created_by","expires","used","used_by","state"}]}
// DELETE /v1/tokens/ID                  {"id"}
#pragma once
#include <functional>
#include <string>

#include "ca/authority.h"
#include "control/api_router.h"
#include "control/canary_desk.h"
#include "control/confirm_desk.h"
#include "control/distribute.h"
#include "control/history_api.h"
#include "control/publish.h"
#include "control/registry.h"
#include "control/trust_desk.h"
#include "store/store.h"

namespace meshd {

inline constexpr milliseconds kAcksWaitMax{60'000};

class ServerApi {
 public:
  struct Parts {
    store::Store& store;
    const Authority& authority;
    Registry& registry;
    Publisher& publisher;
    Distributor& distributor;
    ConfirmDesk& confirm;
    const CanaryDesk& canaries;
    TrustDesk& trust;
    std::function<void()> trust_changed;  // what is on disk is to be said
    const Clock& clock;
    std::string own_node;                  // it cannot be removed
    std::function<std::string()> control;  // "ip:port" that nodes dial
  };
  explicit ServerApi(Parts parts) : parts_(std::move(parts)) {}

  // `router` and this live equally long.
  void mount(ApiRouter& router);

 private:
  using Answer = Task<Result<Response>>;
  Answer apply(ApiCall& call);
  Answer confirm(ApiCall& call);
  Answer acks(ApiCall& call);
  Answer nodes(ApiCall& call);
  Answer remove_node(ApiCall& call);
  Answer make_token(ApiCall& call);
  Answer tokens(ApiCall& call);
  Answer revoke_token(ApiCall& call);
  struct Acks {
    Json body;
    bool done = false;
  };
  Acks acks_of(Revision revision) const;

  Parts parts_;
};

}  // namespace meshd
