// SPDX-License-Identifier: Apache-2.0
// digest.h: hashes, and comparing secrets without telling where they differ.
#pragma once
#include <string>
#include <string_view>

namespace meshd {

// SHA-256 (FIPS 180-4): 32 raw bytes.
std::string sha256(std::string_view bytes);
// The same as 64 lower-case hex digits.
std::string sha256_hex(std::string_view bytes);
// SHA-1: 20 raw bytes. Broken as a hash; WebSocket's handshake asks for it (RFC 6455 section 1.3) and keeps no secret with it.
std::string sha1(std::string_view bytes);

// Equal contents? Takes the same time wherever they differ; lengths are not secret.
bool equal_constant_time(std::string_view a, std::string_view b);

}  // namespace meshd
