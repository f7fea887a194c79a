// SPDX-License-Identifier: Apache-2.0
// authorizer.h: the stage after authorize, for services that the file names: a program that is asked about each request the
// rules allow, before anything of it reaches the service's own program.
//
// Asked is GET for the file's address, with who calls whom (x-meshd-client-id, x-meshd-service), the request's method,
// host and target (x-forwarded-method, -host and -uri, as reverse proxies write them) and the fields that the file lists.
// 2xx allows. 401 and 403 are handed to the caller with their content. Everything else is a failure.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "http/client_pool.h"
#include "http/message.h"
#include "model/model.h"

namespace meshd {

struct Exchange;

inline constexpr size_t kAuthorizerAnswerMax = 64 * 1024;  // content of its answer; a page to sign in fits

// One loop's connections to authorizers.
class Authorizers {
 public:
  Service& at(const model::Authorizer& a);

 private:
  std::map<std::string, std::unique_ptr<ClientPool>> pools_;  // by address
};

struct AuthorizerWord {
  bool allowed = false;
  Error why{};
  std::optional<Response> theirs;  // their answer, where that is the caller's too
};

// Asks about x.request, which policy allowed. On the way the fields that the answer may set leave the request, whoever
// wrote them, and come back as the answer says. x lives until this returns.
Task<AuthorizerWord> ask_authorizer(Exchange& x);
// The answer to a request that it does not allow.
Response refuse_by_authorizer(std::unique_ptr<Exchange>&& x, AuthorizerWord word);

}  // namespace meshd
