// SPDX-License-Identifier: Apache-2.0
// h2_client_raw_test.cc: H2Client against a server that misbehaves, by raw frames; cases as in tests/conformance/h2_cases.py.
#include <nghttp2/nghttp2.h>

#include <catch2/catch_test_macros.hpp>
#include <map>

#include "http/h1_test_kit.h"
#include "http/h2_peers_test.h"

namespace meshd {
namespace {

std::string be(uint64_t n, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(n >> (8 * i));
  return out;
}
std::string frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload = {}) {
  std::string out = be(payload.size(), 3);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  return out + be(stream, 4) + std::string(payload);
}
// Literals without indexing, names and values below 127 bytes.
using List = std::vector<std::pair<std::string, std::string>>;
std::string block(const List& fields) {
  std::string out;
  for (const auto& [name, value] : fields)
    out += '\0' + be(name.size(), 1) + name + be(value.size(), 1) + value;
  return out;
}
constexpr uint8_t kEnd = NGHTTP2_FLAG_END_STREAM, kWhole = NGHTTP2_FLAG_END_HEADERS;
std::string head(const List& fields, uint8_t flags = kWhole, uint32_t stream = 1) {
  return frame(NGHTTP2_HEADERS, flags, stream, block(fields));
}
std::string data(std::string_view bytes, uint8_t flags = 0, uint32_t stream = 1) {
  return frame(NGHTTP2_DATA, flags, stream, bytes);
}
std::string setting(uint16_t id, uint32_t value) { return be(id, 2) + be(value, 4); }
std::string settings(std::string_view list = {}) { return frame(NGHTTP2_SETTINGS, 0, 0, list); }
std::string window(uint32_t stream, uint32_t n) { return frame(NGHTTP2_WINDOW_UPDATE, 0, stream, be(n, 4)); }
std::string reset(uint32_t stream, uint32_t code) {
  return frame(NGHTTP2_RST_STREAM, 0, stream, be(code, 4));
}
std::string goaway(uint32_t last, uint32_t code) {
  return frame(NGHTTP2_GOAWAY, 0, 0, be(last, 4) + be(code, 4));
}
const List k200{{":status", "200"}};

// What the client said: codes of its GOAWAY and of its RST_STREAM frames.
struct Heard {
  std::optional<uint32_t> goaway;
  std::map<uint32_t, uint32_t> resets;
  bool closed = false;
  std::string pending;
  static uint32_t number(std::string_view s) {
    uint32_t n = 0;
    for (char c : s) n = n << 8 | static_cast<uint8_t>(c);
    return n;
  }
  void feed(std::string_view bytes) {
    pending.append(bytes);
    if (pending.starts_with("PRI")) {
      if (pending.size() < NGHTTP2_CLIENT_MAGIC_LEN) return;
      pending.erase(0, NGHTTP2_CLIENT_MAGIC_LEN);
    }
    while (pending.size() >= 9 && pending.size() >= 9 + number(pending.substr(0, 3))) {
      std::string_view payload = std::string_view(pending).substr(9, number(pending.substr(0, 3)));
      if (pending[3] == NGHTTP2_GOAWAY && number(payload.substr(4, 4)) != 0)
        goaway = number(payload.substr(4, 4));
      if (pending[3] == NGHTTP2_RST_STREAM) resets[number(pending.substr(5, 4))] = number(payload);
      pending.erase(0, 9 + payload.size());
    }
  }
};
Task<void> listen(ByteStream& s, Heard& heard) {
  for (;;) {
    Result<Chunk> c = co_await s.read();
    if (!c || c->empty()) break;
    heard.feed(c->view());
  }
  heard.closed = true;
}

struct Outcome {
  std::optional<Error> error;  // of the call, or of its content
  int status = 0;
  std::string content;
  bool done = false;
};
Task<void> ask(H2Client& client, Request& request, Outcome& o) {
  Result<Response> response = co_await client.call(request);
  if (!response) {
    o.error = response.error();
  } else {
    o.status = response->head.status;
    if (response->body) {
      Result<std::string> all = co_await read_all(*response->body, 10'000'000);
      if (all)
        o.content = *all;
      else
        o.error = all.error();
    }
  }
  o.done = true;
}
Task<void> say(ByteStream& s, std::string bytes) { (void)co_await s.write(Chunk::copy(bytes)); }

// A client that has asked GET (or POST, whose content does not end) and a server made of bytes.
struct Scene {
  Loop loop;
  Heard heard;
  Outcome outcome;
  Request request = test::make_request("GET", "/");
  test::GatedBody::Gate gate;
  std::unique_ptr<ByteStream> server;
  std::unique_ptr<H2Client> client;

