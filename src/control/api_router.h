// SPDX-License-Identifier: Apache-2.0
// api_router.h: method and path to a handler, for the JSON APIs: the local admin socket and the control port.
//
//   router.add("GET", "/v1/revisions/{}/acks", [this](ApiCall& call) { return acks(call); });
// The lambda only forwards; the handler itself is a named coroutine. Failures that a handler returns as
// Detailed or Error become {"error": sentence, "code": reason}.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/limits.h"
#include "http/message.h"

namespace meshd {

// Lives until its handler has returned.
struct ApiCall {
  Request& request;
  std::string
      caller;  // "root", "uid:1007", "node.n2": who asks, for the audit log; by whoever mounts the router
  std::vector<std::string> parts;  // what each {} of the pattern stands for, percent-decoded; by the router

  // The query's parameter, percent-decoded; nullopt: absent.
  std::optional<std::string> query(std::string_view name) const;
  // The same as a number in [0, max]; `otherwise` where it is absent. Errors: invalid_argument.
  Outcome<int64_t> query_number(std::string_view name, int64_t otherwise, int64_t max) const;
};

using ApiHandler = std::function<Task<Result<Response>>(ApiCall&)>;

class ApiRouter {
 public:
  // `pattern`: segments, of which `{}` takes any one. A more exact pattern wins over one with `{}`.
  void add(std::string_view method, std::string_view pattern, ApiHandler handler);
  // 404 and 405 are answered here. `request` outlives the task.
  Task<Result<Response>> serve(Request& request, std::string caller);

 private:
  struct Entry {
    std::string method;
    std::vector<std::string> segments;
    ApiHandler handler;
  };
  std::vector<Entry> entries_;
};

// The request's body as JSON: an object, at most `max` bytes; an empty body is an empty object.
// Errors: invalid_argument, body_too_large, those of the stream.
Task<Outcome<Json>> json_body(Request& request, size_t max = kAdminBodyMax);

Response json_response(int status, const Json& body);
// {"error","code"} with the status for that code: 400 invalid_argument, 403 denied and permission, 404 not_found,
// 409 conflict, 413, 422 …, 429 overload, 500 the rest.
Response api_error(const Detailed& error);
Response api_error(int status, const Detailed& error);

}  // namespace meshd
