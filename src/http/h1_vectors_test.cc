// SPDX-License-Identifier: Apache-2.0
// h1_vectors_test.cc: every vector of tests/conformance/vectors against the HTTP/1 server, client and both together:
// whole, byte by byte, and cut at each position.
#include <catch2/catch_test_macros.hpp>
#include <set>

#include "base/file.h"
#include "base/json.h"
#include "http/h1_parser.h"
#include "http/h1_test_kit.h"
#include "http/h1_write.h"

namespace meshd::test {
namespace {

struct Vector {
  std::string id, raw, expect, why;
  int64_t max_backend = 0;
  bool late = false, deny_admin = false;
};

// Code points up to 255 stand for bytes.
std::string to_bytes(const std::string& utf8) {
  std::string out;
  for (size_t i = 0; i < utf8.size(); ++i) {
    auto c = static_cast<unsigned char>(utf8[i]);
    if (c < 0x80)
      out += static_cast<char>(c);
    else
      out += static_cast<char>((c & 0x03) << 6 | (static_cast<unsigned char>(utf8[++i]) & 0x3f));
  }
  return out;
}

// "{{X*N}}" stands for X, N times.
std::string expand(std::string raw) {
  for (size_t open; (open = raw.find("{{")) != std::string::npos;) {
    size_t close = raw.find("}}", open);
    size_t star = raw.rfind('*', close);
    std::string unit = raw.substr(open + 2, star - open - 2);
    std::string many;
    for (int n = std::stoi(raw.substr(star + 1, close - star - 1)); n > 0; --n) many += unit;
    raw.replace(open, close + 2 - open, many);
  }
  return raw;
}

std::vector<Vector> load(const char* name) {
  auto text = read_file(std::string(MESHD_SOURCE_DIR) + "/tests/conformance/vectors/" + name, 1024 * 1024);
  REQUIRE(text.has_value());
  auto json = parse_json(*text);
  REQUIRE(json.has_value());
  std::vector<Vector> all;
  for (const Json& j : json->get<JsonArray>()) {
    Vector v{text_of(j, "id"), to_bytes(text_of(j, "raw")), text_of(j, "expect"), text_of(j, "why")};
    if (flag_of(j, "macro")) v.raw = expand(v.raw);
    v.max_backend = int_of(j, "max_backend");
    v.late = flag_of(j, "late");
    v.deny_admin = !text_of(j, "policy").empty();
    all.push_back(std::move(v));
  }
  REQUIRE(all.size() > 15);
  return all;
}

// What some backend might make of a path: one decoding, slashes merged, dot segments removed.
bool reaches_admin(std::string path) {
  path = path.substr(0, path.find('?'));
  auto settled = [](const std::string& text) {
    std::vector<std::string> segments;
    for (size_t at = 0; at < text.size();) {
      size_t end = std::min(text.find('/', at + 1), text.size());
      std::string s = text.substr(at + 1, end - at - 1);
      if (s == ".." && !segments.empty())
        segments.pop_back();
      else if (!s.empty() && s != "." && s != "..")
        segments.push_back(s);
      at = end;
    }
    return !segments.empty() && segments[0] == "admin";
  };
  std::string decoded;
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '%') {
      decoded += static_cast<char>(std::stoi(path.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      decoded += path[i];
    }
  }
  return settled(path) || settled(decoded);
}

// Counts what a backend would see, and checks that it would read the same.
class Backend final : public Service {
 public:
  bool deny_admin = false;
  int complete = 0;
  std::vector<std::string> problems;

  Task<Result<Response>> call(Request& request) override {
    std::string path(request.head.path());
    if (deny_admin && (path == "/admin" || path.starts_with("/admin/") || path.starts_with("/admin?")))
      co_return fail(Errc::denied, Side::client, "denied");
    if (deny_admin && reaches_admin(path)) problems.push_back("policy does not see " + path);
    if (path.find("/smuggled") != std::string::npos) problems.push_back("smuggled");
    check_forwarded(request.head);
    if (request.body) {
      auto body = co_await read_all(*request.body, 1024 * 1024);
      if (!body) co_return fail(body.error());
    }
    ++complete;
    co_return make_text_response(200, "text/plain", "ok");
  }

