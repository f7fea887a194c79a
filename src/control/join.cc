// SPDX-License-Identifier: Apache-2.0
// join.cc: check what can be checked without the token → use it up, sign, write the node down: all or nothing.
#include "control/join.h"

#include <algorithm>

#include "base/encode.h"
#include "base/file.h"
#include "base/log.h"
#include "ca/token.h"
#include "control/certificates.h"
#include "control/server_tokens.h"
#include "net/address.h"
#include "tls/csr.h"

namespace meshd {
namespace {

constexpr const char* kRefused =
    "the token is not valid here: it is unknown, used or expired; make a new one on the server with `meshd "
    "token create`";

struct JoinRequest {
  store::TokenUse use;
  store::NodeRecord node;
  std::string csr;
};

Outcome<JoinRequest> read_request(const Json& j, const std::string& from) {
  JoinRequest out;
  out.use.id = text_of(j, "token_id");
  auto secret = from_base64url(text_of(j, "secret"));
  if (out.use.id.empty() || out.use.id.size() > 64 || !secret || secret->empty())
    return fail(Errc::invalid_argument, "the request holds no token");
  out.use.secret_hash = secret_hash(*secret);
  wipe(*secret);

  store::NodeRecord& node = out.node;
  node.name = text_of(j, "node");
  if (!valid_node_name(node.name))
    return fail(Errc::invalid_argument,
                "the node's name must be of lower-case letters, digits and hyphens, at most 63; give another "
                "with --name");
  node.address = text_of(j, "address");
  if (!SocketAddress::from_ip(node.address, 0))
    return fail(Errc::invalid_argument,
                "the node's address must be an IP address that other nodes reach; give it with --address");
  int64_t port = int_of(j, "mesh_port", 15008);
  if (port < 1 || port > 65535) return fail(Errc::invalid_argument, "mesh_port must be from 1 to 65535");
  node.mesh_port = static_cast<uint16_t>(port);
  node.zone = text_of(j, "zone");
  node.version = text_of(j, "version");
  if (node.zone.size() > 64 || node.version.size() > 64)
    return fail(Errc::invalid_argument, "zone and version have at most 64 bytes");
  out.use.node = node.name;
  out.use.used_by = node.name + " from " + from;
  out.csr = text_of(j, "csr");
  if (auto key = public_key_of_csr(out.csr); !key)
    return fail(Errc::invalid_argument,
                std::string("the certificate request is not usable: ") + key.error().why);
  return out;
}

// A token for any name takes no name that means something already.
std::string not_meant(const std::string& name, bool taken) {
  std::string use = "use a token made with `meshd token create --node " + name + "`";
  if (!taken)
    return "the mesh's file places services on a node named '" + name +
           "', so that its name gives identities; choose another with --name, or " + use;
  return "a node named '" + name +
         "' is in the mesh already; choose another with --name, or, if this is the same "
         "machine, " +
         use;
}

}  // namespace

Outcome<Json> JoinDesk::join(const Json& j, const std::string& from) {
  if (too_many(from))
    return fail(Errc::overload, "too many joins from " + from + " failed; wait a minute and try again");
  auto request = read_request(j, from);
  if (!request) {
    failed(from);
    return fail(std::move(request.error()));
  }
  store::NodeRecord& node = request->node;
  SpiffeId id = node_id(settings_.trust_domain, node.name);
  node.spiffe_id = id.uri();
  node.joined_at = clock_.unix_now();

  CertificateChain chain;
  auto done = store_.transact([&]() -> Outcome<> {
    auto good = store_.tokens().consume(request->use);
    if (!good) return fail(std::move(good.error()));
    if (!*good) return fail(Errc::denied, kRefused);
    bool taken = registry_.find(node.name) != nullptr;
    bool placed = settings_.placed && settings_.placed(node.name);
    if (taken || placed) {
      // A token made for this very name is the operator's word that it is meant.
      auto tokens = store_.tokens().list();
      if (!tokens) return fail(std::move(tokens.error()));
      bool meant = std::ranges::any_of(*tokens, [&](const store::TokenRecord& t) {
        return t.id == request->use.id && t.node == node.name;
      });
      if (!meant) return fail(Errc::conflict, not_meant(node.name, taken));
    }
    if (settings_.welcome)
      if (auto ok = settings_.welcome(node.name); !ok) return ok;
    auto signed_chain =
        sign_and_record(store_, authority_, clock_,
                        {.csr = request->csr, .id = id, .node = node.name, .lifetime = settings_.lifetime()});
    if (!signed_chain) return fail(std::move(signed_chain.error()));
    chain = std::move(*signed_chain);
    if (auto ok = store_.nodes().upsert(node); !ok) return ok;
    JsonObject detail;
    detail["node"] = json(node.name);
    detail["address"] = json(node.address);
    detail["from"] = json(from);
    detail["token"] = json(request->use.id);
    auto noted = store_.audit().append({"node." + node.name, "node.join", to_text(Json(std::move(detail)))});
    if (!noted) return fail(std::move(noted.error()));
    return {};
  });
  if (!done) {
    failed(from);
    log::warn("join refused", {{"node", node.name}, {"from", from}, {"error", done.error().what}});
    return fail(std::move(done.error()));
  }

  // The node is in the mesh, whether or not it hears of it.
  log::info("node joined", {{"node", node.name}, {"address", node.address}, {"mesh_port", node.mesh_port}});
  registry_.added(node);
  if (settings_.joined) settings_.joined();
  JsonObject answer;
  answer["node"] = json(node.name);
  answer["trust_domain"] = json(settings_.trust_domain);
  answer["server_id"] = json(settings_.server_id);
  answer["control"] = json(settings_.control());
  answer["bundle"] = json(authority_.bundle().to_pem());
  answer["chain"] = json(chain.to_pem());
  return Json(std::move(answer));
}

double JoinDesk::Failures::left(Instant now, milliseconds pause) {
  count = std::max(
      0.0, count - static_cast<double>((now - at).count()) / static_cast<double>(nanoseconds(pause).count()));
  at = now;
  return count;
}

bool JoinDesk::too_many(const std::string& from) {
  Instant now = clock_.now();
  if (all_failures_.left(now, kJoinPauseTotal) >= kJoinFailuresTotal) return true;
  auto it = failures_.find(from);
  return it != failures_.end() && it->second.left(now, kJoinPause) >= kJoinFailures;
}

void JoinDesk::failed(const std::string& from) {
  Instant now = clock_.now();
  all_failures_.left(now, kJoinPauseTotal);
  all_failures_.count += 1;
  if (failures_.size() >= kJoinAddressesMax) failures_.clear();
  Failures& f = failures_[from];
  f.left(now, kJoinPause);
  f.count += 1;
}

}  // namespace meshd
