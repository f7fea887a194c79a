// SPDX-License-Identifier: Apache-2.0
// h2_vectors_test.cc: hostile, ambiguous and good HTTP/2 inputs of tests/conformance/vectors against serve_h2,
// in memory. The conformance suite sends the same over sockets through the whole program.
#include <nghttp2/nghttp2.h>

#include <catch2/catch_test_macros.hpp>
#include <map>
#include <set>

#include "base/encode.h"
#include "base/file.h"
#include "base/json.h"
#include "http/h2_peers_test.h"
#include "http/h2_service.h"

namespace meshd {
namespace {

// Answers 200 once the whole request has come, and counts.
struct Backend final : Service {
  int complete = 0;
  bool smuggled = false;
  Task<Result<Response>> call(Request& request) override {
    smuggled |= request.head.path().find("smuggled") != std::string_view::npos;
    if (request.body) {
      Result<std::string> content = co_await read_all(*request.body, 1 << 20);
      if (!content) co_return fail(content.error());
    }
    ++complete;
    co_return make_text_response(200, "text/plain", "ok");
  }
};

// What came back, frame by frame.
struct Seen {
  std::map<uint32_t, int> status;
  std::map<uint32_t, uint32_t> resets;
  std::optional<uint32_t> goaway;
  bool closed = false;
  std::string pending;
  nghttp2_hd_inflater* inflater = nullptr;

  Seen() { nghttp2_hd_inflate_new(&inflater); }
  ~Seen() { nghttp2_hd_inflate_del(inflater); }

  uint32_t number(size_t at, int bytes) const {
    uint32_t n = 0;
    for (int i = 0; i < bytes; ++i) n = n << 8 | static_cast<uint8_t>(pending[at + static_cast<size_t>(i)]);
    return n;
  }
  void feed(std::string_view bytes) {
    pending.append(bytes);
    while (pending.size() >= 9 && pending.size() >= 9 + number(0, 3)) {
      size_t length = number(0, 3);
      auto type = static_cast<uint8_t>(pending[3]);
      uint32_t id = number(5, 4);
      if (type == NGHTTP2_HEADERS) head(id, std::string_view(pending).substr(9, length));
      if (type == NGHTTP2_RST_STREAM) resets[id] = number(9, 4);
      if (type == NGHTTP2_GOAWAY && number(13, 4) != 0) goaway = number(13, 4);
      pending.erase(0, 9 + length);
    }
  }
  void head(uint32_t id, std::string_view block) {
    auto* p = reinterpret_cast<const uint8_t*>(block.data());
    size_t n = block.size();
    for (;;) {
      nghttp2_nv nv;
      int flags = 0;
      ssize_t used = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, p, n, 1);
      REQUIRE(used >= 0);
      p += used;
      n -= static_cast<size_t>(used);
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0 && nv.namelen == 7)
        status[id] = std::stoi(std::string(reinterpret_cast<char*>(nv.value), nv.valuelen));
      if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    }
    nghttp2_hd_inflate_end_headers(inflater);
  }
  bool stream_refused() const {
    if (!resets.empty()) return true;
    for (auto [id, s] : status)
      if (s >= 400) return true;
    return false;
  }
  bool answered() const {
    for (auto [id, s] : status)
      if (s < 300) return true;
    return false;
  }
};

Task<void> watch(ByteStream& s, Seen& seen) {
  for (;;) {
    Result<Chunk> c = co_await s.read();
    if (!c || c->empty()) break;
    seen.feed(c->view());
  }
  seen.closed = true;
}

