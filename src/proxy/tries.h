// SPDX-License-Identifier: Apache-2.0
// tries.h: the tries of one request: each has an endpoint, the content from its start and perhaps a time of its own;
// what one shows decides whether there is another.
#pragma once
#include <optional>

#include "proxy/balance.h"
#include "proxy/exchange.h"
#include "proxy/lease.h"
#include "proxy/replay.h"
#include "proxy/retry.h"

namespace meshd {

// The request cannot have reached the application: whatever it is, it may be sent elsewhere.
bool unreached(const Error& e);
// The far node answered in the application's place: it could not reach it. (An application cannot forge this: the far
// node removes the field from what it relays.)
std::optional<Error> unreached(const Response& r);

class Tries {
 public:
  // The route is decided. `x` and its request outlive this.
  explicit Tries(Exchange& x);
  Tries(const Tries&) = delete;
  Tries& operator=(const Tries&) = delete;
  ~Tries();

  // An endpoint for the next try, where it counts as under way from now on; null: there is none, or all had their try,
  // or are full.
  const Endpoint* pick();
  // The same, after pick() gave nothing: waits for room where the service says that requests may.
  Task<const Endpoint*> wait();
  bool may_wait() const { return full_ && made_ == 0 && x_.routing.to->service->limits.pending != 0; }
  // The try begins: the content starts from its beginning.
  void begin(const Endpoint& e);
  // It ended: the endpoint's state learns of it. True: this is the answer.
  bool ended(const Result<Response>& response);
  // After a try that gave no good answer: whether another is to be made. Waits as long as it has to.
  Task<bool> another(const Result<Response>& response);
  // Why the request fails, after the last try gave no answer.
  const Error& last() const { return last_; }

 private:
  bool over() const;
  const Endpoint* pick_now();
  void no_room(const char* limit);

  Exchange& x_;
  const model::Retries& policy_;
  uint32_t made_ = 0;
  Tried tried_;
  LocalPtr<Replay> replay_;  // null: no content, or no retries
  bool had_content_;
  bool own_connection_;  // of HTTP/1
  bool full_ = false;    // there would be an endpoint, but for its limits
  Instant began_{};      // the try
  Error last_;
};

}  // namespace meshd
