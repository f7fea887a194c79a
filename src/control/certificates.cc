// SPDX-License-Identifier: Apache-2.0
#include "control/certificates.h"

#include "base/log.h"
#include "tls/csr.h"

namespace meshd {

UnixSeconds leaf_lifetime(const model::Model* model) {
  if (model == nullptr) return 0;
  return std::chrono::duration_cast<std::chrono::seconds>(model->mesh.leaf_lifetime).count();
}

Outcome<CertificateChain> sign_and_record(store::Store& store, const Authority& authority, const Clock& clock,
                                          const LeafOrder& order) {
  UnixSeconds now = clock.unix_now();
  auto chain = authority.sign(order.csr, order.id, now, order.lifetime);
  if (!chain) return fail(std::move(chain.error()));
  const Certificate& leaf = chain->leaf();
  store::CertificateRecord record;
  record.serial = leaf.serial();
  record.spiffe_id = order.id.uri();
  record.node = order.node;
  record.not_before = leaf.not_before();
  record.not_after = leaf.not_after();
  record.issued_at = now;
  if (auto ok = store.certificates().record(record); !ok) return fail(std::move(ok.error()));
  return std::move(*chain);
}

bool may_have(const std::string& node, const SpiffeId& id, const std::string& trust_domain,
              const Snapshot* snapshot) {
  if (id == node_id(trust_domain, node)) return true;
  if (snapshot == nullptr) return false;
  std::string uri = id.uri();
  for (const Workload& workload : snapshot->workloads_on(node))
    if (workload.spiffe_id == uri) return true;
  return false;
}

Outcome<Json> CertificateDesk::issue(const Json& request, const std::string& node) {
  const JsonArray& wanted = list_of(request, "requests");
  if (wanted.empty()) return fail(Errc::invalid_argument, "the request asks for no certificate");
  if (wanted.size() > kCertificatesPerCall)
    return fail(Errc::limit, "at most " + std::to_string(kCertificatesPerCall) + " certificates at once");
  const Snapshot* snapshot = publisher_.content() ? publisher_.content()->snapshot.get() : nullptr;
  JsonArray answers;
  // One transaction: one wait for the disk, and no certificate leaves that is not written down.
  auto done = store_.transact([&]() -> Outcome<> {
    for (const Json& one : wanted) {
      JsonObject answer;
      std::string text = text_of(one, "id"), csr = text_of(one, "csr");
      answer["id"] = json(text);
      auto id = SpiffeId::parse(text);
      if (!id || !may_have(node, *id, authority_.trust_domain(), snapshot)) {
        log::warn("certificate refused", {{"node", node}, {"id", text.substr(0, 256)}});
        answer["error"] = json("no workload with this identity is placed on node " + node);
      } else if (auto key = public_key_of_csr(csr); !key) {
        answer["error"] = json(std::string("the certificate request is not usable: ") + key.error().why);
      } else {
        auto chain =
            sign_and_record(store_, authority_, clock_, {csr, *id, node, leaf_lifetime(publisher_.model())});
        if (!chain) return fail(std::move(chain.error()));
        answer["chain"] = json(chain->to_pem());
      }
      answers.push_back(Json(std::move(answer)));
    }
    return {};
  });
  if (!done) return fail(std::move(done.error()));
  JsonObject body;
  body["certificates"] = Json(std::move(answers));
  body["bundle"] = json(authority_.bundle().to_pem());
  body["time"] = json(clock_.unix_now());
  return Json(std::move(body));
}

}  // namespace meshd