 private:
  // What would be written reads as the same request, and needs no normalising any more.
  void check_forwarded(const RequestHead& head) {
    H1HeadParser parser(H1HeadParser::Kind::request);
    Chunk written = write_request_head(head, Framing{});
    RequestHead again;
    auto parsed = parser.feed(written, again);
    if (!parsed || !*parsed) {
      problems.push_back("the forwarded head does not parse");
      return;
    }
    again.set_scheme("http");
    Framing framing;
    std::string path(again.path()), host(again.find("host").value_or(""));
    auto checked = check_request(again, framing);
    if (!checked)
      problems.push_back(std::string("the forwarded head is refused: ") + checked.error().why);
    else if (again.path() != path || again.authority() != host)
      problems.push_back("forwarded before it was normal");
    for (size_t i = 0; i < head.size(); ++i)
      for (const char* hop : {"connection", "upgrade", "http2-settings", "keep-alive", "content-length"})
        if (same_name(head[i].name, hop)) problems.push_back(std::string("forwarded ") + hop);
  }
};

const std::set<int> kRefusals = {400, 405, 414, 417, 431, 501, 505};

// Empty, or what is wrong.
std::string judge(const Vector& v, const Backend& backend, const std::string& out) {
  if (!backend.problems.empty()) return backend.problems.front();
  std::vector<int> got = statuses(out);
  std::erase(got, 100);
  if (backend.complete > v.max_backend) return "too many requests: " + std::to_string(backend.complete);
  if (v.expect == "accept") {
    if (got.empty() || got[0] / 100 != 2) return "not accepted: " + out.substr(0, 200);
    if (backend.complete != v.max_backend) return "not complete";
  } else if (v.expect == "reject") {
    if (backend.complete != 0) return "a complete request";
    if (!got.empty() && !kRefusals.contains(got[0])) return "status " + std::to_string(got[0]);
  }
  return {};
}

std::string run(Loop& loop, const Vector& v, std::vector<size_t> cuts, bool through_client) {
  Backend backend;
  backend.deny_admin = v.deny_admin && !through_client;
  std::string out;
  if (through_client) {
    ServerGroup group;
    int connects = 0;
    {
      ClientPool pool(std::make_unique<PipeConnector>(backend, group, connects));
      out = exchange(loop, pool, v.raw, std::move(cuts));
    }
    run_all(loop);
  } else {
    out = exchange(loop, backend, v.raw, std::move(cuts));
  }
  return judge(v, backend, out);
}

std::vector<size_t> every_byte(size_t size) {
  std::vector<size_t> cuts;
  for (size_t i = 1; i < size; ++i) cuts.push_back(i);
  return cuts;
}

// Each position of a short text; of a long one its first and last 300 and some between.
std::vector<size_t> positions(size_t size) {
  std::vector<size_t> all;
  for (size_t i = 1; i < size; i += (i < 300 || i + 300 > size) ? 1 : size / 20) all.push_back(i);
  return all;
}

}  // namespace

TEST_CASE("every HTTP/1 request vector has its expected outcome, whole, byte by byte and cut anywhere") {
  Loop loop;
  for (bool through_client : {false, true}) {
    for (const Vector& v : load("malformed_http1.json")) {
      INFO(v.id << ": " << v.why << (through_client ? " (through a client)" : ""));
      std::string wrong = run(loop, v, {}, through_client);
      if (wrong.empty()) wrong = run(loop, v, every_byte(v.raw.size()), through_client);
      for (size_t at : positions(v.raw.size())) {
        if (!wrong.empty()) break;
        wrong = run(loop, v, {at}, through_client);
        if (!wrong.empty()) wrong += " when cut at " + std::to_string(at);
      }
      CAPTURE(wrong);
      CHECK(wrong.empty());
    }
  }
}

namespace {

// An upstream that answers anything with `raw`, and any second connection properly.
class RawUpstream final : public Connector {
 public:
  RawUpstream(std::string raw, std::vector<size_t> cuts, int& connects, bool& sent)
      : raw_(std::move(raw)), cuts_(std::move(cuts)), connects_(connects), sent_(sent) {}
  Task<Result<std::unique_ptr<ByteStream>>> connect() override {
    PipePair pipe = make_pipe();
    if (connects_++ == 0)
      spawn(answer(std::move(pipe.b), raw_, cuts_, sent_));
    else
      spawn(answer(std::move(pipe.b), "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nown", {}, sent_));
    co_return std::move(pipe.a);
  }

