// SPDX-License-Identifier: Apache-2.0
#include "snapshot/query.h"

namespace meshd {
namespace {

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Removes and returns the first byte of `text`, which is not empty.
char take(std::string_view& text) {
  char c = text[0];
  size_t used = 1;
  if (c == '%' && text.size() >= 3 && hex(text[1]) >= 0 && hex(text[2]) >= 0) {
    c = static_cast<char>(hex(text[1]) * 16 + hex(text[2]));
    used = 3;
  }
  text.remove_prefix(used);
  return c;
}

}  // namespace

std::optional<std::string_view> query_parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    size_t end = query.find('&');
    std::string_view one = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    size_t equals = one.find('=');
    if (!decoded_equals(one.substr(0, equals), name)) continue;
    return equals == std::string_view::npos ? std::string_view() : one.substr(equals + 1);
  }
  return std::nullopt;
}

bool decoded_starts_with(std::string_view encoded, std::string_view plain) {
  for (char c : plain)
    if (encoded.empty() || take(encoded) != c) return false;
  return true;
}

bool decoded_equals(std::string_view encoded, std::string_view plain) {
  for (char c : plain)
    if (encoded.empty() || take(encoded) != c) return false;
  return encoded.empty();
}

std::optional<std::string_view> decoded(std::string_view encoded, std::span<char> room) {
  if (!encoded.contains('%')) return encoded;
  size_t n = 0;
  while (!encoded.empty()) {
    if (n == room.size()) return std::nullopt;
    room[n++] = take(encoded);
  }
  return std::string_view(room.data(), n);
}

}  // namespace meshd
