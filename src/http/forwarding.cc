// SPDX-License-Identifier: Apache-2.0
// forwarding.cc: what the first node on the way tells the application about the client.
#include <array>

#include "http/semantics.h"

namespace meshd {
namespace {

// Of all fields `name` one, their values in order, and `own` at the end (RFC 9110 section 5.3).
void append_member(Fields& fields, std::string_view name, std::string_view own) {
  std::string list;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (!same_name(fields[i].name, name) || fields[i].value.empty()) continue;
    list.append(fields[i].value).append(", ");
  }
  if (list.empty() && fields.count(name) == 0) {
    fields.add(name, own);
  } else {
    fields.set(name, list.append(own));
  }
}

// RFC 7239 section 6: an IPv6 address is in brackets and quoted.
std::string forwarded_element(const Forwarding& f, std::string_view scheme) {
  bool v6 = f.client_ip.find(':') != std::string_view::npos;
  std::string element = "for=";
  if (v6) element += "\"[";
  element += f.client_ip;
  if (v6) element += "]\"";
  return element.append(";proto=").append(scheme);
}

// RFC 9562 section 5.4, in lower case.
std::array<char, 36> uuid_v4(uint64_t high, uint64_t low) {
  constexpr char kHex[] = "0123456789abcdef";
  high = (high & ~uint64_t{0xf000}) | 0x4000;
  low = (low & ~(uint64_t{3} << 62)) | uint64_t{1} << 63;
  std::array<char, 36> text;
  for (size_t at = 0, digit = 0; at < text.size(); ++at) {
    if (at == 8 || at == 13 || at == 18 || at == 23) {
      text[at] = '-';
      continue;
    }
    uint64_t half = digit < 16 ? high : low;
    text[at] = kHex[half >> (60 - 4 * (digit++ % 16)) & 0xf];
  }
  return text;
}

}  // namespace

void add_forwarding(RequestHead& head, const Forwarding& f) {
  // A literal: a view of the head would not outlive the next line.
  std::string_view scheme = head.scheme() == "https" ? "https" : "http";
  append_member(head, "x-forwarded-for", f.client_ip);
  if (!head.find("x-forwarded-proto")) head.add("x-forwarded-proto", scheme);
  // Nobody has to send Forwarded; but where it is, it must not tell another story than X-Forwarded-For.
  if (head.find("forwarded")) append_member(head, "forwarded", forwarded_element(f, scheme));
  if (auto id = head.find("x-request-id"); !id || id->empty()) {
    auto fresh = uuid_v4(f.random_high, f.random_low);
    head.set("x-request-id", {fresh.data(), fresh.size()});
  }
}

}  // namespace meshd
