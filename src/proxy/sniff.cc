// SPDX-License-Identifier: Apache-2.0
#include "proxy/sniff.h"

#include <cstdint>

#include "base/limits.h"
#include "http/semantics.h"

namespace meshd {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr uint8_t kHandshake = 22, kClientHello = 1;
constexpr uint16_t kServerName = 0;
constexpr uint8_t kHostName = 0;

// Reads numbers and strings of network order off the front; what is not there reads as nothing and fails it.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : rest_(bytes) {}
  bool good() const { return good_; }
  bool empty() const { return rest_.empty(); }

  uint32_t number(size_t bytes) {
    uint32_t n = 0;
    for (char c : take(bytes)) n = n << 8 | static_cast<uint8_t>(c);
    return n;
  }
  // A string with a length of `prefix` bytes before it.
  std::string_view text(size_t prefix) { return take(number(prefix)); }
  std::string_view take(size_t n) {
    if (n > rest_.size()) {
      good_ = false;
      rest_ = {};
      return {};
    }
    std::string_view out = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return out;
  }

 private:
  std::string_view rest_;
  bool good_ = true;
};

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

// "GET / HTTP/1.1": a method in capitals, a target, and the version at the line's end.
FirstBytes sniff_request_line(std::string_view first) {
  size_t end = first.find('\n');
  std::string_view line = first.substr(0, end);
  size_t space = line.find(' ');
  std::string_view method = line.substr(0, space);
  for (char c : method)
    if (!is_upper(c) && c != '-' && c != '_') return FirstBytes::other;
  if (method.empty()) return FirstBytes::other;
  // The version decides as soon as it is there; a parser then says what is wrong with the rest.
  if (space != std::string_view::npos && line.find(" HTTP/", space) != std::string_view::npos)
    return FirstBytes::http1;
  if (end != std::string_view::npos) return FirstBytes::other;
  return first.size() > kSniffMax ? FirstBytes::other : FirstBytes::undecided;
}

}  // namespace

FirstBytes sniff(std::string_view first) {
  if (first.empty()) return FirstBytes::undecided;
  if (first.starts_with(kPreface)) return FirstBytes::http2;
  if (kPreface.starts_with(first)) return FirstBytes::undecided;
  if (static_cast<uint8_t>(first[0]) == kHandshake) {
    // type, version 3.x, length, then the handshake's own type
    if (first.size() < 6)
      return first.size() > 1 && first[1] != 3 ? FirstBytes::other : FirstBytes::undecided;
    bool hello = first[1] == 3 && static_cast<uint8_t>(first[5]) == kClientHello;
    return hello ? FirstBytes::tls : FirstBytes::other;
  }
  return sniff_request_line(first);
}

bool hello_complete(std::string_view first) {
  if (first.size() > kSniffMax) return true;
  Cursor record(first);
  record.number(1 + 2);
  record.text(2);
  return record.good();
}

std::string_view server_name(std::string_view client_hello) {
  if (sniff(client_hello) != FirstBytes::tls) return {};
  Cursor record(client_hello);
  record.take(1 + 2);  // type, version
  Cursor handshake(record.text(2));
  if (handshake.number(1) != kClientHello) return {};
  Cursor hello(handshake.text(3));
  hello.take(2 + 32);  // version, random
  hello.text(1);       // session id
  hello.text(2);       // cipher suites
  hello.text(1);       // compression methods
  Cursor extensions(hello.text(2));
  while (hello.good() && extensions.good() && !extensions.empty()) {
    uint32_t type = extensions.number(2);
    std::string_view data = extensions.text(2);
    if (type != kServerName || !extensions.good()) continue;
    Cursor names(Cursor(data).text(2));
    if (names.number(1) != kHostName) return {};
    std::string_view name = names.text(2);
    return names.good() ? name : std::string_view();
  }
  return {};
}

}  // namespace meshd
