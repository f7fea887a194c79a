// SPDX-License-Identifier: Apache-2.0
// tls_stream.h: TLS 1.3 over any ByteStream.
//
// mbedTLS works on memory only: ciphertext waits in an inbox and an outbox of ours, and no callback of it ever
// re-enters the loop. All records of one write() leave in one write to the stream below.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/local_ptr.h"
#include "net/byte_stream.h"
#include "tls/context.h"

namespace meshd {

class TlsStream final : public ByteStream {
 public:
  ~TlsStream() override;

  // An end without close_notify is an error (reset): somebody may have cut the stream short.
  Await<Result<Chunk>> read() override;
  Await<Result<size_t>> write(Chunks chunks) override;
  using ByteStream::write;
  // Sends close_notify and ends the lower stream's write direction.
  Await<Result<>> finish() override;
  void close(Error why) override;
  bool ready() const override;
  size_t queued() const override;

  // Whom verify_svid found; empty only on servers with PeerCheck::svid_if_given.
  const std::optional<SpiffeId>& peer_id() const;
  // As the peer sent it; parsed on each call.
  CertificateChain peer_chain() const;
  // The identity this side showed; null on a client without one. Lives as long as the stream.
  const Identity* local_identity() const;
  std::string_view alpn() const;  // empty: none agreed
  std::string_view sni() const;   // the server name the client asked for; may be empty
  const TlsContext& context() const;
  ByteStream& lower();

  // So many records have passed that new work should go over a new connection: AES-GCM keys are good for 2^24.5
  // (RFC 8446 5.5), and the library cannot change keys on the way.
  bool worn() const;

  // Application bytes since the handshake.
  uint64_t bytes_read() const;
  uint64_t bytes_written() const;

  struct Impl;
  explicit TlsStream(LocalPtr<Impl> impl);

 private:
  LocalPtr<Impl> impl_;  // shared with reads and writes that wait
};

struct ClientOptions {
  std::string sni;                   // server name to ask for; empty: none is sent
  std::vector<SpiffeId> expected;    // who the server may be; empty: anyone of the trust domain
  std::optional<SpiffeId> identity;  // which of the context's identities to show; none: the default
  milliseconds limit = kHandshakeTimeout;
};

// The handshake as a client. The server's certificate is checked before our own certificate or any data is sent.
// Errors (side upstream): identity (with the cause verify_svid gave), tls, timeout, and those of `lower`.
// On errors `lower` is closed after a fatal alert.
Task<Result<std::unique_ptr<TlsStream>>> tls_connect(std::unique_ptr<ByteStream> lower,
                                                     std::shared_ptr<const TlsContext> context,
                                                     ClientOptions options);

struct ServerOptions {
  std::vector<SpiffeId> expected;  // who the client may be; empty: anyone of the trust domain
  milliseconds limit = kHandshakeTimeout;
};

// The handshake as a server. Picks the identity by the client's server name (sni_of), else the default one.
// Errors (side client): as above.
Task<Result<std::unique_ptr<TlsStream>>> tls_accept(std::unique_ptr<ByteStream> lower,
                                                    std::shared_ptr<const TlsContext> context,
                                                    ServerOptions options = {});

}  // namespace meshd
