// SPDX-License-Identifier: Apache-2.0
// chunk.h: the unit in which bytes move: a reference-counted slice of a block.
//
// The count is not atomic: a Chunk never leaves the thread that made it. What crosses threads
// (Mailbox messages) carries std::string.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/small_vector.h"

namespace meshd {

// The header in front of a block's bytes. Made by Block::make, freed when the last slice goes.
struct Block {
  uint32_t refs;
  uint32_t size;  // bytes that follow

  char* data() { return reinterpret_cast<char*>(this + 1); }
  // A block of `size` bytes with one reference. Blocks of the common size come from a per-thread list.
  static Block* make(uint32_t size);
  static void unref(Block* b) {
    if (--b->refs == 0) release(b);
  }

 private:
  static void release(Block* b);
};

// A slice of a Block, or of memory that outlives everything (literals).
class Chunk {
 public:
  Chunk() = default;
  Chunk(const Chunk& o) : block_(o.block_), data_(o.data_), size_(o.size_) {
    if (block_) ++block_->refs;
  }
  Chunk(Chunk&& o) noexcept
      : block_(std::exchange(o.block_, nullptr)),
        data_(std::exchange(o.data_, nullptr)),
        size_(std::exchange(o.size_, 0)) {}
  Chunk& operator=(Chunk o) noexcept {
    std::swap(block_, o.block_);
    std::swap(data_, o.data_);
    std::swap(size_, o.size_);
    return *this;
  }
  ~Chunk() {
    if (block_) Block::unref(block_);
  }

  // Copies `bytes` into a block of its own.
  static Chunk copy(std::string_view bytes);
  // Borrows memory that outlives every use, such as a literal.
  static Chunk literal(std::string_view bytes) { return Chunk(nullptr, bytes.data(), bytes.size()); }
  // Slices a block; takes a reference of its own.
  static Chunk slice(Block* b, size_t offset, size_t size) {
    ++b->refs;
    return Chunk(b, b->data() + offset, size);
  }
  // Adopts the caller's one reference to `b`.
  static Chunk adopt(Block* b, size_t size) { return Chunk(b, b->data(), size); }

  const char* data() const { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::string_view view() const { return {data_, size_}; }

  // The slice [offset, offset+size) sharing this block.
  Chunk sub(size_t offset, size_t size) const {
    Chunk c(*this);
    c.data_ += offset;
    c.size_ = size;
    return c;
  }
  void remove_prefix(size_t n) {
    data_ += n;
    size_ -= n;
  }
  void truncate(size_t n) { size_ = n; }
  // How many bytes the slice keeps alive; more than size() where it pins a larger block.
  size_t pinned() const { return block_ ? block_->size : 0; }

 private:
  Chunk(Block* b, const char* d, size_t n) : block_(b), data_(d), size_(n) {}
  Block* block_ = nullptr;
  const char* data_ = nullptr;
  size_t size_ = 0;
};

// What one write carries: usually a head and a piece of body.
using Chunks = SmallVector<Chunk, 4>;

template <class List>
size_t total_size(const List& chunks) {
  size_t n = 0;
  for (const Chunk& c : chunks) n += c.size();
  return n;
}

// A FIFO of chunks, with its size known.
class ChunkQueue {
 public:
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }  // bytes
  void push(Chunk c) {
    if (c.empty()) return;
    size_ += c.size();
    room_ = 0;
    chunks_.push_back(std::move(c));
  }
  // Copies `bytes` to the end, side by side with other copies: many small pieces then cost no Chunk each and pin
  // none of the large blocks they came in.
  void push_copy(std::string_view bytes);
  // Removes and returns the first chunk, at most `max` bytes of it; empty when the queue is.
  Chunk pop(size_t max = SIZE_MAX);
  // Drops `n` bytes from the front.
  void drop(size_t n);
  void clear();
  // The chunks in order; valid until the next change.
  std::span<const Chunk> chunks() const { return std::span(chunks_).subspan(first_); }

 private:
  void popped();
  std::vector<Chunk> chunks_;
  size_t first_ = 0;  // chunks_[0, first_) are spent
  size_t size_ = 0;
  size_t room_ = 0;  // free bytes of our own block behind the last chunk
};

// Hands out the free tail of a shared block to readers, so that many small reads share one block.
class ReadSlab {
 public:
  ReadSlab() = default;
  ReadSlab(const ReadSlab&) = delete;
  ReadSlab& operator=(const ReadSlab&) = delete;
  ~ReadSlab();
  // Writable space of at least kReadMin bytes; valid until take().
  std::span<char> space();
  // The first `n` bytes of the last space() as a Chunk.
  Chunk take(size_t n);

 private:
  Block* block_ = nullptr;
  size_t used_ = 0;
};

}  // namespace meshd
