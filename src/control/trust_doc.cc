// SPDX-License-Identifier: Apache-2.0
#include "control/trust_doc.h"

#include <algorithm>

#include "base/encode.h"
#include "tls/verify_svid.h"

namespace meshd {
namespace {

// No other thing that a server's key signs begins like this.
constexpr std::string_view kPrefix = "meshd trust, 1\n";

Json words(const std::set<std::string, std::less<>>& set) {
  JsonArray out;
  for (const std::string& word : set) out.push_back(json(word));
  return Json(std::move(out));
}

void read_words(const Json& j, const std::string& key, std::set<std::string, std::less<>>& into) {
  for (const Json& word : list_of(j, key))
    if (word.is<std::string>()) into.insert(word.get<std::string>());
}

JsonObject content(const TrustDoc& doc) {
  JsonObject j;
  j["bundle"] = json(doc.bundle);
  j["root"] = json(doc.root);
  j["serials"] = words(doc.denied.serials);
  j["ids"] = words(doc.denied.ids);
  return j;
}

}  // namespace

std::string content_of(const TrustDoc& doc) { return to_text(Json(content(doc))); }

Outcome<SealedTrust> seal_trust(const TrustDoc& doc, const Identity& server) {
  JsonObject j = content(doc);
  j["number"] = json(static_cast<int64_t>(doc.number));
  j["time"] = json(doc.time);
  SealedTrust sealed;
  sealed.number = doc.number;
  sealed.text = to_text(Json(std::move(j)));
  auto signature = server.key->sign(std::string(kPrefix) + sealed.text);
  if (!signature) return fail(Errc::internal, signature.error().why);
  sealed.signature = to_base64(*signature);
  sealed.chain = server.chain.to_pem();
  return sealed;
}

Outcome<TrustDoc> open_trust(const SealedTrust& sealed, const TrustBundle& bundle, const SpiffeId& server) {
  auto chain = CertificateChain::from_pem(sealed.chain);
  if (!chain)
    return fail(Errc::protocol, std::string("the list's signer cannot be read: ") + chain.error().why);
  auto j = parse_json(sealed.text);
  auto signature = from_base64(sealed.signature);
  if (!j || !signature) return fail(Errc::protocol, "the list cannot be read");
  TrustDoc doc;
  doc.number = static_cast<uint64_t>(std::max<int64_t>(int_of(*j, "number"), 0));
  doc.time = int_of(*j, "time");
  doc.bundle = text_of(*j, "bundle");
  doc.root = text_of(*j, "root");
  read_words(*j, "serials", doc.denied.serials);
  read_words(*j, "ids", doc.denied.ids);

  auto signer = verify_svid(*chain, bundle, {.now = doc.time, .ids = {server}});
  if (!signer)
    return fail(Errc::identity, std::string("the list is not signed by our server: ") + signer.error().why);
  auto key = chain->leaf().public_key();
  if (!key || !key->verify(std::string(kPrefix) + sealed.text, *signature))
    return fail(Errc::identity, "the list's signature does not fit: it was changed");
  return doc;
}

JsonObject to_json(const SealedTrust& sealed) {
  JsonObject j;
  j["number"] = json(static_cast<int64_t>(sealed.number));
  j["text"] = json(sealed.text);
  j["signature"] = json(sealed.signature);
  j["chain"] = json(sealed.chain);
  return j;
}

SealedTrust trust_from_json(const Json& j) {
  return {.number = static_cast<uint64_t>(std::max<int64_t>(int_of(j, "number"), 0)),
          .text = text_of(j, "text"),
          .signature = text_of(j, "signature"),
          .chain = text_of(j, "chain")};
}

}  // namespace meshd
