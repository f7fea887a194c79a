// SPDX-License-Identifier: Apache-2.0
// ca_api.h: what a server adds to the local API for its authority. JSON as in server_api.h.
//
// GET    /v1/ca                 {"trust_domain","pin","root": CERT,"issuing": CERT,"root_key_here","sealed","phase",…}
//                               CERT: {"serial","subject","not_before","not_after"}
// POST   /v1/ca/issuing/rotate  {"issuing": CERT}: the next issuing certificate, now
// POST   /v1/ca/issuing/request {"csr": PEM}: to be signed where the root key is
// POST   /v1/ca/issuing/install {"chain": PEM}  → {"issuing": CERT}
// GET    /v1/ca/export          {"bundle": PEM}: the roots that nodes trust
#pragma once
#include "ca/authority.h"
#include "control/api_router.h"
#include "store/store.h"

namespace meshd {

class CaApi {
 public:
  struct Parts {
    store::Store& store;
    Authority& authority;
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
  Response done(const ApiCall& call, std::string_view what);

  Parts parts_;
};

}  // namespace meshd
