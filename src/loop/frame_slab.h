// SPDX-License-Identifier: Apache-2.0
// frame_slab.h: memory for coroutine frames: per-thread free lists by size class, no lock, no malloc in
// the steady state. A frame is freed on the thread that made it: tasks do not move between loops.
#pragma once
#include <cstddef>

namespace meshd {

void* frame_allocate(size_t bytes);
void frame_free(void* p, size_t bytes);

// The same memory for other small things that live and die on one thread, such as HTTP/2 streams. Not counted below.
void* slab_allocate(size_t bytes);
void slab_free(void* p, size_t bytes);

// The largest frame this thread has made, bytes: tests hold it down.
size_t largest_frame();
// Frames of this thread that are alive: tests check that none is left.
size_t live_frames();

}  // namespace meshd
