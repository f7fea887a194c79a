// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "snapshot/identity.h"

namespace meshd {

TEST_CASE("identities are written one way and read back") {
  CHECK(service_spiffe_id("edge.mesh", "web") == "spiffe://edge.mesh/ns/default/sa/web");
  CHECK(node_spiffe_id("edge.mesh", "n1") == "spiffe://edge.mesh/ns/meshd-system/sa/node.n1");
  CHECK(principal_text("edge.mesh", service_spiffe_id("edge.mesh", "web")) == "service/web");
  CHECK(principal_text("edge.mesh", service_spiffe_id("edge.mesh", "gateway")) == "gateway");
  CHECK(principal_text("edge.mesh", node_spiffe_id("edge.mesh", "n1")) == "node/n1");
  CHECK(principal_text("edge.mesh", "spiffe://other/ns/default/sa/web") ==
        "spiffe://other/ns/default/sa/web");
  CHECK(principal_text("edge.mesh", "") == "-");
  CHECK(spiffe_id("t", model::Principal{model::Principal::any, "", {}}).empty());
}

}  // namespace meshd
