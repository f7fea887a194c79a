// SPDX-License-Identifier: Apache-2.0
// history_api.h: what was in force, what differs, and the way back, on a server's local API (as server_api.h).
//
// GET    /v1/revisions?limit=N          {"revisions": [{"revision","author","message","time","bytes","hash","unconfirmed"?: {"seconds_left",…}}]}, newest first
// GET    /v1/config?revision=N          {"revision","yaml","author","message","time"}; without a number the one in force
// GET    /v1/diff?from=A&to=B           {"from","to","diff"}: unified; without B to the one in force, without both what that one changed
// POST   /v1/rollback         {"revision","message"?}   as /v1/apply: a new revision with the old text, and the file has it too
//                             409 {"error","code"}: the file holds an edit that is not in force; nothing was changed
#pragma once
#include "control/api_router.h"
#include "control/confirm_desk.h"
#include "control/publish.h"
#include "store/store.h"

namespace meshd {

inline constexpr size_t kListMax = 1'000;  // rows of one answer

class HistoryApi {
 public:
  HistoryApi(store::Store& store, Publisher& publisher, const ConfirmDesk& confirm)
      : store_(store), publisher_(publisher), confirm_(confirm) {}

  // `router` and this live equally long.
  void mount(ApiRouter& router);

 private:
  using Answer = Task<Result<Response>>;
  Answer revisions(ApiCall& call);
  Answer config(ApiCall& call);
  Answer diff(ApiCall& call);
  Answer rollback(ApiCall& call);
  // The newest one that is kept before `revision`; 0: none.
  Outcome<Revision> before(Revision revision) const;

  store::Store& store_;
  Publisher& publisher_;
  const ConfirmDesk& confirm_;
};

// "7" as a number. Errors: invalid_argument.
Outcome<Revision> revision_of(std::string_view text);

// What a change came to: 200 or 422, as POST /v1/apply says.
Response published_response(const Published& done);

}  // namespace meshd
