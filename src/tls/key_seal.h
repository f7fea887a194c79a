// SPDX-License-Identifier: Apache-2.0
// key_seal.h: private keys at rest, encrypted with a key of the machine (AES-256-GCM).
//
// The secret lies outside the state directory (a file, a systemd credential, a TPM behind either): whoever copies the
// directory alone has no keys.
#pragma once
#include <string>
#include <string_view>

#include "base/result.h"

namespace meshd {

inline constexpr size_t kHostSecretMin = 32;         // bytes: 256 bits, if they are random
inline constexpr size_t kHostSecretMax = 64 * 1024;  // what is longer is some other file

class KeySeal {
 public:
  // `secret`: at least kHostSecretMin bytes that nobody can guess. Errors: invalid_argument.
  static Result<KeySeal> from_secret(std::string_view secret);
  KeySeal(const KeySeal&) = default;
  KeySeal& operator=(const KeySeal&) = default;
  ~KeySeal();

  // "MESHD SEALED KEY" PEM. `role` says what the text is for ("root.key"): it opens as nothing else.
  std::string seal(std::string_view text, std::string_view role) const;
  // The text; the caller wipes it. Errors: invalid_argument (not sealed, another secret or role, a changed byte).
  Result<std::string> open(std::string_view pem, std::string_view role) const;

  static bool is_sealed(std::string_view pem);

 private:
  explicit KeySeal(std::string key) : key_(std::move(key)) {}
  std::string key_;  // 32 bytes
};

}  // namespace meshd
