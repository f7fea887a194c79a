// SPDX-License-Identifier: Apache-2.0
// context_impl.h: a TlsContext as mbedTLS sees it. Included by .cc files of this folder only.
#pragma once
#include "tls/mbed.h"  // first: it opens the library's structures

#include <mbedtls/ssl.h>

#include <memory>
#include <vector>

#include "tls/context.h"

namespace meshd {

// What a handshake keeps for the callbacks of the shared configuration (mbedtls_ssl_get_user_data_p).
struct HandshakeNotes {
  const TlsContext* context = nullptr;
  size_t identity = 0;   // place in TlsSettings::identities, by the server name callback
  std::string sni;       // by the server name callback
  bool expired = false;  // the identity picked has expired; by the certificate callback
};

struct TlsContext::Impl {
  TlsSettings settings;
  bool server = false;

  // One per identity, in the same order: its chain as mbedTLS wants it.
  std::vector<std::unique_ptr<CrtList>> chains;
  CrtList roots;
  std::vector<const char*> alpn;  // ends with null; points into settings

  // Servers have one configuration and pick the identity by server name. Clients have one per identity, because
  // mbedTLS lets only servers choose during a handshake. Read-only once made: handshakes of all loops share them.
  struct Config {
    mbedtls_ssl_config conf;
    Config() { mbedtls_ssl_config_init(&conf); }
    Config(const Config&) = delete;
    Config& operator=(const Config&) = delete;
    ~Config() { mbedtls_ssl_config_free(&conf); }
  };
  std::vector<std::unique_ptr<Config>> configs;
};

}  // namespace meshd
