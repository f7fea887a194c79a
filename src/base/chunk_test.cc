// SPDX-License-Identifier: Apache-2.0
#include "base/chunk.h"

#include <catch2/catch_test_macros.hpp>
#include <cstring>

#include "base/limits.h"
#include "base/random.h"

namespace meshd {

namespace {

std::string text_of(const ChunkQueue& queue) {
  std::string out;
  for (const Chunk& c : queue.chunks()) out += c.view();
  return out;
}

}  // namespace

TEST_CASE("slices share a block and keep its bytes alive") {
  Chunk part;
  {
    Chunk whole = Chunk::copy("hello world");
    part = whole.sub(6, 5);
    REQUIRE(part.data() == whole.data() + 6);
  }
  REQUIRE(part.view() == "world");
  REQUIRE(part.pinned() == 11);
  Chunk moved = std::move(part);
  REQUIRE(part.empty());  // NOLINT: a moved-from chunk is empty
  REQUIRE(moved.view() == "world");
  Chunk copy = moved;
  moved = Chunk();
  REQUIRE(copy.view() == "world");
  copy.remove_prefix(1);
  copy.truncate(2);
  REQUIRE(copy.view() == "or");
}

TEST_CASE("an empty copy has no block and a literal pins nothing") {
  REQUIRE(Chunk::copy("").empty());
  REQUIRE(Chunk::copy("").pinned() == 0);
  REQUIRE(Chunk::literal("abc").pinned() == 0);
  REQUIRE(Chunk::literal("abc").view() == "abc");
}

TEST_CASE("a chunk assigned to itself or to its own slice stays whole") {
  Chunk c = Chunk::copy("abcdef");
  Chunk& same = c;
  c = same;
  REQUIRE(c.view() == "abcdef");
  c = c.sub(2, 3);
  REQUIRE(c.view() == "cde");
}

TEST_CASE("a queue gives back the bytes in order, in pieces no larger than asked") {
  ChunkQueue queue;
  queue.push(Chunk::copy("abc"));
  queue.push(Chunk());
  queue.push(Chunk::copy("defgh"));
  REQUIRE(queue.size() == 8);
  REQUIRE(queue.chunks().size() == 2);
  REQUIRE(queue.pop(2).view() == "ab");
  REQUIRE(queue.pop(100).view() == "c");
  queue.drop(2);
  REQUIRE(text_of(queue) == "fgh");
  queue.drop(3);
  REQUIRE(queue.empty());
  REQUIRE(queue.chunks().empty());
  REQUIRE(queue.pop().empty());
  queue.drop(0);
}

TEST_CASE("a queue agrees with a plain string over many random steps") {
  FastRandom random(11);
  ChunkQueue queue;
  std::string model;
  for (int step = 0; step < 20'000; ++step) {
    switch (random.below(4)) {
      case 0:
      case 1: {
        std::string bytes(random.below(20), static_cast<char>('a' + step % 26));
        queue.push(Chunk::copy(bytes));
        model += bytes;
        break;
      }
      case 2: {
        Chunk c = queue.pop(1 + random.below(15));
        REQUIRE(model.starts_with(c.view()));
        model.erase(0, c.size());
        break;
      }
      default: {
        size_t n =
            model.empty() ? 0 : random.below(static_cast<uint32_t>(std::min<size_t>(model.size(), 40)));
        queue.drop(n);
        model.erase(0, n);
      }
    }
    REQUIRE(queue.size() == model.size());
  }
  REQUIRE(text_of(queue) == model);
}

TEST_CASE("small reads share one block, and the block is used again once nobody holds it") {
  ReadSlab slab;
  auto read = [&slab](std::string_view bytes) {
    std::span<char> room = slab.space();
    REQUIRE(room.size() >= kReadMin);
    std::memcpy(room.data(), bytes.data(), bytes.size());
    return slab.take(bytes.size());
  };
  Chunk a = read("first");
  Chunk b = read("second");
  REQUIRE(a.view() == "first");
  REQUIRE(b.data() == a.data() + 5);
  const char* start = a.data();
  a = b = Chunk();
  REQUIRE(read("third").data() == start);

  // A full block is left to its readers.
  Chunk big = read(std::string(kReadBlock - kReadMin + 1, 'x'));
  Chunk next = read("next");
  REQUIRE(next.data() != big.data() + big.size());
  REQUIRE(big.view().find_first_not_of('x') == std::string_view::npos);
}

TEST_CASE("small pieces copied to a queue lie side by side") {
  ChunkQueue q;
  q.push(Chunk::literal("head"));
  for (int i = 0; i < 1000; ++i) q.push_copy("ab");
  CHECK(q.size() == 2004);
  CHECK(q.chunks().size() == 2);
  CHECK(q.pop(5).view() == "head");
  CHECK(q.pop(3).view() == "aba");
  // What was handed out stays as it was while more is copied behind it.
  Chunk part = q.pop(1);
  q.push_copy("zz");
  CHECK(part.view() == "b");
  std::string rest;
  while (!q.empty()) rest += q.pop().view();
  CHECK(rest.size() == 2000 - 4 + 2);
  CHECK(rest.ends_with("abzz"));
  q.push_copy(std::string(10'000, 'x'));
  CHECK(q.size() == 10'000);
  CHECK(q.chunks().size() == 3);
  q.push(Chunk::literal("y"));
  q.push_copy("z");
  rest.clear();
  while (!q.empty()) rest += q.pop().view();
  CHECK(rest.ends_with("xyz"));
}

}  // namespace meshd
