// SPDX-License-Identifier: Apache-2.0
// client_pool.h: the HTTP/1 connections of one loop to one endpoint under one identity.
#pragma once
#include <memory>

#include "base/limits.h"
#include "base/local_ptr.h"
#include "http/h1_client.h"
#include "http/message.h"
#include "net/byte_stream.h"

namespace meshd {

// Makes a connection: TCP, TLS, or a tunnel stream.
class Connector {
 public:
  virtual ~Connector() = default;
  virtual Task<Result<std::unique_ptr<ByteStream>>> connect() = 0;
};

class ClientPool final : public Service {
 public:
  struct Options {
    size_t idle_max = kIdlePerPool;
    milliseconds idle = kUpstreamIdle;
    milliseconds body_stall = kAnswerSilence;  // between two pieces of an answer
    HeadLimits limits;
  };
  explicit ClientPool(std::unique_ptr<Connector> connector) : ClientPool(std::move(connector), Options()) {}
  ClientPool(std::unique_ptr<Connector> connector, Options options);
  ClientPool(const ClientPool&) = delete;
  ClientPool& operator=(const ClientPool&) = delete;
  // Calls under way go on to their end; idle connections close now.
  ~ClientPool() override;

  // Takes the idle connection used last, else connects. A call on a reused connection that dies before a byte
  // of an answer is made once more on a fresh one if the request has no content and is idempotent: the upstream
  // closed while the request was on its way (RFC 9112 section 9.3.1).
  // Errors: the connector's; as H1Client::call.
  Task<Result<Response>> call(Request& request) override { return call(request, nullptr); }
  Task<Result<Response>> call(Request& request, CallFacts* facts);

  size_t idle() const;
  size_t active() const;  // connections with a call or body under way, and connects
  // Ends every connection; calls under way fail with `why`.
  void close_all(Error why);

  struct Shared;

 private:
  LocalPtr<Shared> shared_;  // the pool's, its calls' and its connections'
};

}  // namespace meshd
