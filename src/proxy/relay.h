// SPDX-License-Identifier: Apache-2.0
// relay.h: bytes both ways between two streams until both directions have ended.
#pragma once
#include <optional>

#include "base/clock.h"
#include "http/server_group.h"
#include "net/byte_stream.h"

namespace meshd {

struct RelayTotals {
  uint64_t from_client = 0;  // bytes
  uint64_t to_client = 0;
  std::optional<Error> error;  // the first that ended it; none: both directions ended in order
};

// An end of one direction is passed on as a half-close; the other direction goes on. An error on either side
// closes both with a reset. `idle`: closed after so long without a byte either way; 0: never.
Task<RelayTotals> relay(ByteStream& client, ByteStream& upstream, milliseconds idle);

// A connection that carries bytes, as its side of the mesh sees it: one decision, one upstream, one record.
class OpaqueSide {
 public:
  virtual ~OpaqueSide() = default;
  // Decides and connects, once. `first`: what the client has said already, if it spoke first.
  // Errors: policy's and the connector's; they are recorded.
  virtual Task<Result<std::unique_ptr<ByteStream>>> open(std::string_view first) = 0;
  // How long neither side may speak.
  virtual milliseconds idle() const = 0;
  virtual void ended(const RelayTotals& totals) = 0;
  // It is not bytes after all: nothing is recorded.
  virtual void dropped() = 0;
};

// Relays to the end of both directions: `first` of the client, then all that follows. `upstream`: opened already, or
// null. A client that cannot be served is reset.
Task<void> serve_opaque(ByteStream& client, std::unique_ptr<ByteStream> upstream, OpaqueSide& side,
                        ServerGroup& group, std::string first = {});

}  // namespace meshd
