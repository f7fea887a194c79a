// SPDX-License-Identifier: Apache-2.0
// key_file.h: private keys and certificates as files: 0600, ours, whole, sealed where a seal is given.
#pragma once
#include <memory>
#include <string>

#include "base/file.h"
#include "base/result.h"
#include "tls/certificate.h"
#include "tls/key_pair.h"
#include "tls/key_seal.h"

namespace meshd {

inline constexpr size_t kPemFileMax = 256 * 1024;  // of keys and certificates; ours have a few KiB

using SharedKey = std::shared_ptr<const KeyPair>;
using SharedSeal = std::shared_ptr<const KeySeal>;  // null: keys are kept in the clear

// Key text is wiped once it is written. The file's name is what it is sealed for (KeySeal, role).
Outcome<> save_key_file(const std::string& path, const KeyPair& key, const SharedSeal& seal,
                        WriteMode mode = {});
// Errors: permission (open to others, not ours), not_found, invalid_argument (damaged, sealed with another key or
// without one here), each naming the file.
Outcome<SharedKey> read_key_file(const std::string& path, const SharedSeal& seal);
// It is kept in the clear.
bool is_plain_key_file(const std::string& path);

// Errors: those of read_file, invalid_argument.
Outcome<CertificateChain> read_chain_file(const std::string& path);

bool belongs(const KeyPair& key, const Certificate& certificate);

}  // namespace meshd
