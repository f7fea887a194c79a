// SPDX-License-Identifier: Apache-2.0
// sniff.h: what the first bytes of a connection speak. Pure functions, for bytes that anybody may have sent.
#pragma once
#include <optional>
#include <string_view>

namespace meshd {

enum class FirstBytes : uint8_t {
  undecided,  // more are needed
  http1,      // a request line with " HTTP/" in it, which the parser may yet refuse
  http2,      // the connection preface (RFC 9113 section 3.4)
  tls,        // a handshake record with a ClientHello (RFC 8446 section 5.1)
  other,
};

// Over kSniffMax bytes nothing stays undecided.
FirstBytes sniff(std::string_view first);

// Whether nothing more of a ClientHello is to come: all of its first record is there, or more than kSniffMax.
bool hello_complete(std::string_view first);

// The server name that a ClientHello asks for (RFC 6066 section 3), as sent; empty: none, not a ClientHello, or not
// all of it is there. Only the first record is looked at.
std::string_view server_name(std::string_view client_hello);

}  // namespace meshd
