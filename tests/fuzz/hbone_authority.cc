// SPDX-License-Identifier: Apache-2.0
// hbone_authority: the :authority of CONNECT between nodes, against a small mesh.
#include "fuzz.h"
#include "model/config.h"
#include "proxy/tunnel_authority.h"

namespace meshd::fuzz {
namespace {

const Snapshot& mesh() {
  static const SnapshotPtr snapshot = [] {
    auto parsed = model::parse_config(
        "services:\n"
        "  web: { port: 80, instances: [{ node: n1, port: 8080 }, { node: n2, port: 8080 }] }\n"
        "  db: { protocol: tcp, port: 5432, instances: [{ node: n1, port: 5432 }] }\n");
    must(parsed.model.has_value(), "the target's own file");
    return compile(*parsed.model, {{"n1", "10.0.0.1", 15008, ""}, {"n2", "10.0.0.2", 15008, ""}},
                   Revision{1});
  }();
  return *snapshot;
}

}  // namespace

FUZZ_TARGET(hbone_authority) {
  auto end = parse_tunnel(bytes, mesh(), "n1");
  if (!end) return;
  must(end->port != 0, "a tunnel to port 0");
  must(bytes.find_first_of(std::string_view("@/?#% \t\r\n\0", 10)) == std::string_view::npos, "a delimiter",
       bytes);
  if (end->service.empty()) return;
  must(end->service.find_first_of(":[]") == std::string::npos || bytes.starts_with('['),
       "a port within the name");
  if (bytes.starts_with('[')) return;  // an address that leads nowhere keeps its text
  auto again = parse_tunnel(end->service + ":" + std::to_string(end->port), mesh(), "n1");
  must(again && again->service == end->service && again->port == end->port, "a tunnel has two readings",
       bytes);
}

}  // namespace meshd::fuzz
