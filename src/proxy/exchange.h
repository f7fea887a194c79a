// SPDX-License-Identifier: Apache-2.0
// exchange.h: everything about one request (or one opaque connection), in the order in which the stages write it.
// It lives from accept to record; after the response head it travels inside the response's body (record.cc).
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/message.h"
#include "loop/loop.h"
#include "proxy/authenticate.h"
#include "proxy/balance.h"
#include "proxy/endpoint_state.h"
#include "proxy/loop_snapshot.h"
#include "proxy/try_timer.h"
#include "telemetry/access_log.h"

namespace meshd {

class DataPlane;

struct Exchange;

// Bytes of a request's content; outlives the exchange where the upload does.
struct ByteCount : LocalCounted {
  uint64_t bytes = 0;
  Exchange* waiting = nullptr;  // whose time begins when the content has ended
};

// The request as it was decided upon, where the route or the node changes it before it is sent.
struct Asked {
  std::string path, host;  // empty: unchanged
  std::vector<LoggedField> fields;
};

struct Exchange {
  Exchange(DataPlane& p, Direction d) : plane(p), direction(d) {}
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange();  // records what has not been recorded: a client that went away

  // accept
  DataPlane& plane;
  Direction direction;
  SnapshotRef snapshot;  // the one this exchange began with
  Instant start{};
  Request* request = nullptr;  // null: opaque TCP
  // identify
  const Peer* from = nullptr;  // the caller
  std::string_view client_ip;  // outbound: where it connects from
  // decide
  const ServiceEntry* service = nullptr;
  ShownToken token;              // by authenticate, before policy is asked
  Authorization policy;          // inbound, and outbound to endpoints outside the mesh
  Routing routing;               // outbound
  bool judged = false;           // policy has been asked
  std::unique_ptr<Asked> asked;  // what the access log is to say of it; null: what is sent says all
  // balance
  const Endpoint* endpoint = nullptr;
  EndpointState* load = nullptr;  // while this exchange counts as active there (lease.h)
  NodeLoad* node_load = nullptr;  // the same, where the service has limits
  bool own_connection = false;    // of that
  bool result_due = false;        // the endpoint's breaker hears of it when the answer has ended
  // send, relay
  int status = 0;               // of the response head; 0: none was sent
  LocalPtr<ByteCount> content;  // of the request; null: it has none
  uint64_t bytes_in = 0;        // from the client, opaque TCP
  uint64_t bytes_out = 0;
  std::string server_name;     // that the client's TLS asks for, opaque TCP
  std::optional<Error> error;  // the first thing that went wrong
  std::string detail;          // of our own error answer, for the access log
  // record
  GoldenSeries* golden = nullptr;
  bool recorded = false;

  // The request's deadline: ends whatever the call waits for.
  Cancellation cancellation;
  std::unique_ptr<TryTimer> try_timer;  // where the route limits one try
  milliseconds answer_within{0};        // the deadline's length; 0: none
  Timer deadline{&Exchange::on_deadline, this};
  static void on_deadline(void* self);
};
using ExchangePtr = std::unique_ptr<Exchange>;

// accept: a new exchange on the plane's current snapshot; its request's content is counted from here on.
ExchangePtr begin_exchange(DataPlane& plane, Direction direction, Request* request, const Peer& from);

// What decide may look at. The request and what `fields` was made from must outlive the facts.
RequestFacts facts_of(const Exchange& x, const FieldLookup& fields, uint64_t random);

// relay: hands the upstream's response on, counting; the exchange is recorded when its body ends.
Response relay_response(ExchangePtr&& x, Response response);
// An answer of our own, with its reason in x-meshd-error; recorded at once. Both take the exchange by reference, so
// that the other arguments may still look at it; it is gone afterwards.
Response refuse(ExchangePtr&& x, Error why, std::string detail = {});
// The same where the client may come again: with Retry-After (RFC 9110 section 10.2.3), whole seconds from 1.
Response refuse_for(ExchangePtr&& x, std::chrono::nanoseconds wait, Error why, std::string detail = {});

// decide: keeps what the access log is to say of the request as it came. Before anything of it is changed.
void note_asked(Exchange& x);
// authorize: policy allowed it, on the side that judges. What is long-lived counts from its beginning.
void note_flow(const Exchange& x, const Endpoint& to);
// record: metrics and the access log, once.
void record(Exchange& x);
// It was none after all: nothing is recorded.
void forget(Exchange& x);

}  // namespace meshd
