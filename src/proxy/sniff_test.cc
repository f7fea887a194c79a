// SPDX-License-Identifier: Apache-2.0
#include "proxy/sniff.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "base/encode.h"
#include "base/limits.h"

namespace meshd {
namespace {

TEST_CASE("a ClientHello is complete with its first record") {
  std::string_view hello("\x16\x03\x01\x00\x04\x01\x00\x00\x00", 9);
  for (size_t n = 0; n < hello.size(); ++n) CHECK_FALSE(hello_complete(hello.substr(0, n)));
  CHECK(hello_complete(hello));
  CHECK(hello_complete(std::string(kSniffMax + 1, '\x16')));
}

TEST_CASE("the first bytes tell HTTP, TLS and the rest apart") {
  struct Case {
    std::string_view bytes;
    FirstBytes speaks;
  };
  for (const Case& c : {
           Case{"GET / HTTP/1.1\r\n", FirstBytes::http1},
           Case{"GET / HTTP/9.9\r\n", FirstBytes::http1},  // refused by the parser, not passed on as bytes
           Case{"M-SEARCH * HTTP/1.1", FirstBytes::http1},
           Case{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0", FirstBytes::http2},
           Case{std::string_view("\x16\x03\x01\x02\x00\x01\x00", 7), FirstBytes::tls},
           Case{std::string_view("\x16\x03\x01\x02\x00\x02\x00", 7), FirstBytes::other},
           Case{"EHLO mail.test\r\n", FirstBytes::other},
           Case{"PING\r\n", FirstBytes::other},
           Case{"*1\r\n$4\r\nPING\r\n", FirstBytes::other},
           Case{"GET key\r\n", FirstBytes::other},  // Redis, inline
           Case{"get key\r\n", FirstBytes::other},  // memcached
           Case{"SSH-2.0-OpenSSH_9.2\r\n", FirstBytes::other},
           Case{std::string_view("\0\0\0\x08\x04\xd2\x16\x2f", 8),
                FirstBytes::other},  // PostgreSQL's SSLRequest
           Case{std::string_view("\0", 1), FirstBytes::other},
           Case{"", FirstBytes::undecided},
           Case{"G", FirstBytes::undecided},
           Case{"PRI * HTT", FirstBytes::undecided},
           Case{"PRI * HTTP/2.0\r\n\r\n", FirstBytes::undecided},
           Case{"GET /a/long/path", FirstBytes::undecided},
           Case{"\x16", FirstBytes::undecided},
       }) {
    CAPTURE(c.bytes);
    CHECK(sniff(c.bytes) == c.speaks);
  }
  CHECK(sniff("GET /" + std::string(kSniffMax, 'a')) == FirstBytes::other);
}

// As `openssl s_client -servername shop.example.com` sends it, shortened to one cipher and two extensions.
std::string hello() {
  return *from_hex(
      "1603010055010000510303"
      "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
      "00000213010100"
      "0026"
      "002b0003020304"
      "00000015001300001073686f702e6578616d706c652e636f6d"
      "002d00020101");
}

TEST_CASE("a ClientHello names its server, cut anywhere it names none") {
  std::string whole = hello();
  CHECK(server_name(whole) == "shop.example.com");
  for (size_t cut = 0; cut < whole.size(); ++cut) {
    CAPTURE(cut);
    CHECK(server_name(std::string_view(whole).substr(0, cut)).empty());
  }
  std::string other = whole;
  other[1] = 0x3b;  // no version of TLS
  CHECK(sniff(other) == FirstBytes::other);
  CHECK(server_name(other).empty());
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string broken = whole;
    broken[at] = '\xff';
    (void)server_name(broken);  // whatever it says, it stays within the bytes
  }
}

}  // namespace
}  // namespace meshd
