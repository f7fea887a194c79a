// SPDX-License-Identifier: Apache-2.0
// query.h: parameters of a query string as it was sent. Nothing is copied: %XX is decoded while comparing.
//
// A `+` is a plus sign (RFC 3986); a percent sign without two hex digits stands for itself.
#pragma once
#include <optional>
#include <span>
#include <string_view>

namespace meshd {

// The value, still encoded, of the first parameter of that name; empty where it has no `=`. nullopt: none.
std::optional<std::string_view> query_parameter(std::string_view query, std::string_view name);

bool decoded_equals(std::string_view encoded, std::string_view plain);
bool decoded_starts_with(std::string_view encoded, std::string_view plain);
// Decoded into `room`, or itself where nothing is encoded; nullopt: it is too long.
std::optional<std::string_view> decoded(std::string_view encoded, std::span<char> room);

}  // namespace meshd
