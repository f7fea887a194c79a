// SPDX-License-Identifier: Apache-2.0
#include "base/chunk.h"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/buffered.h"
#include "base/limits.h"

namespace meshd {
namespace {

// Free blocks of the read size, a few per thread: bulk transfer then never calls malloc.
struct FreeBlocks {
#if __has_feature(address_sanitizer)
  static constexpr size_t kMax = 0;  // so that the sanitizer sees every block's end
  Block* blocks[1];
#else
  static constexpr size_t kMax = 16;
  Block* blocks[kMax];
#endif
  size_t count = 0;
  ~FreeBlocks() {
    while (count > 0) std::free(blocks[--count]);
  }
};
thread_local FreeBlocks free_blocks;
thread_local size_t live_bytes = 0;

}  // namespace

Block* Block::make(uint32_t size) {
  Block* b;
  if (size == kReadBlock && free_blocks.count > 0) {
    b = free_blocks.blocks[--free_blocks.count];
  } else {
    b = static_cast<Block*>(std::malloc(sizeof(Block) + size));
    if (b == nullptr) throw std::bad_alloc();
  }
  b->refs = 1;
  b->size = size;
  live_bytes += size;
  return b;
}

size_t buffered_bytes() { return live_bytes; }

void Block::release(Block* b) {
  live_bytes -= b->size;
  if (b->size == kReadBlock && free_blocks.count < FreeBlocks::kMax) {
    free_blocks.blocks[free_blocks.count++] = b;
  } else {
    std::free(b);
  }
}

Chunk Chunk::copy(std::string_view bytes) {
  if (bytes.empty()) return {};
  assert(bytes.size() <= UINT32_MAX);
  Block* b = Block::make(static_cast<uint32_t>(bytes.size()));
  std::memcpy(b->data(), bytes.data(), bytes.size());
  return adopt(b, bytes.size());
}

void ChunkQueue::push_copy(std::string_view bytes) {
  constexpr size_t kCopyBlock = 4096 - 64;
  while (!bytes.empty()) {
    if (room_ == 0) {
      chunks_.push_back(Chunk::adopt(Block::make(kCopyBlock), 0));
      room_ = kCopyBlock;
    }
    Chunk& last = chunks_.back();
    size_t n = std::min(room_, bytes.size());
    std::memcpy(const_cast<char*>(last.data()) + last.size(), bytes.data(), n);
    last.truncate(last.size() + n);  // grows into the room behind it
    room_ -= n;
    size_ += n;
    bytes.remove_prefix(n);
  }
}

Chunk ChunkQueue::pop(size_t max) {
  if (size_ == 0) return {};
  Chunk& front = chunks_[first_];
  if (front.size() > max) {
    Chunk part = front.sub(0, max);
    front.remove_prefix(max);
    size_ -= max;
    return part;
  }
  Chunk whole = std::move(front);
  size_ -= whole.size();
  ++first_;
  popped();
  return whole;
}

void ChunkQueue::drop(size_t n) {
  assert(n <= size_);
  size_ -= n;
  while (n > 0) {
    Chunk& front = chunks_[first_];
    if (front.size() > n) {
      front.remove_prefix(n);
      break;
    }
    n -= front.size();
    front = Chunk();
    ++first_;
  }
  popped();
}

void ChunkQueue::clear() {
  chunks_.clear();
  first_ = 0;
  size_ = 0;
  room_ = 0;
}

// Keeps the vector from growing without end: an empty queue starts over, a long one moves up.
void ChunkQueue::popped() {
  if (size_ == 0) {
    clear();
  } else if (first_ >= 64 && first_ * 2 >= chunks_.size()) {
    chunks_.erase(chunks_.begin(), chunks_.begin() + static_cast<ptrdiff_t>(first_));
    first_ = 0;
  }
}

ReadSlab::~ReadSlab() {
  if (block_) Block::unref(block_);
}

std::span<char> ReadSlab::space() {
  // Sole owner again: every slice of it is gone, so the block can be filled from the start.
  if (block_ != nullptr && block_->refs == 1) used_ = 0;
  if (block_ == nullptr || block_->size - used_ < kReadMin) {
    if (block_) Block::unref(block_);
    block_ = Block::make(kReadBlock);
    used_ = 0;
  }
  return {block_->data() + used_, block_->size - used_};
}

Chunk ReadSlab::take(size_t n) {
  assert(block_ != nullptr && used_ + n <= block_->size);
  Chunk c = Chunk::slice(block_, used_, n);
  used_ += n;
  return c;
}

}  // namespace meshd