struct Sending {
  size_t sent = 0;
  bool done = false;
};
// `repeat_hex` of the vectors, with its stream ids moved on.
std::string repeated(std::string bytes, uint32_t shift) {
  for (size_t at = 0; shift > 0 && at + 9 <= bytes.size();) {
    auto u = [&](size_t i) { return static_cast<uint8_t>(bytes[at + i]); };
    uint32_t id = static_cast<uint32_t>(u(5) << 24 | u(6) << 16 | u(7) << 8 | u(8)) + shift;
    for (size_t i = 0; i < 4; ++i) bytes[at + 5 + i] = static_cast<char>(id >> (24 - 8 * i));
    at += 9 + static_cast<size_t>(u(0) << 16 | u(1) << 8 | u(2));
  }
  return bytes;
}
Task<void> send_all(ByteStream& s, const std::string& first, size_t piece, const Json& vector,
                    const Seen& seen, Sending& sending) {
  for (size_t at = 0; at < first.size() && !seen.closed; at += piece) {
    Result<size_t> n = co_await s.write(Chunk::copy(std::string_view(first).substr(at, piece)));
    if (!n) co_return;
  }
  std::string again = *from_hex(text_of(vector, "repeat_hex"));
  auto repeats = static_cast<uint32_t>(int_of(vector, "repeat"));
  auto step = static_cast<uint32_t>(int_of(vector, "sid_step"));
  std::string batch;
  for (uint32_t i = 0; i < repeats && !seen.closed; ++i) {
    batch += repeated(again, i * step);
    ++sending.sent;
    if (batch.size() < 16'000 && i + 1 < repeats) continue;
    Result<size_t> n = co_await s.write(Chunk::copy(std::exchange(batch, {})));
    if (!n) co_return;
  }
  sending.done = true;
}

struct Verdict {
  Seen seen;
  Sending sending;
  int complete = 0;
  bool smuggled = false;
};

void run_vector(const Json& vector, size_t piece, Verdict& o) {
  Loop loop;
  Backend backend;
  ServerGroup group;
  PipePair p = make_pipe();
  spawn(serve_h2(std::move(p.a), backend, group, {}));
  std::unique_ptr<ByteStream> peer = std::move(p.b);
  std::string first = *from_hex(text_of(vector, "hex"));
  spawn(watch(*peer, o.seen));
  spawn(send_all(*peer, first, piece, vector, o.seen, o.sending));
  auto settle = [&](int turns) {
    for (int i = 0; i < turns && !o.seen.closed; ++i) {
      bool posted = false;
      loop.post([&] { posted = true; });
      loop.run_until([&] { return posted; });
    }
  };
  loop.run_until([&] { return o.sending.done || o.seen.closed; });
  settle(50);
  bool closed_by_us = !o.seen.closed;
  if (closed_by_us) {
    (void)peer->finish();
    loop.run_until([&] { return o.seen.closed; });
  }
  o.seen.closed = !closed_by_us;
  peer->close({Errc::cancelled, Side::self, "test is over"});
  loop.run_until([&] { return loop.tasks() == 0; });
  o.complete = backend.complete;
  o.smuggled = backend.smuggled;
}

bool as_expected(const Json& v, const Verdict& o) {
  std::string expect = text_of(v, "expect");
  const Seen& s = o.seen;
  auto max = int_of(v, "max_backend");
  if (o.complete > max || o.smuggled) return false;
  if (expect == "accept") return s.answered() && !s.goaway && o.complete == max;
  if (expect == "reject_stream")
    return (s.stream_refused() || s.goaway || s.closed) && !(max == 0 && s.answered());
  if (expect == "reject_connection") return s.goaway.has_value() || s.closed;
  if (expect == "reject_or_normalise") return s.answered() || s.stream_refused() || s.goaway;
  return true;
}

const JsonArray& vectors(Json& held) {
  auto text = read_file(MESHD_SOURCE_DIR "/tests/conformance/vectors/malformed_http2.json", 64 << 20);
  REQUIRE(text.has_value());
  auto json = parse_json(*text);
  REQUIRE(json.has_value());
  held = *json;
  return held.get<JsonArray>();
}

}  // namespace

TEST_CASE("HTTP/2 inputs of the vectors are served or refused as they say") {
  Json held;
  for (const Json& v : vectors(held)) {
    if (text_of(v, "expect") == "bounded") continue;
    for (size_t piece : {size_t{1} << 20, size_t{1}}) {
      Verdict o;
      run_vector(v, piece, o);
      INFO(text_of(v, "id") << " in pieces of " << piece << ": " << text_of(v, "why"));
      CHECK(as_expected(v, o));
    }
  }
}

TEST_CASE("floods of frames end within their limits") {
  // Bounded without an end of the connection: stalled answers are reset after stall_timeout.
  const std::set<std::string> goes_on{"H2-DOS-13"};
  Json held;
  for (const Json& v : vectors(held)) {
    if (text_of(v, "expect") != "bounded") continue;
    Verdict o;
    run_vector(v, size_t{1} << 20, o);
    INFO(text_of(v, "id") << ": " << text_of(v, "why") << "; sent " << o.sending.sent << " of "
                          << int_of(v, "repeat") << ", complete " << o.complete);
    if (!goes_on.contains(text_of(v, "id"))) CHECK(o.seen.closed);
    // PROTOCOL_ERROR where a flood also breaks a rule.
    if (o.seen.goaway && *o.seen.goaway != NGHTTP2_PROTOCOL_ERROR)
      CHECK(*o.seen.goaway == NGHTTP2_ENHANCE_YOUR_CALM);
    if (v.contains("max_backend")) CHECK(o.complete <= std::max<int64_t>(int_of(v, "max_backend"), 100));
  }
}

}  // namespace meshd
