// SPDX-License-Identifier: Apache-2.0
// balance.h: what the file says about choosing an endpoint. Part of the model's values (model.h).
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "model/actions.h"

namespace meshd::model {

enum class BalancePolicy : uint8_t { least_request, round_robin, random, ewma, ring_hash, maglev };

// Whether requests with the same key go to the same endpoint.
constexpr bool hashes(BalancePolicy p) { return p == BalancePolicy::ring_hash || p == BalancePolicy::maglev; }

// What a policy that hashes looks at. A cookie that is issued names the endpoint that answered.
struct BalanceKey : Sticky {
  bool issue = false;           // set the cookie where the request has none of ours
  std::chrono::seconds ttl{0};  // of the cookie; 0: as long as the browser runs
  std::string path;             // of the cookie
  friend bool operator==(const BalanceKey&, const BalanceKey&) = default;
};

struct Balance {
  BalancePolicy policy = BalancePolicy::least_request;
  BalanceKey key;
  bool prefer_node = false, prefer_zone = false;
  std::chrono::milliseconds slow_start{0};  // 0: none
  uint32_t panic_permille = 0;              // fewer usable endpoints than this share: all are used
  friend bool operator==(const Balance&, const Balance&) = default;
};

std::string_view name_of(BalancePolicy policy);

}  // namespace meshd::model
