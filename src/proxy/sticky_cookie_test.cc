// SPDX-License-Identifier: Apache-2.0
#include "proxy/sticky_cookie.h"

#include <catch2/catch_test_macros.hpp>

namespace meshd {

TEST_CASE("the cookie that we issue names the endpoint and is out of reach of scripts and other sites") {
  model::BalanceKey key;
  key.name = "at";
  key.ttl = std::chrono::hours(1);
  key.path = "/shop";
  CHECK(sticky_cookie(key, EndpointId{0x0123456789abcdef}, false) ==
        "at=0123456789abcdef; Path=/shop; Max-Age=3600; HttpOnly; SameSite=Lax");
  key.ttl = {};
  key.path.clear();
  CHECK(sticky_cookie(key, EndpointId{1}, true) ==
        "at=0000000000000001; Path=/; Secure; HttpOnly; SameSite=Lax");
}

}  // namespace meshd
