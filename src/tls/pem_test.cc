// SPDX-License-Identifier: Apache-2.0
#include "tls/pem.h"

#include <catch2/catch_test_macros.hpp>

namespace meshd {

TEST_CASE("PEM text is read back as it was written") {
  for (size_t size : {1u, 47u, 48u, 49u, 1000u}) {
    std::string der(size, '\xa5');
    auto blocks = parse_pem(to_pem("CERTIFICATE", der));
    REQUIRE(blocks.has_value());
    REQUIRE(blocks->size() == 1);
    REQUIRE(blocks->front().label == "CERTIFICATE");
    REQUIRE(blocks->front().der == der);
  }
}

TEST_CASE("lines have 64 columns") {
  std::string text = to_pem("X", std::string(100, 'a'));
  REQUIRE(text.find('\n', text.find('\n') + 1) - text.find('\n') == 65);
}

TEST_CASE("several blocks, with talk between them, are read in order") {
  auto blocks = parse_pem("Certificate: data\n" + to_pem("A", "1") + "and\r\n" + to_pem("B", "2"));
  REQUIRE(blocks.has_value());
  REQUIRE(blocks->size() == 2);
  REQUIRE((*blocks)[0].label == "A");
  REQUIRE((*blocks)[1].der == "2");
}

TEST_CASE("broken PEM blocks are refused") {
  std::string good = to_pem("CERTIFICATE", "hello");
  REQUIRE(parse_pem("no block at all")->empty());
  REQUIRE_FALSE(parse_pem(good.substr(0, good.size() - 10)).has_value());
  REQUIRE_FALSE(parse_pem("-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n").has_value());
  REQUIRE_FALSE(parse_pem("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n").has_value());
  REQUIRE_FALSE(parse_pem("-----BEGIN A-----\naGVsbG8=\n-----END B-----\n").has_value());
  REQUIRE_FALSE(parse_pem("-----BEGIN ").has_value());
}

}  // namespace meshd
