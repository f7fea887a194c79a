// SPDX-License-Identifier: Apache-2.0
// last_good.h: the snapshot a node keeps on disk, so that it serves after a reboot without any server.
//
// PATH and PATH.prev, each a line "meshd-last-good sha256=<hex>" and then encode_snapshot's text. The file is replaced
// whole; the one before stays, and takes its place when the newer one's bytes do not have its checksum.
#pragma once
#include <optional>
#include <string>

#include "base/result.h"
#include "snapshot/codec.h"

namespace meshd {

// A snapshot with its text and the text's checksum, as both the disk and the control stream want them.
struct SealedSnapshot {
  StoredSnapshot stored;
  std::string text;    // encode_snapshot
  std::string sha256;  // of the text, hex
};
SealedSnapshot seal(StoredSnapshot stored);

class LastGood {
 public:
  explicit LastGood(std::string path) : path_(std::move(path)) {}

  // Errors: permission, io; what was there stays.
  Outcome<> save(const SealedSnapshot& snapshot) const;

  struct Loaded {
    std::optional<SealedSnapshot> snapshot;  // none was ever saved
    std::string warning;                     // not empty: why it is the previous one, or none
  };
  // Never acts on a damaged file: at worst there is no snapshot, and a warning.
  Loaded load() const;

 private:
  std::string path_;
};

}  // namespace meshd
