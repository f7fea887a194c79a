// SPDX-License-Identifier: Apache-2.0
// relay.h: bytes both ways between two streams until both directions have ended.
#pragma once
#include <optional>

#include "base/clock.h"
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

}  // namespace meshd
