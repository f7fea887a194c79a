// SPDX-License-Identifier: Apache-2.0
// h1_fairness_test.cc: no connection holds up others, or is held up by nothing.
#include <catch2/catch_test_macros.hpp>

#include "http/h1_test_kit.h"

namespace meshd::test {
namespace {

constexpr const char* kGet = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

Task<void> write_now(ByteStream& stream, std::string text) {
  auto written = co_await stream.write(Chunk::copy(text));
  (void)written;
}

}  // namespace

TEST_CASE("after 32 requests of one connection another gets its turn") {
  Loop loop;
  RecordingService service;
  ServerGroup group;
  PipePair busy = make_pipe(), modest = make_pipe();
  std::string many;
  for (int i = 0; i < 500; ++i) many += kGet;
  spawn(write_now(*busy.a, many));
  spawn(write_now(*modest.a, "GET /modest HTTP/1.1\r\nHost: a.test\r\n\r\n"));
  Raw busy_in, modest_in;
  spawn(read_raw(*busy.a, busy_in));
  spawn(read_raw(*modest.a, modest_in));
  spawn(serve_h1(std::move(busy.b), service, group, {}));
  spawn(serve_h1(std::move(modest.b), service, group, {}));
  loop.run_until([&] { return service.complete.size() == 501; });
  size_t place = 0;
  while (service.complete[place].path != "/modest") ++place;
  CHECK(place <= 2 * kPipelinedPerTurn);
  group.close_all(kTestOver);
  run_all(loop);
}

TEST_CASE("a rest of content that does not come ends the connection") {
  Loop loop;
  class Answers final : public Service {
    Task<Result<Response>> call(Request&) override { co_return make_text_response(200, "", "early"); }
  } service;
  H1ServerOptions options;
  options.body_stall = milliseconds(20);
  ServerGroup group;
  PipePair pipe = make_pipe();
  Raw in;
  spawn(serve_h1(std::move(pipe.b), service, group, options));
  spawn(write_now(*pipe.a, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9\r\n\r\nhalf"));
  spawn(read_raw(*pipe.a, in));
  loop.run_until([&] { return in.ended; });
  CHECK(statuses(in.text) == std::vector<int>{200});
  pipe.a->close(kTestOver);
  run_all(loop);
}

}  // namespace meshd::test
