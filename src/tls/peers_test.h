// SPDX-License-Identifier: Apache-2.0
// peers_test.h: two sides of TLS for tests: a CA, identities, contexts, and handshakes over an in-memory pipe.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "loop/loop.h"
#include "net/byte_stream.h"
#include "net/pipe.h"
#include "tls/context.h"
#include "tls/forge_test.h"
#include "tls/issue.h"
#include "tls/tls_stream.h"

namespace meshd {

// A mesh's CA with its clock.
struct Mesh {
  std::string trust_domain;
  FakeClock clock;
  Issuer root, issuing;
  TrustBundle bundle;

  explicit Mesh(std::string trust_domain = "td.example");
  Identity identity(const SpiffeId& id, UnixSeconds lifetime = 86400) const;
  Identity service(const std::string& name) const { return identity(service_id(trust_domain, name)); }
  TlsSettings settings(std::vector<Identity> identities) const;
};

using Made = Result<std::unique_ptr<TlsStream>>;
Task<void> connect(std::unique_ptr<ByteStream> lower, std::shared_ptr<const TlsContext> context,
                   ClientOptions options, std::optional<Made>& out);
Task<void> accept(std::unique_ptr<ByteStream> lower, std::shared_ptr<const TlsContext> context,
                  ServerOptions options, std::optional<Made>& out);

// What both sides got. Destroy before the loop.
struct Outcomes {
  Made client, server;
  const char* client_why() const { return client ? "" : client.error().why; }
  const char* server_why() const { return server ? "" : server.error().why; }
};
struct Options {
  ClientOptions client;
  ServerOptions server;
};
Outcomes shake(Loop& loop, std::shared_ptr<const TlsContext> client, std::shared_ptr<const TlsContext> server,
               Options options = {});

// Passes everything on, notes what was written, and can spoil or drop it.
class Spy final : public ByteStream {
 public:
  explicit Spy(std::unique_ptr<ByteStream> below) : below_(std::move(below)) {}
  Await<Result<Chunk>> read() override { return below_->read(); }
  Await<Result<size_t>> write(Chunks chunks) override;
  using ByteStream::write;
  Await<Result<>> finish() override { return below_->finish(); }
  void close(Error why) override { below_->close(why); }
  bool ready() const override { return below_->ready(); }

  std::string written;  // everything so far
  size_t writes = 0;    // calls
  bool spoil = false;   // flip a bit in the last byte of each write

 private:
  std::unique_ptr<ByteStream> below_;
};

// Runs the loop until nothing is left to do at once.
void settle(Loop& loop);

// Reads and writes that are waited for by running the loop.
Result<Chunk> read(Loop& loop, ByteStream& s);
Result<size_t> write(Loop& loop, ByteStream& s, Chunks chunks);
Result<size_t> write(Loop& loop, ByteStream& s, std::string_view text);
Result<> finish(Loop& loop, ByteStream& s);

}  // namespace meshd
