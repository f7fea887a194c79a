// SPDX-License-Identifier: Apache-2.0
#include "control/recover.h"

#include <cstdlib>

#include "base/encode.h"
#include "base/log.h"
#include "control/certificates.h"
#include "tls/csr.h"
#include "tls/verify_svid.h"

namespace meshd {
namespace {

constexpr const char* kRefused =
    "this node cannot be recovered: it was removed, denied or away for more than 30 days, or its key is not "
    "the "
    "one certified last; join it again with a new token";

// No other thing that a node's key signs begins like this.
std::string proof_text(const std::string& server_id, UnixSeconds time, const std::string& csr) {
  return "meshd recover, 1\n" + server_id + "\n" + std::to_string(time) + "\n" + csr;
}

}  // namespace

Outcome<Json> recovery_request(const Identity& expired, const std::string& csr, const std::string& server_id,
                               UnixSeconds now) {
  auto proof = expired.key->sign(proof_text(server_id, now, csr));
  if (!proof) return fail(Errc::internal, proof.error().why);
  JsonObject j;
  j["chain"] = json(expired.chain.to_pem());
  j["csr"] = json(csr);
  j["time"] = json(now);
  j["proof"] = json(to_base64(*proof));
  return Json(std::move(j));
}

Outcome<Json> RecoverDesk::recover(const Json& request, const std::string& from) {
  UnixSeconds now = parts_.clock.unix_now();
  std::string csr = text_of(request, "csr");
  UnixSeconds time = int_of(request, "time");
  auto chain = CertificateChain::from_pem(text_of(request, "chain"));
  auto proof = from_base64(text_of(request, "proof"));
  auto refused = [&](const char* why) {
    log::warn("recovery refused", {{"from", from}, {"why", why}});
    return fail(Errc::denied, kRefused);
  };
  if (!chain || !proof) return refused("the request cannot be read");
  const Certificate& leaf = chain->leaf();
  // Good but for its age: judged at its last second, by the one verifier, with what was revoked since.
  auto id =
      verify_svid(*chain, parts_.authority.bundle(),
                  {.now = leaf.not_after(), .role = PeerRole::client, .denied = parts_.trust.denied().get()});
  if (!id) return refused(id.error().why);
  std::string node(node_of(*id));
  if (node.empty() || *id != node_id(parts_.authority.trust_domain(), node))
    return refused("not a node's certificate");
  const NodeState* state = parts_.registry.find(node);
  if (state == nullptr) return refused("the node is not in this mesh");
  auto key = leaf.public_key();
  if (!key || !key->verify(proof_text(parts_.server.uri(), time, csr), *proof))
    return refused("the proof does not fit");
  auto known = parts_.store.certificates().find(leaf.serial());
  if (!known) return fail(std::move(known.error()));
  if (!*known || (*known)->node != node) return refused("the certificate is not of our records");
  // Of a machine that had the name before.
  if ((*known)->issued_at < state->joined_at) return refused("the certificate is older than the node");
  if (leaf.not_after() < now - kRecoverWindow) return refused("away for too long");
  // From here on it is the node; it may hear what is wrong.
  if (std::llabs(time - now) > kRecoverSkew)
    return fail(Errc::invalid_argument, "this machine's clock differs from the server's by " +
                                            std::to_string(time - now) + " s; set it right");
  CertificateChain fresh;
  auto done = parts_.store.transact([&]() -> Outcome<> {
    auto made = sign_and_record(parts_.store, parts_.authority, parts_.clock,
                                {.csr = csr, .id = *id, .node = node, .lifetime = parts_.lifetime()});
    if (!made) return fail(std::move(made.error()));
    fresh = std::move(*made);
    JsonObject detail;
    detail["from"] = json(from);
    detail["expired"] = json(leaf.not_after());
    auto noted =
        parts_.store.audit().append({"node." + node, "node.recover", to_text(Json(std::move(detail)))});
    if (!noted) return fail(std::move(noted.error()));
    return {};
  });
  if (!done) return fail(std::move(done.error()));
  log::info("node recovered", {{"node", node}, {"from", from}, {"expired", format_time(leaf.not_after())}});
  JsonObject one, body;
  one["id"] = json(id->uri());
  one["chain"] = json(fresh.to_pem());
  body["certificates"] = Json(JsonArray{Json(std::move(one))});
  body["bundle"] = json(parts_.authority.bundle().to_pem());
  body["time"] = json(now);
  return Json(std::move(body));
}

}  // namespace meshd
