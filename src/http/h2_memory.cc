// SPDX-License-Identifier: Apache-2.0
// h2_memory.cc: nghttp2's memory comes from the loop's slab: a stream costs it some ten small blocks, which
// malloc would hand back and forth between its bins. The size stands in front of each block.
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "http/h2_connection.h"
#include "loop/frame_slab.h"

namespace meshd {
namespace {

constexpr size_t kPrefix = alignof(std::max_align_t);

size_t& size_of(void* p) { return *reinterpret_cast<size_t*>(static_cast<char*>(p) - kPrefix); }

void* take(size_t size, void*) {
  char* p = static_cast<char*>(slab_allocate(size + kPrefix)) + kPrefix;
  size_of(p) = size;
  return p;
}

void give_back(void* p, void*) {
  if (p != nullptr) slab_free(static_cast<char*>(p) - kPrefix, size_of(p) + kPrefix);
}

void* take_zeroed(size_t count, size_t size, void* user) {
  size_t total = 0;
  if (__builtin_mul_overflow(count, size, &total)) return nullptr;
  return std::memset(take(total, user), 0, total);
}

void* resize(void* p, size_t size, void* user) {
  void* fresh = take(size, user);
  if (p == nullptr) return fresh;
  std::memcpy(fresh, p, std::min(size, size_of(p)));
  give_back(p, user);
  return fresh;
}

}  // namespace

void* h2_memory() {
  static nghttp2_mem memory{nullptr, take, give_back, take_zeroed, resize};
  return &memory;
}

void* H2Stream::operator new(size_t size) { return slab_allocate(size); }
void H2Stream::operator delete(void* p, size_t size) { slab_free(p, size); }

}  // namespace meshd
