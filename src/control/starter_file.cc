// SPDX-License-Identifier: Apache-2.0
// starter_file.cc: the file that `meshd init` writes for people who have none: short, valid, and saying what can be added.
#include "control/server_state.h"

namespace meshd {
namespace {

constexpr std::string_view kText =
    R"(# The whole mesh in one file, on the server. Nodes that join need no file.
# After editing: `meshd check FILE`, then `meshd apply FILE`; the server also notices edits by itself.
version: 1

mesh:
  name: {mesh}
  trust_domain: {domain}    # first part of every identity; the authority was made for it and keeps it
  mtls: strict

server:
  control: "{control}"    # what nodes dial; also in join tokens

# A service is a name to call and an identity to call with. Take the # away and make it yours:
services: {}
#  web:
#    protocol: http                    # http, or tcp for anything else
#    listen: 8000                      # 127.0.0.1:8000 on every node reaches it
#    instances:                        # where it runs; `node` is a name given to init or join
#      - { node: {node}, port: 8080, tags: { version: v1 } }
#      - { node: n2, port: 8080, tags: { version: v2 } }
#    health: { http: { path: /, status: 200-299 }, interval: 5s }
#  batch:                              # only calls others: an identity without a port
#    instances: [{ node: n2, any_local: true }]

# In order; the first match wins. A service without routes takes everything on all its instances.
routes: []
#  - name: web-split
#    service: web
#    to:
#      - { tags: { version: v1 }, weight: 90 }
#      - { tags: { version: v2 }, weight: 10 }

# Who may call whom: deny rules first, then allow rules, then the default.
policy:
  default: deny
  rules: []
#    - { name: batch-to-web, allow: { from: [service/batch], to: web, methods: [GET] } }
)";

void replace(std::string& text, std::string_view what, const std::string& by) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

}  // namespace

std::string starter_file(const StarterOptions& options) {
  std::string text(kText);
  replace(text, "{mesh}", options.mesh_name);
  replace(text, "{domain}", options.trust_domain);
  replace(text, "{control}", options.control);
  replace(text, "{node}", options.node);
  return text;
}

}  // namespace meshd
