// SPDX-License-Identifier: Apache-2.0
#include "base/encode.h"

#include <catch2/catch_test_macros.hpp>

#include "base/random.h"

namespace meshd {

TEST_CASE("the vectors of RFC 4648 section 10 encode and decode") {
  struct Case {
    std::string_view bytes, base64, base64url, hex;
  };
  const Case cases[] = {
      {"", "", "", ""},
      {"f", "Zg==", "Zg", "66"},
      {"fo", "Zm8=", "Zm8", "666f"},
      {"foo", "Zm9v", "Zm9v", "666f6f"},
      {"foob", "Zm9vYg==", "Zm9vYg", "666f6f62"},
      {"fooba", "Zm9vYmE=", "Zm9vYmE", "666f6f6261"},
      {"foobar", "Zm9vYmFy", "Zm9vYmFy", "666f6f626172"},
      {"\xfb\xff\xfe", "+//+", "-__-", "fbfffe"},
  };
  for (const Case& c : cases) {
    INFO(c.base64);
    REQUIRE(to_base64(c.bytes) == c.base64);
    REQUIRE(to_base64url(c.bytes) == c.base64url);
    REQUIRE(to_hex(c.bytes) == c.hex);
    REQUIRE(from_base64(c.base64) == c.bytes);
    REQUIRE(from_base64url(c.base64url) == c.bytes);
    REQUIRE(from_hex(c.hex) == c.bytes);
  }
  REQUIRE(from_hex("fBFFfE") == "\xfb\xff\xfe");
}

TEST_CASE("one text names one sequence of bytes: everything else is refused") {
  for (const char* text : {"Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "=", "==", "===", "====", "A===", "Zg==Zg==",
                           "Zm9v\n", " Zm9v", "Zm-_", "Zm9v=", "Z=g="}) {
    INFO(text);
    REQUIRE_FALSE(from_base64(text));
  }
  for (const char* text : {"Zg==", "Zh", "Zm9", "Z", "+//+", "Zm9v ", "Zm9vY"}) {
    INFO(text);
    REQUIRE_FALSE(from_base64url(text));
  }
  for (const char* text : {"a", "0x", "abc", "g0", " 0", "0 "}) {
    INFO(text);
    REQUIRE_FALSE(from_hex(text));
  }
  REQUIRE_FALSE(from_base64url(std::string_view("Zm9\0", 4)));
}

TEST_CASE("random bytes of every length up to 300 come back") {
  for (size_t n = 0; n <= 300; ++n) {
    std::string bytes = random_bytes(n);
    REQUIRE(from_base64(to_base64(bytes)) == bytes);
    REQUIRE(from_base64url(to_base64url(bytes)) == bytes);
    REQUIRE(from_hex(to_hex(bytes)) == bytes);
  }
}

}  // namespace meshd
