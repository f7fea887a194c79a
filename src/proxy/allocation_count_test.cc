// SPDX-License-Identifier: Apache-2.0
// allocation_count_test.cc: counts in this whole test program; only the difference over a call is looked at.
#include <cstdlib>
#include <new>

#include "proxy/testing.h"

namespace meshd::testing {
thread_local size_t allocation_count = 0;
}

// The sanitizers bring operators of their own; there nothing is counted.
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
void* operator new(size_t n) {
  ++meshd::testing::allocation_count;
  if (void* p = std::malloc(n)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
#endif