 private:
  static Task<void> answer(std::unique_ptr<ByteStream> stream, std::string raw, std::vector<size_t> cuts,
                           bool& sent) {
    auto head = co_await stream->read();
    if (!head || head->empty()) co_return;
    co_await send_raw(*stream, std::move(raw), std::move(cuts), true);
    sent = true;
    Raw rest;
    co_await read_raw(*stream, rest);
  }
  std::string raw_;
  std::vector<size_t> cuts_;
  int& connects_;
  bool& sent_;
};

struct Got {
  int status = 0;
  std::string body;
  bool body_failed = false;
  Fields fields, trailers;
};

Task<void> get(ClientPool& pool, Got& got) {
  Request request = make_request("GET", "/");
  auto response = co_await pool.call(request);
  if (!response) {
    got.status = status_for(response.error());
    co_return;
  }
  got.status = response->head.status;
  for (size_t i = 0; i < response->head.size(); ++i)
    got.fields.add(response->head[i].name, response->head[i].value);
  if (!response->body) co_return;
  auto body = co_await read_all(*response->body, 1024 * 1024);
  got.body_failed = !body;
  if (body) got.body = *body;
  if (const Fields* t = response->body->trailers())
    for (size_t i = 0; i < t->size(); ++i) got.trailers.add((*t)[i].name, (*t)[i].value);
}

std::string run_response(Loop& loop, const Vector& v, std::vector<size_t> cuts) {
  Got first, second;
  {
    int connects = 0;
    bool sent = false;
    ClientPool pool(std::make_unique<RawUpstream>(v.raw, std::move(cuts), connects, sent));
    spawn(get(pool, first));
    // What comes only after the next request was written cannot be told from its answer, in HTTP/1.
    loop.run_until([&] { return sent && first.status != 0; });
    spawn(get(pool, second));
    loop.run_until([&] { return second.status != 0; });
  }
  run_all(loop);
  if (second.status != 200 || second.body != "own") return "the next request got another's answer";
  if (v.expect == "accept" && (first.status != 200 || first.body != "ok")) return "not accepted";
  if (v.expect == "reject" && first.status != 502) return "status " + std::to_string(first.status);
  for (const char* hop :
       {"connection", "keep-alive", "x-secret", "upgrade", "content-length", "transfer-encoding"})
    if (first.fields.find(hop)) return std::string("forwarded ") + hop;
  if (first.trailers.find("content-length") || first.trailers.find("set-cookie"))
    return "forwarded a bad trailer";
  if (v.id == "UR-18" && !first.body_failed) return "a broken transfer looks complete";
  return {};
}

}  // namespace

TEST_CASE("every HTTP/1 response vector has its expected outcome, whole, byte by byte and cut anywhere") {
  Loop loop;
  for (const Vector& v : load("malformed_http1_responses.json")) {
    INFO(v.id << ": " << v.why);
    std::string wrong = run_response(loop, v, {});
    if (wrong.empty()) wrong = run_response(loop, v, every_byte(v.raw.size()));
    for (size_t at : positions(v.raw.size())) {
      if (!wrong.empty()) break;
      wrong = run_response(loop, v, {at});
      if (!wrong.empty()) wrong += " when cut at " + std::to_string(at);
    }
    CAPTURE(wrong);
    CHECK(wrong.empty());
  }
}

}  // namespace meshd::test
