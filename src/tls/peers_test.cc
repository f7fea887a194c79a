// SPDX-License-Identifier: Apache-2.0
#include "tls/peers_test.h"

namespace meshd {
namespace {

Task<void> note_read(ByteStream& s, std::optional<Result<Chunk>>& out) { out = co_await s.read(); }
Task<void> note_write(ByteStream& s, Chunks chunks, std::optional<Result<size_t>>& out) {
  out = co_await s.write(std::move(chunks));
}
Task<void> note_finish(ByteStream& s, std::optional<Result<>>& out) { out = co_await s.finish(); }

Issuer make_root(const std::string& trust_domain) {
  auto key = std::make_shared<const KeyPair>(KeyPair::generate(Curve::p384).value());
  return {key, issue_root(*key, {trust_domain, "root", valid_for(kNow, kRootLifetime)}).value()};
}
Issuer make_issuing(const Issuer& root, const std::string& trust_domain) {
  auto key = std::make_shared<const KeyPair>(KeyPair::generate().value());
  CaSpec spec{trust_domain, "issuing", valid_for(kNow, kIssuingLifetime)};
  return {key, issue_intermediate(root, key->public_key(), spec).value()};
}

}  // namespace

Mesh::Mesh(std::string domain)
    : trust_domain(std::move(domain)),
      root(make_root(trust_domain)),
      issuing(make_issuing(root, trust_domain)),
      bundle(TrustBundle::make(trust_domain, {root.certificate}).value()) {
  clock.set_unix(kNow);
}

Identity Mesh::identity(const SpiffeId& id, UnixSeconds lifetime) const {
  auto key = std::make_shared<const KeyPair>(KeyPair::generate().value());
  Certificate leaf =
      issue_leaf(issuing, key->public_key(), {id, valid_for(clock.unix_now(), lifetime)}).value();
  return {id, key, CertificateChain({leaf, issuing.certificate})};
}

TlsSettings Mesh::settings(std::vector<Identity> identities) const {
  TlsSettings s;
  s.identities = std::move(identities);
  s.bundle = bundle;
  s.alpn = {"h2"};
  s.clock = &clock;
  return s;
}

Task<void> connect(std::unique_ptr<ByteStream> lower, std::shared_ptr<const TlsContext> context,
                   ClientOptions options, std::optional<Made>& out) {
  out = co_await tls_connect(std::move(lower), std::move(context), std::move(options));
}

Task<void> accept(std::unique_ptr<ByteStream> lower, std::shared_ptr<const TlsContext> context,
                  ServerOptions options, std::optional<Made>& out) {
  out = co_await tls_accept(std::move(lower), std::move(context), std::move(options));
}

Outcomes shake(Loop& loop, std::shared_ptr<const TlsContext> client, std::shared_ptr<const TlsContext> server,
               Options options) {
  PipePair pipe = make_pipe();
  std::optional<Made> c, s;
  spawn(connect(std::move(pipe.a), std::move(client), std::move(options.client), c));
  spawn(accept(std::move(pipe.b), std::move(server), std::move(options.server), s));
  loop.run_until([&] { return c && s; });
  return {std::move(*c), std::move(*s)};
}

Await<Result<size_t>> Spy::write(Chunks chunks) {
  ++writes;
  std::string bytes;
  for (const Chunk& c : chunks) bytes += c.view();
  written += bytes;
  if (spoil && !bytes.empty()) bytes.back() = static_cast<char>(bytes.back() ^ 1);
  return below_->write(Chunk::copy(bytes));
}

void settle(Loop& loop) {
  int turns = 0;
  loop.post([] {});
  loop.run_until([&] {
    loop.post([] {});
    return ++turns > 5;
  });
}

Result<Chunk> read(Loop& loop, ByteStream& s) {
  std::optional<Result<Chunk>> out;
  spawn(note_read(s, out));
  loop.run_until([&] { return out.has_value(); });
  return std::move(*out);
}

Result<size_t> write(Loop& loop, ByteStream& s, Chunks chunks) {
  std::optional<Result<size_t>> out;
  spawn(note_write(s, std::move(chunks), out));
  loop.run_until([&] { return out.has_value(); });
  return *out;
}

Result<size_t> write(Loop& loop, ByteStream& s, std::string_view text) {
  Chunks chunks;
  chunks.push_back(Chunk::copy(text));
  return write(loop, s, std::move(chunks));
}

Result<> finish(Loop& loop, ByteStream& s) {
  std::optional<Result<>> out;
  spawn(note_finish(s, out));
  loop.run_until([&] { return out.has_value(); });
  return *out;
}

}  // namespace meshd
