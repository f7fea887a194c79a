// SPDX-License-Identifier: Apache-2.0
// node_trust.h: the newest signed trust document (trust_doc.h) that this node has, in memory and on its disk.
//
// PATH and PATH.copy, the same bytes; a damaged file is found by its signature and never acted on.
#pragma once
#include <memory>
#include <string>

#include "control/state_dir.h"
#include "control/trust_doc.h"

namespace meshd {

class NodeTrust {
 public:
  NodeTrust(const StateDir& state, const NodeFile& node);

  // What is on disk. Nothing to act on: number() is 0, and problem() says why if there should be something.
  void load(const TrustBundle& bundle);
  // Takes a newer one, onto the disk first. Errors: identity (not signed by our server), protocol, conflict (it is older
  // than what is here). A full disk is told by problem() and does not keep it from use.
  Outcome<> take(const SealedTrust& sealed, const TrustBundle& bundle);

  uint64_t number() const { return doc_.number; }
  const TrustDoc& doc() const { return doc_; }
  const std::shared_ptr<const DenyList>& denied() const { return denied_; }
  const std::string& problem() const { return problem_; }

 private:
  Outcome<TrustDoc> read(const std::string& path, const TrustBundle& bundle) const;
  void use(TrustDoc doc);

  std::string path_;
  SpiffeId server_;
  TrustDoc doc_;
  std::shared_ptr<const DenyList> denied_ = std::make_shared<const DenyList>();
  std::string problem_;
};

}  // namespace meshd
