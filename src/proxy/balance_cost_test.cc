// SPDX-License-Identifier: Apache-2.0
// balance_cost_test.cc: what a pick costs, by policy and by number of endpoints, in the processor's time.
#include <time.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "proxy/testing.h"

namespace meshd {
namespace {

uint64_t cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(t.tv_nsec);
}

}  // namespace

TEST_CASE("a pick takes half a microsecond at most, also among a thousand endpoints", "[.long]") {
  using enum model::BalancePolicy;
  for (model::BalancePolicy policy : {least_request, round_robin, random, ewma, ring_hash, maglev}) {
    for (size_t n : {size_t{3}, size_t{100}, size_t{1000}}) {
      Field f(std::vector<uint32_t>(n, 1), {.policy = policy});
      for (const Endpoint& e : f.endpoints)
        f.state(&e).latency.observe(milliseconds(e.id.value % 7 + 1), f.now);
      std::vector<double> each;
      size_t found = 0;
      for (int batch = 0; batch < 50; ++batch) {
        constexpr int kPicks = 10'000;
        uint64_t begin = cpu_ns();
        for (int i = 0; i < kPicks; ++i) found += f.pick() != nullptr;
        each.push_back(static_cast<double>(cpu_ns() - begin) / kPicks);
      }
      std::ranges::sort(each);
      WARN(name_of(policy) << " among " << n << ": " << each[each.size() / 2] << " ns");
      CHECK(found == 500'000);
      CHECK(each[each.size() / 2] <= 500);
    }
  }
}

}  // namespace meshd
