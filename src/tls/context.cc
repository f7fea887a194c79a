// SPDX-License-Identifier: Apache-2.0
#include "tls/context.h"

#include <algorithm>

#include "tls/context_impl.h"
#include "tls/pem.h"
#include "tls/svid_check.h"

namespace meshd {
namespace {

std::unexpected<Error> bad(const char* why) { return fail(Errc::invalid_argument, Side::self, why); }

// AES-128 first: as strong as the P-256 keys around it, and the fastest. The others are for peers without it.
constexpr int kCipherSuites[] = {MBEDTLS_TLS1_3_AES_128_GCM_SHA256, MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
                                 MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256, 0};
// X25519 first: five times as fast here as P-256.
constexpr uint16_t kGroups[] = {MBEDTLS_SSL_IANA_TLS_GROUP_X25519, MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
                                MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1, MBEDTLS_SSL_IANA_TLS_GROUP_NONE};
constexpr uint16_t kSignatures[] = {MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256,
                                    MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384, MBEDTLS_TLS1_3_SIG_NONE};

// What servers of the world sign with besides (RFC 8446 4.2.3), in their chains also by PKCS #1 v1.5.
constexpr uint16_t kWorldSignatures[] = {MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256,
                                         MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384,
                                         MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256,
                                         MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA384,
                                         MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA512,
                                         MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256,
                                         MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA384,
                                         MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA512,
                                         MBEDTLS_TLS1_3_SIG_NONE};

// The client named a workload: answer as that one if it lives here, else as the default. A client that meant another
// finds out by the id in the certificate.
int pick_by_name(void*, mbedtls_ssl_context* ssl, const unsigned char* name, size_t size) {
  auto& notes = *static_cast<HandshakeNotes*>(mbedtls_ssl_get_user_data_p(ssl));
  notes.sni.assign(reinterpret_cast<const char*>(name), size);
  auto id = id_of_sni(notes.sni);
  if (!id) return 0;
  const TlsContext::Impl& context = notes.context->impl();
  const auto& identities = context.settings.identities;
  auto found = std::ranges::find(identities, *id, &Identity::id);
  if (found == identities.end() || found == identities.begin()) return 0;
  notes.identity = static_cast<size_t>(found - identities.begin());
  return mbedtls_ssl_set_hs_own_cert(ssl, context.chains[notes.identity]->shared(),
                                     found->key->impl().pk.shared());
}

// The identity is picked: an expired one is not shown.
int refuse_expired(mbedtls_ssl_context* ssl) {
  auto& notes = *static_cast<HandshakeNotes*>(mbedtls_ssl_get_user_data_p(ssl));
  const TlsSettings& s = notes.context->impl().settings;
  bool expired = s.identities[notes.identity].chain.leaf().not_after() < s.clock->unix_now();
  notes.expired = expired;
  return expired ? MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE : 0;
}

const char* problem_of(const TlsSettings& s, bool server) {
  bool pin = s.check == PeerCheck::pin, name = s.check == PeerCheck::name;
  if (server && (pin || name)) return "a server cannot check by pin or by name";
  if (name) return s.identities.empty() ? nullptr : "a client outside the mesh shows no identity";
  if (!server && s.check == PeerCheck::svid_if_given)
    return "a client always checks the server's certificate";
  if (pin ? (s.pin.empty() || !valid_trust_domain(s.trust_domain)) : !s.bundle.has_value())
    return "a TLS context needs a trust bundle, or a pin and a trust domain";
  if (s.identities.empty() && (server || !pin)) return "a TLS context needs an identity";
  for (const Identity& i : s.identities) {
    if (i.key == nullptr || i.chain.empty()) return "an identity needs a key and a certificate";
    auto key = i.chain.leaf().public_key();
    if (!key || *key != i.key->public_key()) return "an identity's key does not belong to its certificate";
    if (i.chain.leaf().uris() != std::vector<std::string>{i.id.uri()})
      return "an identity's certificate is for another name";
  }
  for (const std::string& name : s.alpn)
    if (name.empty() || name.size() > 255) return "an ALPN name has 1 to 255 bytes";
  return nullptr;
}

// Everything but the identity.
bool fill(mbedtls_ssl_config& conf, TlsContext::Impl& impl) {
  const TlsSettings& s = impl.settings;
  if (mbedtls_ssl_config_defaults(&conf, impl.server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
                                  MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT) != 0)
    return false;
  mbedtls_ssl_conf_rng(&conf, mbed_random, nullptr);
  mbedtls_ssl_conf_min_tls_version(&conf, MBEDTLS_SSL_VERSION_TLS1_3);
  mbedtls_ssl_conf_max_tls_version(&conf, MBEDTLS_SSL_VERSION_TLS1_3);
  mbedtls_ssl_conf_ciphersuites(&conf, kCipherSuites);
  mbedtls_ssl_conf_groups(&conf, kGroups);
  bool world = s.check == PeerCheck::name;
  mbedtls_ssl_conf_sig_algs(&conf, world ? kWorldSignatures : kSignatures);
  // Resumption would let a session outlive a change of certificates; connections are kept and shared instead.
  mbedtls_ssl_conf_tls13_key_exchange_modes(&conf, MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL);
  mbedtls_ssl_conf_session_tickets(&conf, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);

  // Optional means: the peer may show none. What is shown is always checked, by the stream's callback.
  bool required = s.check == PeerCheck::svid || world;
  mbedtls_ssl_conf_authmode(&conf, required ? MBEDTLS_SSL_VERIFY_REQUIRED : MBEDTLS_SSL_VERIFY_OPTIONAL);
  mbedtls_ssl_conf_cert_profile(&conf, world ? &mbedtls_x509_crt_profile_default : &SvidCheck::profile());
  mbedtls_ssl_conf_ca_chain(&conf, impl.roots.shared(), nullptr);
  if (impl.server) {
    mbedtls_ssl_conf_sni(&conf, pick_by_name, nullptr);
    mbedtls_ssl_conf_cert_cb(&conf, refuse_expired);
  }
  return impl.alpn.size() == 1 || mbedtls_ssl_conf_alpn_protocols(&conf, impl.alpn.data()) == 0;
}

Result<std::shared_ptr<const TlsContext>> make(TlsSettings settings, bool server) {
  crypto_ready();
  if (const char* why = problem_of(settings, server)) return bad(why);
  auto impl = std::make_unique<TlsContext::Impl>();
  impl->settings = std::move(settings);
  impl->server = server;
  const TlsSettings& s = impl->settings;
  if (s.bundle)
    for (const Certificate& root : s.bundle->roots())
      if (!impl->roots.push(root.der())) return bad("a root certificate cannot be used");
  if (s.check == PeerCheck::name) {
    auto blocks = parse_pem(s.roots);
    if (!blocks) return fail(blocks.error());
    // Some authorities have keys that we cannot use: those prove nothing to us.
    for (const PemBlock& block : *blocks)
      if (block.label == "CERTIFICATE") (void)impl->roots.push(block.der);
    if (impl->roots.empty) return bad("there is no root certificate that can be used");
  }
  for (const std::string& name : s.alpn) impl->alpn.push_back(name.c_str());
  impl->alpn.push_back(nullptr);
  for (const Identity& identity : s.identities) {
    auto& chain = impl->chains.emplace_back(std::make_unique<CrtList>());
    for (const Certificate& c : identity.chain.certificates())
      if (!chain->push(c.der())) return bad("an identity's certificate cannot be used");
  }

  size_t configs = server ? 1 : std::max<size_t>(s.identities.size(), 1);
  for (size_t i = 0; i < configs; ++i) {
    mbedtls_ssl_config& conf = impl->configs.emplace_back(std::make_unique<TlsContext::Impl::Config>())->conf;
    if (!fill(conf, *impl)) return bad("a TLS configuration was refused");
    if (s.identities.empty()) continue;
    if (mbedtls_ssl_conf_own_cert(&conf, impl->chains[i]->shared(),
                                  s.identities[i].key->impl().pk.shared()) != 0)
      return bad("an identity was refused");
  }
  return std::make_shared<const TlsContext>(std::move(impl));
}

}  // namespace

TlsContext::TlsContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsContext::~TlsContext() = default;

Result<std::shared_ptr<const TlsContext>> TlsContext::server(TlsSettings s) {
  return make(std::move(s), true);
}
Result<std::shared_ptr<const TlsContext>> TlsContext::client(TlsSettings s) {
  return make(std::move(s), false);
}

const TlsSettings& TlsContext::settings() const { return impl_->settings; }

const Identity* TlsContext::identity(const SpiffeId& id) const {
  auto found = std::ranges::find(impl_->settings.identities, id, &Identity::id);
  return found == impl_->settings.identities.end() ? nullptr : &*found;
}

}  // namespace meshd
