// SPDX-License-Identifier: Apache-2.0
// explain_balance.h: the part of an explanation that is about choosing an endpoint: policy, key, groups, and each
// endpoint with its state, weight and the reason for both.
#pragma once
#include "control/explain.h"
#include "snapshot/decide.h"

namespace meshd {

// What is known of endpoints besides the snapshot.
struct Known {
  const DownEndpoints& down;
  const std::vector<EndpointViews>& loops;  // of each data loop
  std::string_view node;                    // this one
};

// {"policy","key","value","endpoint",…}: `facts` are the request's.
Json explain_policy(const Destination& d, const RequestFacts& facts, const Known& known);
// One item for each endpoint of the arm.
Json explain_candidates(const Snapshot& s, const Destination& d, const Known& known);

}  // namespace meshd
