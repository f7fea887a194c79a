// SPDX-License-Identifier: Apache-2.0
#include "proxy/shed.h"

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <vector>

#include "base/buffered.h"
#include "base/chunk.h"

namespace meshd {
namespace {

struct Held final : ServerConnection {
  Held(ServerGroup& group, size_t bytes, bool without_request)
      : ServerConnection(group), bytes_(bytes), idle_(without_request) {}
  ~Held() = default;
  void begin_drain() override {}
  void close(Error why) override { closed = why; }
  bool idle() const override { return idle_; }
  size_t held() const override { return bytes_; }
  std::optional<Error> closed;

 private:
  size_t bytes_;
  bool idle_;
};

TEST_CASE("the pressure of what is buffered") {
  CHECK(pressure_of(0, 1'000'000) == Pressure::none);
  CHECK(pressure_of(915'000, 1'000'000) == Pressure::none);
  CHECK(pressure_of(925'000, 1'000'000) == Pressure::busy);
  CHECK(pressure_of(955'000, 1'000'000) == Pressure::high);
  CHECK(pressure_of(985'000, 1'000'000) == Pressure::critical);
  CHECK(pressure_of(5'000'000, 1'000'000) == Pressure::critical);
  CHECK(pressure_of(5'000'000, 0) == Pressure::none);  // no budget
}

TEST_CASE("idle connections go first, then those that hold most, no more than it takes") {
  ServerGroup group;
  Held idle(group, 0, true), small(group, 10'000, false), large(group, 60'000, false),
      larger(group, 80'000, false);
  CHECK(shed(group, 940'000, 1'000'000) == 0);
  CHECK_FALSE(idle.closed);
  CHECK(shed(group, 960'000, 1'000'000) == 0);
  CHECK(idle.closed->code == Errc::overload);
  CHECK_FALSE(larger.closed);
  idle.closed.reset();
  CHECK(shed(group, 2'250'000, 1'000'000) == 2);  // 60 % has to go: the two that hold most
  CHECK(idle.closed);
  CHECK(larger.closed);
  CHECK(large.closed);
  CHECK_FALSE(small.closed);
}

TEST_CASE("what chunks keep alive is counted once, and no longer than they live") {
  size_t before = buffered_bytes();
  {
    Chunk a = Chunk::copy(std::string(10'000, 'a'));
    Chunk b = a.sub(0, 10);
    a = Chunk();
    CHECK(buffered_bytes() == before + 10'000);  // ten bytes keep them all
    Chunk c = Chunk::literal("elsewhere");
    CHECK(buffered_bytes() == before + 10'000);
  }
  CHECK(buffered_bytes() == before);
}

}  // namespace
}  // namespace meshd
