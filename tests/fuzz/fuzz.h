// SPDX-License-Identifier: Apache-2.0
// fuzz.h: what every target shares. NAME.cc holds FUZZ_TARGET(NAME) { … bytes … }, which states by MUST what has to
// hold for any bytes. With MESHD_SANITIZE=fuzzer libFuzzer calls it; in every other build test_fuzz (replay/) calls it
// with the seeds and the regressions.
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/random.h"

namespace meshd::fuzz {

using Target = void (*)(std::string_view bytes);

#ifdef MESHD_FUZZER
#define FUZZ_TARGET(name)                                                     \
  static void fuzz_##name(std::string_view bytes);                            \
  extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {   \
    fuzz_##name(std::string_view(reinterpret_cast<const char*>(data), size)); \
    return 0;                                                                 \
  }                                                                           \
  static void fuzz_##name(std::string_view bytes)
#else
// Adds a target to those that test_fuzz knows.
bool add_target(const char* name, Target target);
#define FUZZ_TARGET(name)                                                                          \
  static void fuzz_##name(std::string_view bytes);                                                 \
  [[maybe_unused]] static const bool added_##name = ::meshd::fuzz::add_target(#name, fuzz_##name); \
  static void fuzz_##name(std::string_view bytes)
#endif

// What has to hold; else the input is kept as a finding.
inline void must(bool holds, std::string_view what, std::string_view detail = {}) {
  if (holds) return;
  fprintf(stderr, "broken: %.*s%s%.*s\n", static_cast<int>(what.size()), what.data(),
          detail.empty() ? "" : ": ", static_cast<int>(detail.size()), detail.data());
  abort();
}

// A generator that depends on the bytes alone, so that a finding can be repeated.
inline FastRandom random_of(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return FastRandom(hash);
}

// The text up to `mark`, which is removed with it from `rest`; all of it where there is no mark.
inline std::string_view cut(std::string_view& rest, char mark) {
  size_t end = rest.find(mark);
  std::string_view head = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return head;
}

}  // namespace meshd::fuzz
