// SPDX-License-Identifier: Apache-2.0
// host: parse_authority. What passes has one spelling of its parts and nothing but its parts.
#include "fuzz.h"
#include "http/semantics.h"

namespace meshd::fuzz {

FUZZ_TARGET(host) {
  auto parsed = parse_authority(bytes);
  if (!parsed) return;
  must(bytes.find_first_of(std::string_view("@%/\\?# \t\r\n\0", 11)) == std::string_view::npos,
       "an authority holds a delimiter", bytes);
  must(!parsed->host.empty() && parsed->host.size() <= 255, "the host has an impossible length");
  must(parsed->is_ipv6 == (parsed->host.find(':') != std::string_view::npos), "a colon within a name");
  std::string again = parsed->is_ipv6 ? "[" + std::string(parsed->host) + "]" : std::string(parsed->host);
  must(bytes.starts_with(again), "the host is not the beginning of the authority");
  if (parsed->port) again += ":" + std::to_string(*parsed->port);
  auto second = parse_authority(again);
  must(second.has_value(), "the parts do not parse again", again);
  must(second->host == parsed->host && second->port == parsed->port && second->is_ipv6 == parsed->is_ipv6,
       "the parts read differently", again);
}

}  // namespace meshd::fuzz
