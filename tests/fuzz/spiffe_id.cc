// SPDX-License-Identifier: Apache-2.0
// spiffe_id: SpiffeId::parse and the TLS server names made of ids. Each is the exact inverse of the other direction.
#include "tls/spiffe_id.h"
#include "fuzz.h"

namespace meshd::fuzz {

FUZZ_TARGET(spiffe_id) {
  if (auto id = SpiffeId::parse(bytes)) {
    must(id->uri() == bytes, "an id has two spellings", bytes);
    must(valid_trust_domain(id->trust_domain) && id->path.starts_with('/'), "an id of another shape", bytes);
    std::string_view service = service_of(*id), node = node_of(*id), server = server_of(*id);
    must(service.empty() || service_id(id->trust_domain, service) == *id, "service_of is no inverse", bytes);
    must(node.empty() || node_id(id->trust_domain, node) == *id, "node_of is no inverse", bytes);
    must(server.empty() || server_id(id->trust_domain, server) == *id, "server_of is no inverse", bytes);
    must(service.empty() + node.empty() + server.empty() >= 2, "an id of two kinds", bytes);
    std::string sni = sni_of(*id);
    if (!sni.empty()) must(id_of_sni(sni) == *id, "the server name leads to another id", sni);
  }
  if (auto id = id_of_sni(bytes)) {
    must(sni_of(*id) == bytes, "an id has two server names", bytes);
    must(SpiffeId::parse(id->uri()) == *id, "a server name leads to what is no id", bytes);
  }
}

}  // namespace meshd::fuzz