  explicit Scene(bool open_ended = false) {
    PipePair p = make_pipe(1 << 20);
    server = std::move(p.a);
    client = std::make_unique<H2Client>(std::move(p.b), H2Options::edge());
    if (open_ended) {
      request = test::make_request("POST", "/");
      request.body = std::make_unique<test::GatedBody>(gate);
    }
    spawn(listen(*server, heard));
    spawn(ask(*client, request, outcome));
    settle();
  }
  ~Scene() {
    if (gate.body != nullptr) gate.body->close(test::kTestOver);
    client.reset();
    server->close(test::kTestOver);
    test::run_all(loop);
  }
  void settle() {
    for (int i = 0; i < 50; ++i) {
      bool posted = false;
      loop.post([&] { posted = true; });
      loop.run_until([&] { return posted; });
    }
  }
  void says(std::string bytes) {
    spawn(say(*server, std::move(bytes)));
    settle();
  }
};

struct Case {
  const char* title;
  std::string bytes;
  uint32_t code;
  bool open_ended = false;
};

}  // namespace

TEST_CASE("what breaks the connection ends it with the code of RFC 9113, and the call fails") {
  const uint32_t kProtocol = NGHTTP2_PROTOCOL_ERROR, kSize = NGHTTP2_FRAME_SIZE_ERROR;
  const uint32_t kClosed = NGHTTP2_STREAM_CLOSED, kFlow = NGHTTP2_FLOW_CONTROL_ERROR;
  const std::string hello = settings(), done = head(k200, kWhole | kEnd);
  const Case cases[] = {
      {"3.4 SETTINGS are not first", frame(NGHTTP2_PING, 0, 0, "12345678"), kProtocol},
      {"4.2 a frame too large", hello + frame(NGHTTP2_DATA, 0, 1, std::string(16'385, 'x')), kSize},
      {"4.3 a block that cannot be decoded",
       hello + frame(NGHTTP2_HEADERS, kWhole, 1, "\xff\xff\xff\xff\xff\xff"), NGHTTP2_COMPRESSION_ERROR},
      {"4.3 a block interrupted", hello + head(k200, 0) + frame(NGHTTP2_PING, 0, 0, "12345678"), kProtocol},
      {"5.1 idle: HEADERS", hello + head(k200, kWhole, 3), kProtocol},
      {"5.1 idle: DATA", hello + data("x", 0, 3), kProtocol},
      {"5.1 idle: RST_STREAM", hello + reset(3, 8), kProtocol},
      {"5.1 idle: WINDOW_UPDATE", hello + window(3, 1), kProtocol},
      {"5.1.1 a stream of the server's", hello + head(k200, kWhole, 2), kProtocol},
      {"6.1 DATA on stream 0", hello + data("x", 0, 0), kProtocol},
      {"6.1 padding too long", hello + head(k200) + data("\x09x", NGHTTP2_FLAG_PADDED), kProtocol},
      {"6.4 RST_STREAM too short", hello + frame(NGHTTP2_RST_STREAM, 0, 1, "123"), kSize},
      {"6.5 SETTINGS of five bytes", hello + settings("12345"), kSize},
      {"6.5.2 a server that enables push", settings(setting(NGHTTP2_SETTINGS_ENABLE_PUSH, 1)), kProtocol},
      {"6.5.2 a window too wide", settings(setting(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x80000000)), kFlow},
      {"6.5.2 frames too small", settings(setting(NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 100)), kProtocol},
      {"8441 3 extended CONNECT taken back",
       settings(setting(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1)) +
           settings(setting(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 0)),
       kProtocol},
      {"6.6 PUSH_PROMISE",
       hello + frame(NGHTTP2_PUSH_PROMISE, kWhole, 1, be(2, 4) + block({{":method", "GET"}})), kProtocol},
      {"6.7 PING of seven bytes", hello + frame(NGHTTP2_PING, 0, 0, "1234567"), kSize},
      {"6.8 GOAWAY on a stream", hello + frame(NGHTTP2_GOAWAY, 0, 1, std::string(8, '\0')), kProtocol},
      {"6.9 WINDOW_UPDATE of nothing", hello + window(0, 0), kProtocol},
      {"6.9 WINDOW_UPDATE of nothing, on a stream", hello + window(1, 0), kProtocol},
      {"6.9.1 the connection's window too wide", hello + window(0, 0x7fffffff), kFlow},
      {"6.9.2 SETTINGS that make a window too wide",
       hello + window(1, 0x7fffffff - 65'535) +
           settings(setting(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 65'536)),
       kFlow, true},
      {"6.10 CONTINUATION of nothing", hello + frame(NGHTTP2_CONTINUATION, kWhole, 1), kProtocol},
      {"8.1 DATA before the head", hello + data("x"), kProtocol},
      {"5.1 closed: DATA", hello + done + data("x"), kClosed},
      {"5.1 closed: by the server alone: DATA", hello + head(k200) + data("x", kEnd) + data("y"), kClosed,
       true},
      {"5.1 closed: HEADERS", hello + done + done, kClosed},
      {"5.1 closed by the server's reset: DATA", hello + reset(1, 8) + data("x"), kClosed},
  };
  for (const Case& c : cases) {
    INFO(c.title);
    Scene x(c.open_ended);
    x.says(c.bytes);
    CHECK(x.heard.goaway == c.code);
    CHECK(x.client->going_away());
    CHECK(x.outcome.done);
    bool answered = std::string_view(c.title).starts_with("5.1 closed: ");
    CHECK((x.outcome.error || answered));
  }
}

TEST_CASE("a malformed answer resets its stream and nothing else, and is no answer") {
  const uint32_t kProtocol = NGHTTP2_PROTOCOL_ERROR;
  const Case cases[] = {
      {"8.1 an interim head that ends the stream", head({{":status", "103"}}, kWhole | kEnd), kProtocol},
      {"8.1 a second head that does not end the stream", head(k200) + head({{"a", "b"}}), kProtocol},
      {"8.1 trailers with a pseudo-header field", head(k200) + head({{":status", "200"}}, kWhole | kEnd),
       kProtocol},
      {"8.1.1 less than content-length",
       head({{":status", "200"}, {"content-length", "3"}}) + data("ab", kEnd), kProtocol},
      {"8.1.1 more than content-length",
       head({{":status", "200"}, {"content-length", "1"}}) + data("ab", kEnd), kProtocol},
      {"8.2 upper case", head({{":status", "200"}, {"Upper", "1"}}), kProtocol},
      {"8.2.1 a line break", head({{":status", "200"}, {"a", "b\r\nc: d"}}), kProtocol},
      {"8.2.2 connection", head({{":status", "200"}, {"connection", "close"}}), kProtocol},
      {"8.2.2 transfer-encoding", head({{":status", "200"}, {"transfer-encoding", "chunked"}}), kProtocol},
      {"8.3.2 no status", head({{"a", "b"}}), kProtocol},
      {"8.3.2 two", head({{":status", "200"}, {":status", "200"}}), kProtocol},
      {"8.3.2 a status that is none", head({{":status", "2x0"}}), kProtocol},
      {"8.3.2 a request's field", head({{":status", "200"}, {":path", "/"}}), kProtocol},
      {"8.3.2 101", head({{":status", "101"}}), kProtocol},
      {"6.9.1 a window too wide", window(1, 0x7fffffff), NGHTTP2_FLOW_CONTROL_ERROR, true},
  };
  for (const Case& c : cases) {
    INFO(c.title);
    Scene x(c.open_ended);
    x.says(settings() + c.bytes);
    CHECK_FALSE(x.heard.goaway);
    REQUIRE(x.heard.resets.contains(1));
    CHECK(x.heard.resets[1] == c.code);
    CHECK_FALSE(x.client->going_away());
    REQUIRE(x.outcome.done);
    REQUIRE(x.outcome.error);
    CHECK(x.outcome.error->side == Side::upstream);
  }
}

TEST_CASE("a server that sends more than a stream's window is cut, others go on") {
  Scene x;
  x.says(settings());
  auto unread = x.client->open(request_head("GET", "/"), true);
  REQUIRE(unread.has_value());
  x.settle();
  std::string much = head(k200, kWhole, 3);
  for (int i = 0; i < 5; ++i) much += data(std::string(16'000, 'x'), 0, 3);
  x.says(much);
  REQUIRE(x.heard.resets.contains(3));
  CHECK(x.heard.resets[3] == NGHTTP2_FLOW_CONTROL_ERROR);
  CHECK((*unread)->broken());
  x.says(head(k200) + data("well", kEnd));
  CHECK(x.outcome.content == "well");
}

TEST_CASE("what a reset or GOAWAY says decides whether the request may be sent again") {
  const std::pair<std::string, Errc> cases[] = {
      {reset(1, NGHTTP2_REFUSED_STREAM), Errc::refused},
      {reset(1, NGHTTP2_CANCEL), Errc::reset},
      {reset(1, NGHTTP2_INTERNAL_ERROR), Errc::reset},
      {goaway(0, NGHTTP2_NO_ERROR), Errc::refused},
      {goaway(0, NGHTTP2_ENHANCE_YOUR_CALM), Errc::refused},
      {reset(1, NGHTTP2_HTTP_1_1_REQUIRED), Errc::unsupported_version},
  };
  for (const auto& [bytes, code] : cases) {
    Scene x;
    x.says(settings() + bytes);
    REQUIRE(x.outcome.error);
    CHECK(x.outcome.error->code == code);
    CHECK(x.outcome.error->side == Side::upstream);
  }
}

TEST_CASE("a server's floods end in GOAWAY(ENHANCE_YOUR_CALM)") {
  const std::string floods[] = {
      frame(NGHTTP2_PING, 0, 0, "12345678"),
      settings(),
      frame(0xfa, 0, 0),
      window(0, 1),
      head({{":status", "103"}}),
  };
  for (const std::string& one : floods) {
    Scene x;
    x.says(settings());
    std::string many;
    for (int i = 0; i < 3'000; ++i) many += one;
    x.says(many);
    INFO(static_cast<int>(one[3]));
    bool interims = one[3] == NGHTTP2_HEADERS;  // their stream is at fault, and only that
    if (interims)
      CHECK(x.heard.resets[1] == NGHTTP2_PROTOCOL_ERROR);
    else
      CHECK(x.heard.goaway == NGHTTP2_ENHANCE_YOUR_CALM);
    CHECK(x.outcome.error);
  }
}

}  // namespace meshd
