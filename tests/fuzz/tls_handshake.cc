// SPDX-License-Identifier: Apache-2.0
// tls_handshake: the first bytes of a peer that has no key of ours. "S…": a client's to the mesh port, "C…": a server's
// answer to our ClientHello. Nobody gets through, whatever they say, and nothing waits for ever.
#include "http_kit.h"
#include "tls/issue.h"
#include "tls/tls_stream.h"

namespace meshd::fuzz {
namespace {

constexpr UnixSeconds kNow = 1'760'000'000;

struct Mesh {
  FakeClock clock;
  std::shared_ptr<const TlsContext> server, client;

  Mesh() {
    clock.set_unix(kNow);
    auto root_key = std::make_shared<const KeyPair>(KeyPair::generate().value());
    Issuer root{root_key,
                issue_root(*root_key, {"mesh.test", "root", valid_for(kNow, kRootLifetime)}).value()};
    auto key = std::make_shared<const KeyPair>(KeyPair::generate().value());
    SpiffeId id = service_id("mesh.test", "web");
    Certificate leaf = issue_leaf(root, key->public_key(), {id, valid_for(kNow, kLeafLifetime)}).value();
    TlsSettings settings;
    settings.identities = {Identity{id, key, CertificateChain({leaf})}};
    settings.bundle = TrustBundle::make("mesh.test", {root.certificate}).value();
    settings.alpn = {"h2"};
    settings.clock = &clock;
    server = TlsContext::server(settings).value();
    client = TlsContext::client(settings).value();
  }
};

using Made = Result<std::unique_ptr<TlsStream>>;

Task<void> accept(std::unique_ptr<ByteStream> lower, const Mesh& mesh, std::optional<Made>& out) {
  out = co_await tls_accept(std::move(lower), mesh.server, {});
}
Task<void> connect(std::unique_ptr<ByteStream> lower, const Mesh& mesh, std::optional<Made>& out) {
  ClientOptions options;
  options.sni = "web.default.mesh.test";
  out = co_await tls_connect(std::move(lower), mesh.client, std::move(options));
}

}  // namespace

FUZZ_TARGET(tls_handshake) {
  if (bytes.empty()) return;
  the_loop();
  static const Mesh* mesh = new Mesh();
  PipePair pipe = make_pipe();
  std::optional<Made> out;
  std::string said;
  if (bytes.front() == 'C')
    spawn(connect(std::move(pipe.b), *mesh, out));
  else
    spawn(accept(std::move(pipe.b), *mesh, out));
  spawn(send_pieces(*pipe.a, std::string(bytes.substr(1)), Cuts::random));
  spawn(read_to_end(*pipe.a, said));
  run_all("a handshake");
  must(out.has_value() && !out->has_value(), "a peer without a key gets through");
  must(*out->error().why != '\0', "a refusal without a reason");
}

}  // namespace meshd::fuzz
