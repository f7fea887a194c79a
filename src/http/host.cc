// SPDX-License-Identifier: Apache-2.0
// host.cc: the authority of a request: host[:port] and nothing else (RFC 9110 section 7.2, RFC 3986 section 3.2).
#include <arpa/inet.h>

#include "http/semantics.h"

namespace meshd {
namespace {

// 1 to 5 digits up to 65535. An empty port is legal in a URI, but it only serves to spell a host in two ways.
std::optional<uint16_t> parse_port(std::string_view text) {
  if (text.empty() || text.size() > 5) return std::nullopt;
  uint32_t n = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    n = n * 10 + static_cast<uint32_t>(c - '0');
  }
  if (n > 65535) return std::nullopt;
  return static_cast<uint16_t>(n);
}

bool is_ipv6(std::string_view text) {
  // A zero byte would end the text for inet_pton, and not for whoever reads the authority after us.
  if (text.find('\0') != std::string_view::npos) return false;
  char copy[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof copy) return false;
  copy[text.copy(copy, text.size())] = '\0';
  in6_addr address;
  return inet_pton(AF_INET6, copy, &address) == 1;
}

// Letters, digits, '-', '_', '.', '~'; no empty label but a last one ("a.test."). Percent-encoding and
// sub-delims are legal in RFC 3986, but no two virtual-host tables agree on what they match.
bool is_name(std::string_view text) {
  if (text.empty() || text.size() > 255) return false;
  bool empty_label = true;
  for (char c : text) {
    if (c == '.') {
      if (empty_label) return false;
      empty_label = true;
      continue;
    }
    bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
              c == '_' || c == '~';
    if (!ok) return false;
    empty_label = false;
  }
  return true;
}

}  // namespace

std::optional<HostPort> parse_authority(std::string_view text) {
  HostPort a;
  std::string_view after;
  if (text.starts_with('[')) {
    size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    a.host = text.substr(1, end - 1);
    a.is_ipv6 = true;
    after = text.substr(end + 1);
    if (!is_ipv6(a.host)) return std::nullopt;
  } else {
    size_t colon = text.find(':');
    a.host = text.substr(0, colon);
    after = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
    if (!is_name(a.host)) return std::nullopt;
  }
  if (after.empty()) return a;
  if (after.front() != ':') return std::nullopt;
  a.port = parse_port(after.substr(1));
  if (!a.port) return std::nullopt;
  return a;
}

}  // namespace meshd
