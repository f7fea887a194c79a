// SPDX-License-Identifier: Apache-2.0
// encode.h: bytes as text: hex, base64, base64url (RFC 4648).
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace meshd {

std::string to_hex(std::string_view bytes);
// Lower or upper case; nothing but pairs of digits.
std::optional<std::string> from_hex(std::string_view text);

std::string to_base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);
// Without padding (RFC 4648 section 5).
std::string to_base64url(std::string_view bytes);
std::optional<std::string> from_base64url(std::string_view text);

}  // namespace meshd
