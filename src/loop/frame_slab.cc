// SPDX-License-Identifier: Apache-2.0
#include "loop/frame_slab.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>

namespace meshd {
namespace {

constexpr size_t kStep = 64;     // a cache line
constexpr size_t kClasses = 32;  // frames up to 2 KiB are kept; larger ones go to malloc
#if __has_feature(address_sanitizer)
constexpr size_t kKeepPerClass = 0;  // every frame from malloc, so that the sanitizer sees its end
#else
constexpr size_t kKeepPerClass = 1024;
#endif

struct Free {
  Free* next;
};

struct Slab {
  Free* lists[kClasses] = {};
  size_t counts[kClasses] = {};
  size_t largest = 0;
  size_t live = 0;
  ~Slab() {
    for (Free* f : lists) {
      while (f != nullptr) std::free(std::exchange(f, f->next));
    }
  }
};
thread_local Slab slab;

size_t class_of(size_t bytes) { return (bytes + kStep - 1) / kStep - 1; }

}  // namespace

void* frame_allocate(size_t bytes) {
  slab.largest = std::max(slab.largest, bytes);
  ++slab.live;
  return slab_allocate(bytes);
}

void frame_free(void* p, size_t bytes) {
  --slab.live;
  slab_free(p, bytes);
}

void* slab_allocate(size_t bytes) {
  size_t c = class_of(bytes);
  if (c < kClasses && slab.lists[c] != nullptr) {
    Free* f = slab.lists[c];
    slab.lists[c] = f->next;
    --slab.counts[c];
    return f;
  }
  void* p = std::malloc((c + 1) * kStep);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}

void slab_free(void* p, size_t bytes) {
  size_t c = class_of(bytes);
  if (c < kClasses && slab.counts[c] < kKeepPerClass) {
    auto* f = static_cast<Free*>(p);
    f->next = slab.lists[c];
    slab.lists[c] = f;
    ++slab.counts[c];
  } else {
    std::free(p);
  }
}

size_t largest_frame() { return slab.largest; }
size_t live_frames() { return slab.live; }

}  // namespace meshd
