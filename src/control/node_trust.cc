// SPDX-License-Identifier: Apache-2.0
#include "control/node_trust.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"

namespace meshd {
namespace {

constexpr const char* kCopy = ".copy";

}  // namespace

NodeTrust::NodeTrust(const StateDir& state, const NodeFile& node) : path_(state.root() + "/trust") {
  if (auto id = SpiffeId::parse(node.server_id)) server_ = std::move(*id);
}

Outcome<TrustDoc> NodeTrust::read(const std::string& path, const TrustBundle& bundle) const {
  auto text = read_file(path, kControlLineMax * 2);
  if (!text) return fail(std::move(text.error()));
  auto j = parse_json(*text);
  if (!j) return fail(Errc::invalid_argument, path + " is damaged: " + j.error().what);
  auto doc = open_trust(trust_from_json(*j), bundle, server_);
  if (!doc) return fail(Errc::invalid_argument, path + " is damaged: " + doc.error().what);
  return doc;
}

void NodeTrust::load(const TrustBundle& bundle) {
  auto newest = read(path_, bundle);
  if (newest) return use(std::move(*newest));
  auto copy = read(path_ + kCopy, bundle);
  bool fresh = newest.error().code == Errc::not_found && !copy && copy.error().code == Errc::not_found;
  if (fresh) return;
  problem_ = newest.error().what;
  if (copy) {
    problem_ += "; its copy is used until the server sends another";
    use(std::move(*copy));
  } else {
    problem_ += "; what was revoked is not known until the server says it";
  }
  log::error("the list of what is revoked cannot be used", {{"why", problem_}});
}

Outcome<> NodeTrust::take(const SealedTrust& sealed, const TrustBundle& bundle) {
  auto doc = open_trust(sealed, bundle, server_);
  if (!doc) return fail(std::move(doc.error()));
  if (doc->number < doc_.number)
    return fail(Errc::conflict, "the server sent trust number " + std::to_string(doc->number) +
                                    ", older than " + std::to_string(doc_.number) + " which is in use");
  std::string text = to_text(Json(to_json(sealed)));
  // Twice the same: one damaged file never leaves an older list, which would let in who is out.
  auto saved = write_file(path_, text);
  if (saved) saved = write_file(path_ + kCopy, text);
  problem_ = saved ? "" : "what is revoked is in use but not stored: " + saved.error().what;
  if (!saved) log::warn("what is revoked is in use but not stored", {{"why", saved.error().what}});
  use(std::move(*doc));
  return {};
}

void NodeTrust::use(TrustDoc doc) {
  doc_ = std::move(doc);
  denied_ = std::make_shared<const DenyList>(doc_.denied);
}

}  // namespace meshd
