// SPDX-License-Identifier: Apache-2.0
// handshake.cc: the beginning of a TLS connection: agree, check who it is, then and only then hand it out.
#include <algorithm>
#include <cstring>

#include "loop/loop.h"
#include "tls/tls_impl.h"
#include "tls/tls_stream.h"

namespace meshd {
namespace {

using Made = Result<std::unique_ptr<TlsStream>>;

// How long a refused peer may take to read why.
constexpr milliseconds kAlertLinger{250};
constexpr size_t kAlertLingerBytes = 64 * 1024;

// The certificates as they came, from the head of mbedTLS's list.
CertificateChain chain_of(const mbedtls_x509_crt* head) {
  CertificateChain chain;
  for (const mbedtls_x509_crt* c = head; c != nullptr && chain.size() <= kChainMax; c = c->next)
    if (auto certificate = Certificate::from_der(view_of(c->raw))) chain.push(std::move(*certificate));
  return chain;
}

// RFC 8446 gives alerts the keys of their moment; mbedTLS 3.6 sends a client's refusal in the clear, and a server's
// under keys the client has left behind, so that the peer sees a broken record in place of the reason. These two set
// the right keys, at points after which the library writes nothing but alerts until it sets them itself.
void use_handshake_keys(mbedtls_ssl_context& client) {
  client.transform_out = client.transform_in;
  std::memset(client.cur_out_ctr, 0, sizeof client.cur_out_ctr);
}
void use_application_keys(mbedtls_ssl_context& server) {
  if (server.state != MBEDTLS_SSL_CLIENT_CERTIFICATE || server.transform_application == nullptr) return;
  server.transform_out = server.transform_application;
  std::memset(server.cur_out_ctr, 0, sizeof server.cur_out_ctr);
}

// The mbedtls verify callback: SvidCheck's, with the keys for what follows a refusal.
int check_svid(void* self, mbedtls_x509_crt* crt, int depth, uint32_t* flags) {
  auto& i = *static_cast<TlsStream::Impl*>(self);
  int status = SvidCheck::on_certificate(&*i.check, crt, depth, flags);
  if (status != 0 && i.side == Side::upstream) use_handshake_keys(i.ssl);
  return status;
}

// The mbedtls verify callback of a client that joins: it trusts no root yet, only the hash of one. Called for each
// certificate from the root down; the leaf comes last and brings the whole chain with it.
int check_by_pin(void* self, mbedtls_x509_crt* crt, int depth, uint32_t* flags) {
  auto& i = *static_cast<TlsStream::Impl*>(self);
  *flags = 0;
  if (depth > 0) return 0;
  const TlsSettings& s = i.context->settings();
  CertificateChain chain = chain_of(crt);
  auto bundle = pinned_bundle(chain, s.pin, s.trust_domain);
  auto id = bundle ? verify_svid(chain, *bundle, i.check->expectations()) : fail(bundle.error());
  if (id) {
    i.peer_id = std::move(*id);
    return 0;
  }
  i.pin_problem = Error{id.error().code, i.side, id.error().why};
  *flags = MBEDTLS_X509_BADCERT_OTHER;
  use_handshake_keys(i.ssl);
  return MBEDTLS_ERR_X509_FATAL_ERROR;
}

struct Setup {
  size_t identity = 0;
  std::string sni;
  Expectations expect;
};

Result<> set_up(TlsStream::Impl& i, Setup setup) {
  const TlsContext::Impl& context = i.context->impl();
  const TlsSettings& s = context.settings;
  i.notes.identity = setup.identity;
  const mbedtls_ssl_config& conf = context.configs[context.server ? 0 : setup.identity]->conf;
  int status = mbedtls_ssl_setup(&i.ssl, &conf);
  if (status != 0) return fail(i.error_of(status));
  mbedtls_ssl_set_user_data_p(&i.ssl, &i.notes);
  mbedtls_ssl_set_bio(&i.ssl, &i, TlsStream::Impl::push, TlsStream::Impl::pull, nullptr);
  if (!context.server) {
    // Sets the server name that is sent; null says that we mean to send none. The name in the certificate is the
    // library's affair for servers of the world, else our check's (svid_check.h clears the flag).
    if (s.check == PeerCheck::name && setup.sni.empty())
      return fail(Errc::invalid_argument, Side::self, "a server of the world is asked for by its name");
    status = mbedtls_ssl_set_hostname(&i.ssl, setup.sni.empty() ? nullptr : setup.sni.c_str());
    if (status != 0) return fail(Errc::invalid_argument, Side::self, "the TLS server name is too long");
    i.notes.sni = std::move(setup.sni);
  }
  if (s.check == PeerCheck::name) return {};
  bool pin = s.check == PeerCheck::pin;
  i.check.emplace(pin ? s.trust_domain : s.bundle->trust_domain(), std::move(setup.expect));
  mbedtls_ssl_set_verify(&i.ssl, pin ? check_by_pin : check_svid, &i);
  return {};
}

// Why a server of the world is not who was asked for.
Error world_problem(const TlsStream::Impl& i) {
  uint32_t found = mbedtls_ssl_get_verify_result(&i.ssl);
  auto has = [found](uint32_t flags) { return found != UINT32_MAX && (found & flags) != 0; };
  if (has(MBEDTLS_X509_BADCERT_CN_MISMATCH))
    return {Errc::identity, i.side, "the server's certificate is for another name"};
  if (has(MBEDTLS_X509_BADCERT_EXPIRED))
    return {Errc::identity, i.side, "the server's certificate has expired"};
  if (has(MBEDTLS_X509_BADCERT_FUTURE))
    return {Errc::identity, i.side, "the server's certificate is not valid yet"};
  if (has(MBEDTLS_X509_BADCERT_NOT_TRUSTED))
    return {Errc::identity, i.side, "the server's certificate is of no authority that we trust"};
  return {Errc::identity, i.side, "the server's certificate is not acceptable"};
}

// Whom did the finished handshake find? The library has refused what the checks refused; this refuses whatever could
// get past them.
Result<> settle_peer(TlsStream::Impl& i) {
  const TlsSettings& s = i.context->settings();
  if (s.check == PeerCheck::pin) {
    if (i.pin_problem) return fail(*i.pin_problem);
    if (!i.peer_id) return fail(Errc::identity, i.side, "the peer shows no certificate");
    return {};
  }
  if (s.check == PeerCheck::name) {
    // The library has judged chain, times, use and name, and refuses without a certificate.
    if (mbedtls_ssl_get_peer_cert(&i.ssl) == nullptr || mbedtls_ssl_get_verify_result(&i.ssl) != 0)
      return fail(world_problem(i));
    return {};
  }
  if (mbedtls_ssl_get_peer_cert(&i.ssl) == nullptr) {
    if (s.check == PeerCheck::svid_if_given) return {};
    return fail(Errc::identity, i.side, "the peer shows no certificate");
  }
  auto id = i.check->result();
  if (!id) return fail(id.error());
  i.peer_id = std::move(*id);
  return {};
}

// The cause our own checks found says more than the library's status.
Error cause_of(const TlsStream::Impl& i, int status) {
  if (i.pin_problem) return *i.pin_problem;
  if (i.notes.expired) return {Errc::identity, Side::self, "our own certificate has expired"};
  if (i.check && i.check->refused()) return i.check->result().error();
  if (i.context->settings().check == PeerCheck::name && status == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED)
    return world_problem(i);
  return i.error_of(status);
}

// Runs the handshake to its end. Every wait is on the lower stream; closing that ends it.
Task<Result<>> shake_hands(TlsStream::Impl& i) {
  for (;;) {
    if (i.side == Side::client) use_application_keys(i.ssl);
    int status = mbedtls_ssl_handshake(&i.ssl);
    Chunks flight = i.take_out();
    if (!flight.empty()) {
      auto sent = co_await i.lower->write(std::move(flight));
      if (!sent) co_return fail(sent.error());
    }
    if (status == 0) co_return settle_peer(i);
    if (status != MBEDTLS_ERR_SSL_WANT_READ) co_return fail(cause_of(i, status));
    if (!i.inbox.empty()) continue;
    auto bytes = co_await i.lower->read();
    if (!bytes) co_return fail(bytes.error());
    if (bytes->empty()) co_return fail(Errc::reset, i.side, "the connection ended during the TLS handshake");
    i.inbox.push(std::move(*bytes));
  }
}

// Lets the alert reach the peer: its unread bytes would turn our close into a reset that overtakes the alert.
Task<void> linger(TlsStream::Impl& i) {
  auto finished = co_await i.lower->finish();
  if (!finished) co_return;
  for (size_t skipped = 0; skipped < kAlertLingerBytes;) {
    auto bytes = co_await i.lower->read();
    if (!bytes || bytes->empty()) co_return;
    skipped += bytes->size();
  }
}

void too_late(void* lower) {
  static_cast<ByteStream*>(lower)->close({Errc::timeout, Side::self, "the TLS handshake took too long"});
}

Task<Made> establish(LocalPtr<TlsStream::Impl> impl, Setup setup, milliseconds limit) {
  TlsStream::Impl& i = *impl;
  if (auto ready = set_up(i, std::move(setup)); !ready) co_return fail(ready.error());
  Timer deadline(too_late, i.lower.get());
  deadline.start(limit);
  auto agreed = co_await shake_hands(i);
  if (!agreed) {
    Error why = agreed.error();
    if (why.code == Errc::timeout) why.side = i.side;
    deadline.start(kAlertLinger);
    co_await linger(i);
    deadline.stop();
    i.lower->close(why);
    co_return fail(why);
  }
  deadline.stop();
  i.check.reset();
  co_return std::make_unique<TlsStream>(std::move(impl));
}

}  // namespace

Task<Made> tls_connect(std::unique_ptr<ByteStream> lower, std::shared_ptr<const TlsContext> context,
                       ClientOptions options) {
  const TlsSettings& s = context->settings();
  Setup setup;
  setup.sni = std::move(options.sni);
  setup.expect = {s.clock->unix_now(), PeerRole::server, std::move(options.expected), s.denied.get(),
                  s.ahead};
  if (options.identity) {
    auto found = std::ranges::find(s.identities, *options.identity, &Identity::id);
    if (found == s.identities.end())
      co_return fail(Errc::identity, Side::self, "this node has no such identity");
    setup.identity = static_cast<size_t>(found - s.identities.begin());
  }
  if (!s.identities.empty() && s.identities[setup.identity].chain.leaf().not_after() < s.clock->unix_now())
    co_return fail(Errc::identity, Side::self, "our own certificate has expired");
  LocalPtr<TlsStream::Impl> impl(new TlsStream::Impl(std::move(lower), std::move(context), Side::upstream));
  co_return co_await establish(std::move(impl), std::move(setup), options.limit);
}

Task<Made> tls_accept(std::unique_ptr<ByteStream> lower, std::shared_ptr<const TlsContext> context,
                      ServerOptions options) {
  Setup setup;
  const TlsSettings& s = context->settings();
  setup.expect = {s.clock->unix_now(), PeerRole::client, std::move(options.expected), s.denied.get(),
                  s.ahead};
  LocalPtr<TlsStream::Impl> impl(new TlsStream::Impl(std::move(lower), std::move(context), Side::client));
  co_return co_await establish(std::move(impl), std::move(setup), options.limit);
}

}  // namespace meshd
