// SPDX-License-Identifier: Apache-2.0
// h1_write.h: heads and content on their way out (RFC 9112 sections 3 to 7).
#pragma once
#include "base/chunk.h"
#include "http/message.h"
#include "http/semantics.h"
#include "loop/loop.h"
#include "net/byte_stream.h"

namespace meshd {

// What the Connection field says, besides what Upgrade and TE need.
enum class ConnectionOption : uint8_t { none, close, keep_alive };

// Each is one chunk, made in one allocation. `framing` says which framing field to write: content-length (also
// where has_length without a body), transfer-encoding, or none.
Chunk write_request_head(const RequestHead& head, const Framing& framing);
// `upgrade`: the protocol a 101 switches to.
Chunk write_response_head(const ResponseHead& head, const Framing& framing, ConnectionOption option,
                          std::string_view upgrade = {});

// Sends a head and the content that `body` gives, as `framing` says. Head and first content leave in one write
// where the content is there already.
struct Sent {
  Result<> stream;  // error: the stream took no more
  Result<> body;    // error: the body failed, or gave more or less than its length; the message is incomplete
  bool begun = true;  // some of the message was handed to the stream
  bool whole() const { return stream && body; }
};
// `stream` and `body` must outlive the task. A write the peer takes nothing of for kWriteStall closes the stream.
Task<Sent> send_message(ByteStream& stream, Chunk head, Body* body, Framing framing);

}  // namespace meshd
