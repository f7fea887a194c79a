// SPDX-License-Identifier: Apache-2.0
#include "http/h2_budget.h"

#include <catch2/catch_test_macros.hpp>

#include "http/h2_frame_scan.h"
#include "http/h2_stream.h"
#include "http/h2_stream_ids.h"

namespace meshd {
namespace {

Instant at(int64_t ms) { return {(1'000 + ms) * 1'000'000}; }

}  // namespace

TEST_CASE("a budget lets a burst through and then so much a second") {
  H2Budget b({.burst = 10, .per_second = 5});
  for (int i = 0; i < 10; ++i) CHECK(b.spend(at(0)));
  CHECK_FALSE(b.spend(at(0)));
  CHECK_FALSE(b.spend(at(100)));
  CHECK(b.spend(at(1'000)));
  for (int i = 0; i < 4; ++i) CHECK(b.spend(at(1'000)));
  CHECK_FALSE(b.spend(at(1'000)));
  // A long rest earns one burst, not more.
  for (int i = 0; i < 10; ++i) CHECK(b.spend(at(1'000'000)));
  CHECK_FALSE(b.spend(at(1'000'000)));
}

TEST_CASE("stream ids that were passed over cannot be opened later, those in use can go on") {
  H2StreamIds ids;
  CHECK(ids.open(1));
  CHECK(ids.open(3));
  CHECK(ids.open(9));
  CHECK(ids.open(3));  // trailers
  CHECK(ids.open(9));
  CHECK_FALSE(ids.open(5));
  CHECK_FALSE(ids.open(7));
  CHECK(ids.open(11));
  CHECK(ids.open(0x7fffffff));
  CHECK_FALSE(ids.open(13));
}

TEST_CASE("streams that we reset are remembered as long as the peer may take them for open") {
  H2ResetIds ids(3);
  CHECK_FALSE(ids.may_linger(1));
  for (uint32_t id : {1u, 5u, 5u, 7u}) ids.add(id);
  CHECK(ids.may_linger(1));
  CHECK_FALSE(ids.may_linger(3));
  ids.add(9);  // 1 is forgotten: nothing is known of it and what was before it
  CHECK(ids.may_linger(1));
  CHECK_FALSE(ids.may_linger(3));
  CHECK(ids.may_linger(7));
  ids.add(11);
  CHECK(ids.may_linger(3));
  CHECK_FALSE(ids.may_linger(13));
}

TEST_CASE("heads of DATA and PRIORITY frames are found wherever the bytes are cut") {
  std::string preface(24, 'p'), settings("\0\0\6\4\0\0\0\0\0\0\3\0\0\0\144", 15);
  std::string data("\0\0\3\0\0\0\0\0\1abc", 12), other("\0\0\5\2\0\0\0\0\3\0\0\0\1\20", 14);
  std::string itself("\0\0\5\2\0\0\0\0\3\200\0\0\3\20", 14), empty("\0\0\0\0\0\0\0\0\5", 9);
  std::string unknown("\0\0\1\372\0\0\0\0\7x", 10);
  std::string all = preface + settings + data + other + data + itself + empty + unknown;
  for (size_t piece : {size_t{1}, size_t{2}, size_t{7}, size_t{13}, size_t{1000}}) {
    H2FrameScan scan(24);
    std::vector<std::pair<size_t, uint32_t>> found;  // the end of the head, the stream
    size_t itself_at = 0;
    for (size_t at = 0; at < all.size();) {
      at += scan.next(std::string_view(all).substr(at, piece - at % piece));
      if (!scan.found()) continue;
      found.emplace_back(at, scan.stream());
      CHECK(scan.is_data() == (scan.stream() % 4 == 1));
      CHECK(scan.is_unknown() == (scan.stream() == 7));
      if (scan.depends_on_itself()) itself_at = at;
    }
    CHECK(found ==
          std::vector<std::pair<size_t, uint32_t>>{{48, 1}, {64, 3}, {74, 1}, {90, 3}, {100, 5}, {109, 7}});
    CHECK(itself_at == 90);
  }
}

TEST_CASE("errors become RST_STREAM codes, and codes errors") {
  struct Case {
    Errc code;
    Side side;
    bool connect;
    uint32_t expected;
  };
  for (const Case& c :
       {Case{Errc::cancelled, Side::self, false, 8}, Case{Errc::timeout, Side::self, false, 8},
        Case{Errc::protocol, Side::client, false, 1}, Case{Errc::overload, Side::self, false, 7},
        Case{Errc::internal, Side::self, false, 2}, Case{Errc::limit, Side::client, false, 11},
        Case{Errc::reset, Side::upstream, false, 2}, Case{Errc::reset, Side::client, false, 8},
        Case{Errc::reset, Side::upstream, true, 10}})
    CHECK(h2_code({c.code, c.side, ""}, c.connect) == c.expected);
  CHECK(h2_error(7, Side::upstream).code == Errc::refused);
  CHECK(h2_error(8, Side::upstream).code == Errc::reset);
  CHECK(h2_error(0, Side::client).code == Errc::closed);
  CHECK(h2_error(999, Side::client).code == Errc::reset);
}

}  // namespace meshd
