// SPDX-License-Identifier: Apache-2.0
#include "control/ndjson.h"

#include <catch2/catch_test_macros.hpp>
#include <vector>

#include "base/limits.h"
#include "loop/loop.h"

namespace meshd {
namespace {

struct Read {
  std::vector<std::string> lines;
  std::optional<Error> end;
};

Task<void> read_lines(Body& body, Read& into) {
  LineReader reader(body);
  for (;;) {
    auto line = co_await reader.next();
    if (!line) {
      into.end = line.error();
      co_return;
    }
    into.lines.push_back(*line);
  }
}

}  // namespace

TEST_CASE("lines arrive one by one, also when they were sent before anybody read") {
  Loop loop;
  LineSender sender;
  auto body = sender.body();
  sender.send_line(R"({"a":1})");
  sender.send_line("");
  sender.send_line(R"({"b":2})");
  Read read;
  spawn(read_lines(*body, read));
  loop.run_until([&] { return read.lines.size() == 2; });
  REQUIRE(read.lines == std::vector<std::string>{R"({"a":1})", R"({"b":2})"});
  sender.send(json("later"));
  sender.finish();
  loop.run_until([&] { return read.end.has_value(); });
  REQUIRE(read.lines.back() == "\"later\"");
  REQUIRE(read.end->code == Errc::closed);
  REQUIRE_FALSE(sender.send_line("too late"));
}

TEST_CASE("a sender that goes away ends the stream, a body that goes away tells the sender") {
  Loop loop;
  auto sender = std::make_unique<LineSender>();
  auto body = sender->body();
  Read read;
  spawn(read_lines(*body, read));
  sender->send_line("x");
  sender.reset();
  loop.run_until([&] { return read.end.has_value(); });
  REQUIRE(read.lines == std::vector<std::string>{"x"});

  LineSender other;
  other.body().reset();
  REQUIRE(other.ended());
  REQUIRE_FALSE(other.send_line("x"));
}

TEST_CASE("a line without end is refused before it fills the memory") {
  Loop loop;
  LineSender sender;
  auto body = sender.body();
  sender.send_line(std::string(kControlLineMax + 1, 'x'));
  Read read;
  spawn(read_lines(*body, read));
  loop.run_until([&] { return read.end.has_value() || !read.lines.empty(); });
  REQUIRE(read.lines.empty());
  REQUIRE(read.end->code == Errc::limit);
  REQUIRE(sender.ended());
}

}  // namespace meshd
