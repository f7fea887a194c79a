// SPDX-License-Identifier: Apache-2.0
#include "control/last_good.h"

#include <string_view>
#include <utility>

#include "base/file.h"
#include "tls/digest.h"

namespace meshd {
namespace {

constexpr std::string_view kHeader = "meshd-last-good sha256=";
constexpr size_t kDigits = 64;
// 10,000 endpoints are about 3 MB; this holds off a file that is something else.
constexpr size_t kStoredBytesMax = 256 * 1024 * 1024;

Outcome<SealedSnapshot> read_one(const std::string& path) {
  auto bytes = read_file(path, kStoredBytesMax);
  if (!bytes) return fail(bytes.error());
  std::string_view all = *bytes;
  size_t head = kHeader.size() + kDigits;
  if (!all.starts_with(kHeader) || all.size() <= head || all[head] != '\n')
    return fail(Errc::invalid_argument, path + " is damaged: it does not begin as a stored snapshot");
  std::string_view text = all.substr(head + 1);
  std::string sum = sha256_hex(text);
  if (sum != all.substr(kHeader.size(), kDigits))
    return fail(Errc::invalid_argument, path + " is damaged: its checksum does not fit");
  auto stored = decode_snapshot(text);
  if (!stored) return fail(stored.error().code, path + ": " + stored.error().what);
  return SealedSnapshot{std::move(*stored), std::string(text), std::move(sum)};
}

}  // namespace

SealedSnapshot seal(StoredSnapshot stored) {
  std::string text = encode_snapshot(stored);
  std::string sum = sha256_hex(text);
  return {std::move(stored), std::move(text), std::move(sum)};
}

Outcome<> LastGood::save(const SealedSnapshot& snapshot) const {
  std::string bytes(kHeader);
  bytes.append(snapshot.sha256).append("\n").append(snapshot.text);
  return write_file(path_, bytes, {.keep_previous = true});
}

LastGood::Loaded LastGood::load() const {
  auto newest = read_one(path_);
  if (newest) return {std::move(*newest), {}};
  auto previous = read_one(path_ + ".prev");
  if (previous)
    return {std::move(*previous), newest.error().what + "; the previous snapshot is used instead"};
  bool fresh = newest.error().code == Errc::not_found && previous.error().code == Errc::not_found;
  return {std::nullopt, fresh ? "" : newest.error().what + "; there is no previous one that can be used"};
}

}  // namespace meshd
