// SPDX-License-Identifier: Apache-2.0
// ca_api.h: what a server adds to the local API for its authority. JSON as in server_api.h.
//
// GET    /v1/ca                 {"trust_domain","pin","root": CERT,"issuing": CERT,"root_key_here","sealed","phase",…}
//                               CERT: {"serial","subject","not_before","not_after"}
// POST   /v1/ca/issuing/rotate  {"issuing": CERT}: the next issuing certificate, now
// POST   /v1/ca/issuing/request {"csr": PEM}: to be signed where the root key is
// POST   /v1/ca/issuing/install {"chain": PEM}  → {"issuing": CERT}
// POST   /v1/ca/rotate          {"force"?}: begins a root rotation, or goes on without those that are away → as /v1/ca
// POST   /v1/ca/abort           {}: back, as long as the next root does not sign
// GET    /v1/ca/denied          {"denied": [{"kind","value","until","time","who","why"}]}
// POST   /v1/ca/deny            {"kind","value","why"?}   kind: serial, identity or node
// POST   /v1/ca/allow           {"kind","value"}
// GET    /v1/ca/certificates?limit=N   {"certificates": [{"serial","id","node","not_before","not_after","issued","denied"}]}
// GET    /v1/audit?limit=N         {"entries": [{"number","time","who","what","detail","hash"}]}, newest first
// GET    /v1/audit/verify          {"entries","revisions","last_hash"}; 500 {"error"}: naming what was changed
// GET    /v1/ca/export          {"bundle": PEM}: the roots that nodes trust
#pragma once
#include <functional>

#include "ca/authority.h"
#include "control/api_router.h"
#include "control/root_rotation.h"
#include "store/store.h"

namespace meshd {

class CaApi {
 public:
  struct Parts {
    store::Store& store;
    Authority& authority;
    RootRotation& rotation;
    TrustDesk& trust;
    std::function<void()> trust_changed;  // what is on disk is to be said
    const Clock& clock;
  };
  explicit CaApi(Parts parts) : parts_(std::move(parts)) {}

  // `router` and this live equally long.
  void mount(ApiRouter& router);
  Json status() const;

 private:
  using Answer = Task<Result<Response>>;
  Answer show(ApiCall& call);
  Answer rotate_issuing(ApiCall& call);
  Answer request_issuing(ApiCall& call);
  Answer install_issuing(ApiCall& call);
  Answer bundle(ApiCall& call);
  Answer rotate(ApiCall& call);
  Answer abort(ApiCall& call);
  Answer denied(ApiCall& call);
  Answer deny(ApiCall& call);
  Answer allow(ApiCall& call);
  Answer certificates(ApiCall& call);
  Answer audit(ApiCall& call);
  Answer verify(ApiCall& call);
  Response done(const ApiCall& call, std::string_view what);

  Parts parts_;
};

}  // namespace meshd
