// SPDX-License-Identifier: Apache-2.0
// csr.h: certificate signing requests (PKCS #10). We read nothing from one but its public key: who the key belongs
// to is told by the connection and our own records.
#pragma once
#include <string>
#include <string_view>

#include "base/result.h"
#include "tls/key_pair.h"

namespace meshd {

// A request that says nothing but the key, signed by `key`; "CERTIFICATE REQUEST" PEM.
Result<std::string> make_csr(const KeyPair& key);

// Checks the request's own signature (proof that the sender holds the private key) and returns the public key.
// `csr` is PEM or DER. Errors: invalid_argument (side client), with what is wrong: size, syntax, kind of key, signature.
Result<PublicKey> public_key_of_csr(std::string_view csr);

inline constexpr size_t kCsrBytesMax = 16 * 1024;  // a P-384 request of ours has 400 bytes

}  // namespace meshd
