// SPDX-License-Identifier: Apache-2.0
#include "ca/lifecycle.h"

#include <catch2/catch_test_macros.hpp>

namespace meshd {
namespace {

constexpr UnixSeconds kNow = 1'760'000'000;

}  // namespace

TEST_CASE("renewal comes at half life, spread over a fifth of it") {
  Validity day = valid_for(kNow, 86400);
  REQUIRE(issued_at(day) == kNow);
  REQUIRE(renew_at(day, 0.5) == kNow + 43200);
  REQUIRE(renew_at(day, 0.0) == kNow + 34560);
  REQUIRE(renew_at(day, 0.999) < kNow + 51840);
}

TEST_CASE("a certificate of ten seconds is renewed after about five") {
  Validity brief = valid_for(kNow, 10);
  REQUIRE(renew_at(brief, 0.0) == kNow + 4);
  REQUIRE(renew_at(brief, 0.999) <= kNow + 6);
}

TEST_CASE("odd validities give no odd times") {
  // Shorter than the back-dating, or empty.
  REQUIRE(renew_at({kNow, kNow + 100}, 0.5) <= kNow + 100);
  REQUIRE(renew_at({kNow, kNow}, 0.9) == kNow);
}

TEST_CASE("a failed renewal is tried again, ever slower but never too late") {
  Validity day = valid_for(kNow, 86400);
  REQUIRE(retry_at(day, kNow, 1, 0.0) == kNow + 1);
  REQUIRE(retry_at(day, kNow, 4, 0.99) - kNow <= 8);
  REQUIRE(retry_at(day, kNow, 4, 0.0) - kNow == 4);
  for (uint32_t n : {9u, 20u, 32u, 1000u}) {
    REQUIRE(retry_at(day, kNow, n, 0.99) - kNow <= 300);
    REQUIRE(retry_at(day, kNow, n, 0.0) - kNow >= 128);
  }
  REQUIRE(retry_at(valid_for(kNow, 10), kNow, 20, 0.5) == kNow + 1);
}

TEST_CASE("the states follow one another") {
  Validity day = valid_for(kNow, 86400);
  const struct {
    UnixSeconds at;
    CertState state;
  } cases[] = {
      {kNow - 301, CertState::early},
      {kNow - 300, CertState::good},
      {kNow, CertState::good},
      {kNow + 43200, CertState::good},
      {kNow + 51841, CertState::due},
      {kNow + 77700, CertState::due},
      {kNow + 77761, CertState::ending},
      {kNow + 86400, CertState::ending},
      {kNow + 86401, CertState::expired},
  };
  for (const auto& c : cases) {
    INFO(c.at - kNow);
    REQUIRE(name_of(state_of(day, c.at)) == name_of(c.state));
  }
}

TEST_CASE("only a valid certificate that lasts longer takes the place of another") {
  Validity current = valid_for(kNow, 86400);
  UnixSeconds later = kNow + 43200;
  REQUIRE(may_replace(current, valid_for(later, 86400), later));
  REQUIRE_FALSE(may_replace(current, current, later));
  REQUIRE_FALSE(may_replace(current, valid_for(kNow, 3600), later));           // ended already
  REQUIRE_FALSE(may_replace(current, valid_for(later, 60), later));            // ends sooner
  REQUIRE_FALSE(may_replace(current, valid_for(later + 3600, 86400), later));  // not yet valid
}

}  // namespace meshd
