// SPDX-License-Identifier: Apache-2.0
// host_key.h: the secret of this machine that its private keys are sealed with, where it has one.
//
// It lies outside the state directory: a file that --host-key names, or the systemd credential meshd.host-key of the
// service (LoadCredential=, LoadCredentialEncrypted= with a TPM behind it). Keys made before there was one are sealed
// when they are next read.
#pragma once
#include <string>

#include "tls/key_file.h"

namespace meshd {

inline constexpr std::string_view kHostKeyCredential = "meshd.host-key";

// `file`: empty for the credential, if this process was given one; null where there is neither.
// Errors: not_found, permission (a file that is not ours, or open to others), invalid_argument (shorter than
// kHostSecretMin bytes), limit.
Outcome<SharedSeal> host_seal(const std::string& file);

}  // namespace meshd
