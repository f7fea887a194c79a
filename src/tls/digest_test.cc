// SPDX-License-Identifier: Apache-2.0
#include "tls/digest.h"

#include <catch2/catch_test_macros.hpp>

#include "base/encode.h"

namespace meshd {

TEST_CASE("SHA-256 gives the standard's values") {
  // FIPS 180-4 examples.
  REQUIRE(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  REQUIRE(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  REQUIRE(sha256("abc").size() == 32);
}

TEST_CASE("SHA-1 of a known text") {
  REQUIRE(to_hex(sha1("abc")) == "a9993e364706816aba3e25717850c26c9cd0d89d");
}

TEST_CASE("constant-time comparison tells equal from different") {
  REQUIRE(equal_constant_time("", ""));
  REQUIRE(equal_constant_time("secret", "secret"));
  REQUIRE_FALSE(equal_constant_time("secret", "secreT"));
  REQUIRE_FALSE(equal_constant_time("secret", "secret1"));
}

}  // namespace meshd
