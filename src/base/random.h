// SPDX-License-Identifier: Apache-2.0
// random.h: secrets come from the kernel; choices on the request path come from a fast generator.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace meshd {

// `n` bytes from getrandom(2). Aborts if the kernel cannot give them: nothing safe can follow.
std::string random_bytes(size_t n);

// xoshiro256** (Blackman, Vigna 2018): for balancing, jitter and sampling, never for secrets.
class FastRandom {
 public:
  explicit FastRandom(uint64_t seed);
  uint64_t next();
  // Uniform in [0, bound); bound > 0.
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>((next() >> 32) * bound >> 32); }
  // Uniform in [0, 1).
  double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  uint64_t s_[4];
};

}  // namespace meshd
