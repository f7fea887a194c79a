// SPDX-License-Identifier: Apache-2.0
// tls_impl.h: the state of one TLS connection, shared by handshake.cc (its beginning) and tls_stream.cc (its life).
#pragma once
#include <optional>
#include <string>

#include "base/chunk.h"
#include "tls/context_impl.h"
#include "tls/record_buffers.h"
#include "tls/svid_check.h"
#include "tls/tls_stream.h"

namespace meshd {

struct TlsStream::Impl : LocalCounted {
  mbedtls_ssl_context ssl;
  RecordBuffers buffers;
  std::shared_ptr<const TlsContext> context;
  std::unique_ptr<ByteStream> lower;
  Side side;  // the peer's: upstream of a client, client of a server

  ChunkQueue inbox;       // ciphertext from below, not yet read by mbedTLS
  Chunks outbox;          // ciphertext for below: whole blocks, the last of them open
  Block* open = nullptr;  // the block that records are being written into
  size_t open_used = 0;
  size_t expected_out = 0;  // bytes still to come of this write(): sizes the next block

  HandshakeNotes notes;
  std::optional<SvidCheck> check;    // while the handshake lasts
  std::optional<Error> pin_problem;  // of PeerCheck::pin
  std::optional<SpiffeId> peer_id;

  std::optional<Error> broken;  // reading and writing are over
  bool at_end = false;          // the peer's close_notify came
  bool finished = false;        // ours went out
  uint64_t total_read = 0, total_written = 0;

  Impl(std::unique_ptr<ByteStream> lower_stream, std::shared_ptr<const TlsContext> with, Side peer_side);
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl();

  // mbedTLS's view of the stream below: the two queues.
  static int pull(void* self, unsigned char* out, size_t n);
  static int push(void* self, const unsigned char* bytes, size_t n);

  // What mbedTLS has written since the last call.
  Chunks take_out();
  // What a status of mbedTLS means. Final ones only: not WANT_READ.
  Error error_of(int status) const;
  // Remembers the first failure.
  Error break_with(Error why);
};

}  // namespace meshd
