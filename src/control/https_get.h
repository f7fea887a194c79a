// SPDX-License-Identifier: Apache-2.0
// https_get.h: a document of a server outside the mesh, which proves its name under roots that are given.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "loop/task.h"
#include "net/resolver.h"
#include "tls/context.h"

namespace meshd {

struct HttpsUrl {
  std::string host;  // a name, or an address without brackets
  uint16_t port = 443;
  std::string authority;  // as it is written
  std::string target;     // path and query
};
// Errors: invalid_argument, for what is no https URL without user, fragment and characters that no URL has.
Outcome<HttpsUrl> parse_https_url(std::string_view url);

struct HttpsGet {
  HttpsUrl url;
  std::shared_ptr<const TlsContext> tls;  // PeerCheck::name
  size_t bytes_max = 0;                   // of the document
  milliseconds limit{5'000};              // of each step: name, connection, handshake, answer
};

// The content of a 200; redirects are not followed: whoever configures an address means it. Errors: each a sentence that
// names the host.
Task<Outcome<std::string>> https_get(Resolver& resolver, HttpsGet get);

// TLS to the world with the roots of this PEM file; empty: the system's. Errors: not_found, permission, invalid_argument.
Outcome<std::shared_ptr<const TlsContext>> world_tls(const std::string& roots_file);

}  // namespace meshd
