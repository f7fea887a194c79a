// SPDX-License-Identifier: Apache-2.0
#include "http/semantics.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "base/limits.h"

namespace meshd {
namespace {

RequestHead head_of(std::string_view method, std::string_view target,
                    std::initializer_list<Field> fields = {{"Host", "a.test"}}) {
  RequestHead h;
  h.set_method(method);
  h.set_path(target);
  h.set_scheme("http");
  for (const Field& f : fields) h.add(f.name, f.value);
  return h;
}

RequestHead h2_head(std::string_view method, std::string_view path, std::string_view authority) {
  RequestHead h = head_of(method, path, {});
  h.set_authority(authority);
  h.version = HttpVersion::http2;
  return h;
}

Errc code_of(RequestHead&& h, RequestRules rules = {}) {
  Framing f;
  auto ok = check_request(h, f, rules);
  return ok ? Errc::ok : ok.error().code;
}

Errc code_of(RequestHead& h, RequestRules rules = {}) { return code_of(std::move(h), rules); }

std::string normal(std::string_view target) {
  auto n = normalise_path(target);
  if (!n) return "refused";
  return n->changed.value_or("unchanged");
}

}  // namespace

TEST_CASE("names are the same but for the case of ASCII letters, at every length and place") {
  auto lower = [](std::string text) {
    for (char& c : text)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    return text;
  };
  size_t same = 0;
  for (size_t size = 0; size <= 20; ++size) {
    for (size_t place = 0; place < std::max<size_t>(size, 1); ++place) {
      for (int x = 0; x < 256; ++x) {
        // Another byte, the other case, the byte itself, and what differs from it in the bit of case only.
        for (int y : {x ^ 0x20, x, x ^ 0x01, x ^ 0x80, x ^ 0xa0, int{'a'}}) {
          std::string a(size, 'K'), b(size, 'k');
          if (size > 0) a[place] = static_cast<char>(x), b[place] = static_cast<char>(y);
          bool expected = lower(a) == lower(b);
          same += expected;
          if (same_name(a, b) != expected)
            FAIL("size " << size << " place " << place << " " << x << " " << y);
        }
      }
    }
  }
  CHECK(same > 1000);
  CHECK_FALSE(same_name("te", "tee"));
}

TEST_CASE("a path has one spelling, or is refused") {
  struct Row {
    const char *target, *expected;
  };
  for (Row row : std::initializer_list<Row>{
           {"/", "unchanged"},
           {"/a/b?x=//../%zz", "unchanged"},
           {"/.well-known/x", "unchanged"},
           {"/a//b///c", "/a/b/c"},
           {"//", "/"},
           {"/./a", "/a"},
           {"/a/.", "/a/"},
           {"/a/b/..", "/a/"},
           {"/a/b/../c?q", "/a/c?q"},
           {"/x/%2e%2E/admin", "/admin"},
           {"/%61dmin", "/admin"},
           {"/a%2fb", "/a%2Fb"},
           {"/a%2Fb", "unchanged"},
           {"/%2561", "unchanged"},
           {"/a%20b", "unchanged"},
           {"/a/b;v=1/c", "unchanged"},
           {"/...", "unchanged"},
           {"/a..b/.c", "unchanged"},
           {"/..", "refused"},
           {"/a/../../b", "refused"},
           {"/%2e%2e/b", "refused"},
           {"/x/..%2fadmin", "refused"},
           {"/x/%2e%2e%5cadmin", "refused"},
           {"/x/..;a=b/admin", "refused"},
           {"/a%zz", "refused"},
           {"/a%2", "refused"},
           {"/a%", "refused"},
           {"/a%00", "refused"},
           {"/a\\b", "refused"},
           {"/a#b", "refused"},
           {"/a?b#c", "refused"},
           {"/a b", "refused"},
           {"/\x80", "refused"},
           {"a", "refused"},
           {"", "refused"},
       }) {
    INFO(row.target);
    CHECK(normal(row.target) == row.expected);
  }
}

TEST_CASE("a normal path stays normal") {
  for (const char* target : {"/a//b/./c/../d%2f%7e", "/%41/%2e/%2E%2e/x?y", "/a/%2e%2ex/"}) {
    std::string once = normal(target);
    INFO(once);
    CHECK(normal(once) == "unchanged");
  }
}

TEST_CASE("an authority is host and port and nothing else") {
  struct Row {
    const char *text, *host;
    int port;
  };
  for (Row row : std::initializer_list<Row>{
           {"a.test", "a.test", -1},
           {"a.test.", "a.test.", -1},
           {"A_b-c.test:65535", "A_b-c.test", 65535},
           {"10.0.0.1:0", "10.0.0.1", 0},
           {"[::1]", "::1", -1},
           {"[::ffff:1.2.3.4]:80", "::ffff:1.2.3.4", 80},
           {"", nullptr, 0},
           {":80", nullptr, 0},
           {"a.test:", nullptr, 0},
           {"a.test:65536", nullptr, 0},
           {"a.test:000080", nullptr, 0},
           {"a..test", nullptr, 0},
           {".test", nullptr, 0},
           {"u@a.test", nullptr, 0},
           {"a%2etest", nullptr, 0},
           {"::1", nullptr, 0},
           {"[::1", nullptr, 0},
           {"[::1]80", nullptr, 0},
           {"[fe80::1%25eth0]", nullptr, 0},
           {"[v1.x]", nullptr, 0},
           {"a,b", nullptr, 0},
       }) {
    INFO(row.text);
    auto a = parse_authority(row.text);
    REQUIRE(a.has_value() == (row.host != nullptr));
    if (!a) continue;
    CHECK(a->host == row.host);
    CHECK(a->port.has_value() == (row.port >= 0));
    if (a->port) CHECK(*a->port == row.port);
  }
}

TEST_CASE("a zero byte does not end an address literal early") {
  for (std::string_view text :
       {std::string_view("[::1\0]", 6), std::string_view("[::1\0 HTTP/1.1\r\nX: ]:80", 23)})
    CHECK_FALSE(parse_authority(text));
}

TEST_CASE("a request head becomes one authority, one path and no hop-by-hop fields") {
  RequestHead h = head_of("GET", "http://B.test:80//x/./y?q",
                          {{"Host", "a.test"},
                           {"Connection", "X-Hop, keep-alive, te"},
                           {"X-Hop", "1"},
                           {"Keep-Alive", "timeout=9"},
                           {"TE", "gzip, Trailers"},
                           {"Upgrade", "websocket"},
                           {"X", "2"}});
  Framing f;
  REQUIRE(check_request(h, f));
  CHECK(h.authority() == "b.test:80");
  CHECK(h.path() == "/x/y?q");
  CHECK(h.protocol().empty());  // Connection did not name Upgrade
  CHECK(h.size() == 2);
  CHECK(h.find("x") == "2");
  CHECK(h.find("te") == "trailers");
  CHECK(f.keep_alive);
}

TEST_CASE("fields for all recipients survive a Connection that names them") {
  RequestHead h = head_of("GET", "/",
                          {{"Host", "a.test"},
                           {"Connection", "Authorization, X-Forwarded-For, close"},
                           {"Authorization", "x"},
                           {"X-Forwarded-For", "1.2.3.4"}});
  Framing f;
  REQUIRE(check_request(h, f));
  CHECK(h.find("authorization"));
  CHECK(h.find("x-forwarded-for"));
  CHECK_FALSE(f.keep_alive);
  CHECK(code_of(head_of("GET", "/", {{"Host", "a.test"}, {"Connection", "Content-Length"}})) ==
        Errc::protocol);
}

TEST_CASE("an upgrade is kept aside, h2c never") {
  RequestHead h =
      head_of("GET", "/", {{"Host", "a.test"}, {"Connection", "Upgrade"}, {"Upgrade", "websocket"}});
  Framing f;
  REQUIRE(check_request(h, f));
  CHECK(h.protocol() == "websocket");
  CHECK(h.empty());
  for (const char* value : {"h2c", "H2C", "websocket, h2c", "TLS/1.0", ""}) {
    INFO(value);
    h = head_of("GET", "/",
                {{"Host", "a.test"},
                 {"Connection", "Upgrade, HTTP2-Settings"},
                 {"Upgrade", value},
                 {"HTTP2-Settings", "AAM"}});
    REQUIRE(check_request(h, f));
    CHECK(h.protocol().empty());
    CHECK(h.empty());
  }
  h = head_of(
      "POST", "/",
      {{"Host", "a.test"}, {"Connection", "upgrade"}, {"Upgrade", "websocket"}, {"Content-Length", "1"}});
  REQUIRE(check_request(h, f));
  CHECK(h.protocol().empty());
}

TEST_CASE("targets fit their methods") {
  CHECK(code_of(head_of("CONNECT", "a.test:80")) == Errc::unsupported);
  CHECK(code_of(head_of("CONNECT", "a.test:80"), {.connect = true}) == Errc::ok);
  CHECK(code_of(head_of("CONNECT", "a.test"), {.connect = true}) == Errc::protocol);
  CHECK(code_of(head_of("CONNECT", "/"), {.connect = true}) == Errc::protocol);
  CHECK(code_of(head_of("GET", "*")) == Errc::protocol);
  CHECK(code_of(head_of("OPTIONS", "*")) == Errc::ok);
  CHECK(code_of(head_of("GET", "a.test:80")) == Errc::protocol);
  CHECK(code_of(head_of("GET", "ftp://a.test/")) == Errc::protocol);
  CHECK(code_of(head_of("TRACE", "/")) == Errc::unsupported);
  CHECK(code_of(head_of("GET", "/" + std::string(kRequestLineMax, 'a'))) == Errc::target_too_long);
  RequestHead h = head_of("OPTIONS", "http://a.test");
  Framing f;
  REQUIRE(check_request(h, f));
  CHECK(h.path() == "*");
}

TEST_CASE("HTTP/1.0 may come without Host, 1.1 may not") {
  CHECK(code_of(head_of("GET", "/", {})) == Errc::protocol);
  RequestHead h = head_of("GET", "/", {});
  h.version = HttpVersion::http10;
  Framing f;
  REQUIRE(check_request(h, f));
  CHECK(h.authority().empty());
  CHECK_FALSE(f.keep_alive);
}

TEST_CASE("content has one length or none") {
  auto framing = [](std::initializer_list<Field> fields) {
    RequestHead h = head_of("POST", "/", fields);
    h.add("Host", "a.test");
    Framing f;
    auto ok = check_request(h, f);
    if (!ok) return std::string(name_of(ok.error().code));
    if (f.body == BodyKind::length) return std::to_string(f.length);
    return std::string(f.body == BodyKind::chunked ? "chunked" : "none");
  };
  CHECK(framing({}) == "none");
  CHECK(framing({{"Content-Length", "005"}}) == "5");
  CHECK(framing({{"Content-Length", "5, 5"}, {"content-length", "5"}}) == "5");
  CHECK(framing({{"Content-Length", "5, 6"}}) == "protocol");
  CHECK(framing({{"Content-Length", "5,"}}) == "protocol");
  CHECK(framing({{"Content-Length", ""}}) == "protocol");
  CHECK(framing({{"Content-Length", "18446744073709551621"}}) == "protocol");
  CHECK(framing({{"Transfer-Encoding", "Chunked"}}) == "chunked");
  CHECK(framing({{"Transfer-Encoding", "gzip, chunked"}}) == "unsupported");
  CHECK(framing({{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}}) == "protocol");
  CHECK(framing({{"Transfer-Encoding", "chunked"}, {"Content-Length", "5"}}) == "protocol");
}

TEST_CASE("HTTP/2 heads pass the same rules") {
  Framing f;
  RequestHead h = h2_head("GET", "/a/../b", "A.test");
  REQUIRE(check_request(h, f));
  CHECK(h.path() == "/b");
  CHECK(h.authority() == "a.test");
  CHECK(f.body == BodyKind::until_end);
  h = h2_head("GET", "/", "a.test");
  h.add("host", "b.test");
  CHECK(code_of(h) == Errc::protocol);
  h = h2_head("GET", "/", "a.test");
  h.add("connection", "close");
  CHECK(code_of(h) == Errc::protocol);
  h = h2_head("GET", "/", "a.test");
  h.add("X-Upper", "1");
  CHECK(code_of(h) == Errc::protocol);
  h = h2_head("GET", "/", "a.test");
  h.add("te", "gzip");
  CHECK(code_of(h) == Errc::protocol);
  h = h2_head("CONNECT", "", "a.test:80");
  CHECK(code_of(h, {.connect = true}) == Errc::ok);
  h = h2_head("CONNECT", "", "a.test:80");
  CHECK(code_of(h) == Errc::unsupported);
  h = h2_head("CONNECT", "/chat", "a.test");
  h.set_protocol("websocket");
  CHECK(code_of(h) == Errc::ok);
  for (const char* protocol : {"h2c", "web socket", "websocket, h2c", "websocket\r\nx: y"}) {
    h = h2_head("CONNECT", "/chat", "a.test");
    h.set_protocol(protocol);
    CHECK(code_of(h) == Errc::unsupported);
  }
  for (const char* value : {" v", "v ", "v\t"}) {
    h = h2_head("GET", "/", "a.test");
    h.add("x", value);
    CHECK(code_of(h) == Errc::protocol);
  }
  h = h2_head("GET", "a", "a.test");
  CHECK(code_of(h) == Errc::protocol);
  h = h2_head("GET", "/", "");
  CHECK(code_of(h) == Errc::protocol);
}

TEST_CASE("too many and too long fields are 431") {
  RequestHead h = head_of("GET", "/");
  for (size_t i = 0; i < kHeadFieldsMax + kHopFields; ++i) h.add("x", "y");
  CHECK(code_of(h) == Errc::head_too_large);
  h = head_of("GET", "/");
  h.add("x", std::string(kHeadBytesMax + kHopBytes, 'a'));
  CHECK(code_of(h) == Errc::head_too_large);
}

TEST_CASE("the first node adds where a request comes from, and keeps what was said before") {
  auto forwarded = [](std::initializer_list<Field> fields, std::string_view ip = "10.0.0.7") {
    RequestHead h = head_of("GET", "/");
    for (Field f : fields) h.add(f.name, f.value);
    add_forwarding(h, {ip, 0x0123456789abcdef, 0xfedcba9876543210});
    return h;
  };
  RequestHead h = forwarded({});
  CHECK(h.find("x-forwarded-for") == "10.0.0.7");
  CHECK(h.find("x-forwarded-proto") == "http");
  CHECK(h.find("x-request-id") == "01234567-89ab-4def-bedc-ba9876543210");
  CHECK_FALSE(h.find("forwarded"));
  RequestHead bare;  // its buffer grows while fields are added
  bare.set_scheme("https");
  add_forwarding(bare, {"10.0.0.7"});
  CHECK(bare.find("x-forwarded-proto") == "https");

  h = forwarded({{"X-Forwarded-For", "1.2.3.4"},
                 {"x-forwarded-for", "5.6.7.8, 9.9.9.9"},
                 {"X-Forwarded-Proto", "https"},
                 {"X-Request-Id", "mine"},
                 {"Forwarded", "for=1.2.3.4"}},
                "fd00::7");
  CHECK(h.count("x-forwarded-for") == 1);
  CHECK(h.find("x-forwarded-for") == "1.2.3.4, 5.6.7.8, 9.9.9.9, fd00::7");
  CHECK(h.find("x-forwarded-proto") == "https");
  CHECK(h.find("x-request-id") == "mine");
  CHECK(h.find("forwarded") == "for=1.2.3.4, for=\"[fd00::7]\";proto=http");

  h = forwarded({{"x-forwarded-for", ""}, {"x-request-id", ""}});
  CHECK(h.find("x-forwarded-for") == "10.0.0.7");
  CHECK(h.find("x-request-id")->size() == 36);
}

TEST_CASE("a response's content ends as its status, request and fields say") {
  auto framing = [](int status, std::string_view method, std::initializer_list<Field> fields) {
    RequestHead request = head_of(method, "/");
    ResponseHead h;
    h.status = static_cast<uint16_t>(status);
    for (const Field& f : fields) h.add(f.name, f.value);
    Framing f;
    auto ok = check_response(h, f, request);
    if (!ok) return std::string(name_of(ok.error().code));
    std::string kind = f.body == BodyKind::none      ? "none"
                       : f.body == BodyKind::length  ? "length"
                       : f.body == BodyKind::chunked ? "chunked"
                                                     : "until-end";
    return kind + (f.has_length ? " " + std::to_string(f.length) : "") + (f.keep_alive ? "" : " close");
  };
  CHECK(framing(200, "GET", {{"Content-Length", "5"}}) == "length 5");
  CHECK(framing(200, "GET", {}) == "until-end close");
  CHECK(framing(200, "GET", {{"Transfer-Encoding", "chunked"}}) == "chunked");
  CHECK(framing(200, "HEAD", {{"Content-Length", "5"}}) == "none 5");
  CHECK(framing(304, "GET", {{"Content-Length", "5"}}) == "none 5");
  CHECK(framing(204, "GET", {{"Content-Length", "5"}}) == "none");
  CHECK(framing(103, "GET", {}) == "none");
  CHECK(framing(200, "CONNECT", {{"Content-Length", "5"}}) == "until-end close");
  CHECK(framing(101, "GET", {}) == "protocol");
  CHECK(framing(200, "GET", {{"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}}) == "protocol");
}

TEST_CASE("forged mesh fields go, also when many stand in a row") {
  Fields f;
  for (int i = 0; i < 3; ++i) {
    f.add("X-Meshd-Identity", "x");
    f.add("l5d-client-id", "x");
    f.add("keep" + std::to_string(i), "x");
    f.add("x-envoy-original-path", "/x");
  }
  remove_mesh_fields(f);
  CHECK(f.size() == 3);
}

TEST_CASE("trailers carry no framing, routing or credentials") {
  Fields t;
  for (const char* name :
       {"Content-Length", "Host", "authorization", "x-forwarded-for", "grpc-status", "X-Meshd-A"})
    t.add(name, "0");
  REQUIRE(check_trailers(t, Side::client));
  CHECK(t.size() == 1);
  CHECK(t.find("grpc-status") == "0");
}

}  // namespace meshd
