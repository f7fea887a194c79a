// SPDX-License-Identifier: Apache-2.0
#include "control/trust_desk.h"

#include <algorithm>
#include <charconv>

#include "base/log.h"
#include "control/server_tokens.h"
#include "tls/digest.h"

namespace meshd {
namespace {

constexpr const char* kNumber = "trust.number";
constexpr const char* kContent = "trust.content";
// A number beyond this is not a time: the store was changed.
constexpr uint64_t kYear = 366LL * 86400;

std::string detail_of(const store::DeniedRecord& r) {
  JsonObject j;
  j["kind"] = json(r.kind);
  j["value"] = json(r.value);
  if (r.until != 0) j["until"] = json(r.until);
  if (!r.why.empty()) j["why"] = json(r.why);
  return to_text(Json(std::move(j)));
}

bool is_serial(const std::string& text) {
  return !text.empty() && text.size() <= 40 && text.size() % 2 == 0 &&
         text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

Outcome<std::unique_ptr<TrustDesk>> TrustDesk::load(Parts parts) {
  std::unique_ptr<TrustDesk> desk(new TrustDesk(std::move(parts)));
  if (auto ok = desk->reload(); !ok) return fail(std::move(ok.error()));
  return desk;
}

Outcome<> TrustDesk::reload() {
  if (auto pruned = parts_.store.denied().prune(); !pruned) return fail(std::move(pruned.error()));
  auto records = parts_.store.denied().list();
  if (!records) return fail(std::move(records.error()));
  DenyList list;
  for (const store::DeniedRecord& r : *records) {
    if (r.kind == "serial") list.serials.insert(r.value);
    if (r.kind == "identity") list.ids.insert(r.value);
    if (r.kind == "node") list.ids.insert(node_id(parts_.authority.trust_domain(), r.value).uri());
  }
  denied_ = std::make_shared<const DenyList>(std::move(list));
  return {};
}

// The number that nodes know this content by; a new one where it is new.
Outcome<uint64_t> TrustDesk::number_for(const std::string& content) {
  std::string hash = sha256_hex(content);
  auto number = parts_.store.settings().get(kNumber);
  auto stored = parts_.store.settings().get(kContent);
  if (!number) return fail(std::move(number.error()));
  if (!stored) return fail(std::move(stored.error()));
  auto now = static_cast<uint64_t>(std::max<UnixSeconds>(parts_.clock.unix_now(), 1));
  uint64_t last = 0;
  if (*number) std::from_chars((*number)->data(), (*number)->data() + (*number)->size(), last);
  if (last > now + kYear) last = 0;
  if (last > 0 && *stored == hash) return last;
  // From the clock, so that a server restored from a backup is ahead of what it said before it was lost.
  uint64_t next = std::max(now, last + 1);
  auto done = parts_.store.transact([&]() -> Outcome<> {
    if (auto ok = parts_.store.settings().set(kNumber, std::to_string(next)); !ok) return ok;
    return parts_.store.settings().set(kContent, hash);
  });
  if (!done) return fail(std::move(done.error()));
  return next;
}

Outcome<> TrustDesk::publish(const Identity& server) {
  TrustDoc doc;
  doc.time = parts_.clock.unix_now();
  doc.bundle = parts_.authority.bundle().to_pem();
  doc.root = parts_.authority.pin();
  doc.denied = *denied_;
  // Signed anew under another root even where nothing else changed: what lies on nodes' disks outlives roots.
  std::string content = content_of(doc) + std::string(name_of(parts_.authority.rotation().phase));
  if (content == said_) return {};
  auto number = number_for(content);
  if (!number) return fail(std::move(number.error()));
  doc.number = *number;
  auto sealed = seal_trust(doc, server);
  if (!sealed) return fail(std::move(sealed.error()));
  sealed_ = std::move(*sealed);
  said_ = std::move(content);
  if (on_change) on_change();
  return {};
}

// ---- what is revoked

Outcome<> TrustDesk::check(store::DeniedRecord& r) {
  const std::string& domain = parts_.authority.trust_domain();
  if (r.kind == "serial") {
    if (!is_serial(r.value))
      return fail(Errc::invalid_argument, "'" + r.value + "' is no serial number; see `meshd cert list`");
    if (r.value == parts_.authority.issuing().serial())
      return fail(Errc::conflict,
                  "this is the issuing certificate in use: every certificate of the mesh would be refused; "
                  "`meshd ca rotate-issuing` first, and wait until nodes have renewed");
    auto known = parts_.store.certificates().find(r.value);
    if (!known) return fail(std::move(known.error()));
    if (*known && (*known)->spiffe_id == parts_.server.uri())
      return fail(Errc::conflict, "this certificate is the server's own; nodes would not hear it any more");
    if (*known) r.until = (*known)->not_after + kRecoverWindow;
  } else if (r.kind == "identity") {
    auto id = SpiffeId::parse(r.value);
    if (!id || id->trust_domain != domain)
      return fail(Errc::invalid_argument, "'" + r.value +
                                              "' is no identity of this mesh; it looks like spiffe://" +
                                              domain + "/ns/default/sa/web");
    if (*id == parts_.server || *id == node_id(domain, parts_.own_node))
      return fail(Errc::conflict, "this identity is the server's own; nodes would not hear it any more");
  } else if (r.kind == "node") {
    if (!valid_node_name(r.value)) return fail(Errc::invalid_argument, "'" + r.value + "' is no node's name");
    if (r.value == parts_.own_node)
      return fail(Errc::conflict, "node " + r.value + " is the one this server runs on; it cannot be denied");
  } else {
    return fail(Errc::invalid_argument, "what is denied is a serial, an identity or a node");
  }
  if (denied_->serials.size() + denied_->ids.size() >= kDeniedMax)
    return fail(Errc::limit, "the list of what is denied is full (" + std::to_string(kDeniedMax) +
                                 "); rotate the root instead: meshd ca rotate");
  return {};
}

Outcome<> TrustDesk::deny(store::DeniedRecord record) {
  if (auto ok = check(record); !ok) return ok;
  auto done = parts_.store.transact([&]() -> Outcome<> {
    if (record.kind == "node") {
      if (auto ok = deny_node(record.value, record.who); !ok) return ok;
    } else if (auto ok = parts_.store.denied().add(record); !ok) {
      return ok;
    }
    auto noted = parts_.store.audit().append({record.who, "trust.deny", detail_of(record)});
    if (!noted) return fail(std::move(noted.error()));
    return {};
  });
  if (!done) return done;
  log::warn("denied", {{"kind", record.kind}, {"value", record.value}, {"by", record.who}});
  return reload();
}

Outcome<> TrustDesk::lift(const std::string& kind, const std::string& value, const std::string& who) {
  bool lifted = false;
  auto done = parts_.store.transact([&]() -> Outcome<> {
    auto gone = parts_.store.denied().lift(kind, value);
    if (!gone) return fail(std::move(gone.error()));
    lifted = *gone;
    if (!lifted) return {};
    auto noted = parts_.store.audit().append({who, "trust.allow", detail_of({.kind = kind, .value = value})});
    if (!noted) return fail(std::move(noted.error()));
    return {};
  });
  if (!done) return done;
  if (!lifted) return fail(Errc::not_found, "no " + kind + " '" + value + "' is denied");
  log::warn("no longer denied", {{"kind", kind}, {"value", value}, {"by", who}});
  return reload();
}

// Its identity, and each certificate it holds: its services' identities are others' too.
Outcome<> TrustDesk::deny_node(const std::string& node, const std::string& who) {
  UnixSeconds now = parts_.clock.unix_now();
  store::DeniedRecord record{.kind = "node", .value = node, .who = who};
  if (auto ok = parts_.store.denied().add(record); !ok) return ok;
  auto held = parts_.store.certificates().of_node(node);
  if (!held) return fail(std::move(held.error()));
  record.kind = "serial";
  record.why = "of node " + node;
  size_t room = kDeniedMax - std::min(kDeniedMax, denied_->serials.size() + denied_->ids.size());
  for (const store::CertificateRecord& c : *held) {
    if (c.not_after <= now) continue;
    if (room-- == 0)
      return fail(Errc::limit, "the list of what is denied is full (" + std::to_string(kDeniedMax) +
                                   "); rotate the root instead: meshd ca rotate");
    record.value = c.serial;
    record.until = c.not_after;
    if (auto ok = parts_.store.denied().add(record); !ok) return ok;
  }
  return {};
}

// Its old certificates stay denied until they end.
Outcome<> TrustDesk::welcome_node(const std::string& node) {
  auto lifted = parts_.store.denied().lift("node", node);
  if (!lifted) return fail(std::move(lifted.error()));
  return {};
}

}  // namespace meshd
