// SPDX-License-Identifier: Apache-2.0
#include "control/host_key.h"

#include <cstdlib>

#include "base/file.h"

namespace meshd {
namespace {

// systemd keeps its directory closed, and opens the file to the service's user by an access list: its modes say nothing.
std::string credential() {
  const char* directory = getenv("CREDENTIALS_DIRECTORY");
  if (directory == nullptr || *directory == '\0') return {};
  std::string path = std::string(directory) + "/" + std::string(kHostKeyCredential);
  return exists(path) ? path : std::string();
}

}  // namespace

Outcome<SharedSeal> host_seal(const std::string& file) {
  std::string path = file;
  if (path.empty()) {
    path = credential();
    if (path.empty()) return SharedSeal();
  } else if (auto ours = check_private_file(path); !ours) {
    return fail(std::move(ours.error()));
  }
  auto secret = read_file(path, kHostSecretMax);
  if (!secret) return fail(std::move(secret.error()));
  auto seal = KeySeal::from_secret(*secret);
  wipe(*secret);
  if (!seal)
    return fail(seal.error().code, path + ": " + seal.error().why +
                                       "; make one with: head -c 32 /dev/urandom > FILE (mode 0600)");
  return std::make_shared<const KeySeal>(std::move(*seal));
}

}  // namespace meshd
