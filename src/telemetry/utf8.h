// SPDX-License-Identifier: Apache-2.0
// utf8.h: foreign bytes as text that every reader takes.
#pragma once
#include <string>
#include <string_view>

namespace meshd {

// The length of the well-formed UTF-8 sequence at the start of `text` (RFC 3629: no overlong forms, surrogates or
// values over U+10FFFF); 0 if there is none.
size_t utf8_length(std::string_view text);

// `text` with each byte that is not UTF-8 replaced by U+FFFD.
std::string to_utf8(std::string_view text);

// Appends `text` as a JSON string with its quotes, ASCII control bytes escaped, bad bytes as U+FFFD (RFC 8259).
void append_json_string(std::string& out, std::string_view text);

inline constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

}  // namespace meshd
