// SPDX-License-Identifier: Apache-2.0
// content.h: what every node should have, and the bytes that bring a node there from what it has.
//
// A revision counts files. Content is a revision with the nodes that were known: when a node joins, the content
// changes and the revision does not. So content is named by its checksum, and a node that acknowledges a commit
// has exactly the content it was sent.
#pragma once
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/chunk.h"
#include "base/ids.h"
#include "snapshot/codec.h"
#include "snapshot/snapshot.h"

namespace meshd {

struct Content {
  Revision revision;
  std::vector<Object> objects;
  std::string sha256;    // of encode_snapshot's text
  SnapshotPtr snapshot;  // compiled, as the nodes compile it: who runs where
};
using ContentPtr = std::shared_ptr<const Content>;

ContentPtr make_content(const model::Model& model, const std::vector<NodeInfo>& nodes, Revision revision);

// The first object whose line is over kControlLineMax, as "service web"; empty: none.
std::string too_large_object(const std::vector<Object>& objects);

// The newest contents, and updates between them. What is sent to many nodes is encoded once and shared.
class ContentHistory {
 public:
  static constexpr size_t kKept = 8;  // a node that was away for fewer changes gets a delta

  void add(ContentPtr content);  // becomes the newest
  const ContentPtr& newest() const { return newest_; }
  ContentPtr find(const std::string& sha256) const;

  // The lines from "snapshot" to "commit" for a node that has `sha256`; a delta if that content is still known and
  // smaller than all of it. There must be a newest content.
  Chunk update_from(const std::string& sha256);

 private:
  ContentPtr newest_;
  std::deque<ContentPtr> kept_;                     // newest last; holds newest_
  std::unordered_map<std::string, Chunk> updates_;  // to newest_, by what the node has
  Chunk full_;                                      // to newest_
};

}  // namespace meshd
