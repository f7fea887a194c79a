// SPDX-License-Identifier: Apache-2.0
#include "model/actions.h"

#include <algorithm>
#include <array>

namespace meshd::model {

bool is_reserved_field(std::string_view name) {
  // RFC 9110 sections 7.6.1 and 8.6, RFC 9112 section 6, RFC 9113 section 8.2.2; Host has rewrite.host.
  constexpr std::array<std::string_view, 12> kReserved = {
      "connection", "content-length", "expect",  "host", "http2-settings",   "keep-alive", "proxy-connection",
      "te",         "trailer",        "upgrade", "via",  "transfer-encoding"};
  std::string lower(name);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return std::ranges::find(kReserved, lower) != kReserved.end() || lower.starts_with("x-meshd-") ||
         lower.starts_with("x-envoy-") || lower.starts_with("l5d-") || lower == "x-forwarded-client-cert";
}

bool is_field_text(std::string_view value) {
  auto space = [](char c) { return c == ' ' || c == '\t'; };
  if (!value.empty() && (space(value.front()) || space(value.back()))) return false;
  return std::ranges::all_of(value, [](char c) {
    auto u = static_cast<unsigned char>(c);
    return (u >= 0x20 && u != 0x7f) || u == '\t';
  });
}

}  // namespace meshd::model
