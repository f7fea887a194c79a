// SPDX-License-Identifier: Apache-2.0
// control_lines: what reaches the server's control port from a node, or from anybody in the case of join.
//   "s…"  the lines of /v1/sync of node n2, cut into pieces    "c…"  /v1/certificates    "j…"  /v1/join
// A node speaks for itself only: nobody else's record, health or certificate changes by what it says.
#include "base/log.h"
#include "control/server_kit.h"
#include "http_kit.h"
#include "net/address.h"
#include "tls/spiffe_id.h"

namespace meshd::fuzz {
namespace {

TestServer& server() {
  static TestServer* made = [] {
    log::set_level(log::Level::error);
    the_loop();
    auto* s = new TestServer();
    s->add_node("n1");
    s->add_node("n2");
    s->publish(test_file());
    atexit([] { std::filesystem::remove_all(server().dir.path()); });
    return s;
  }();
  return *made;
}

// Lines of the body that the server sends; each has to be one that a node takes.
Task<void> read_lines(Body& body, bool& over) {
  LineReader lines(body);
  for (;;) {
    auto line = co_await lines.next();
    if (!line) break;
    auto j = parse_json(*line);
    must(j.has_value(), "the server sends what is not JSON", *line);
    must(!text_of(*j, "type").empty(), "a line without a type", *line);
    if (text_of(*j, "type") == "object")
      must(decode_object(to_text(member(*j, "object"))).has_value(), "an object that no node takes", *line);
    if (text_of(*j, "type") == "health")
      for (const auto& [id, why] : member(*j, "down").get<JsonObject>())
        for (const auto& service : server().publisher->content()->snapshot->services)
          for (const Endpoint& e : service->endpoints)
            must(wire_id(e.id) != id || e.node == "n2", "a node speaks for another's endpoints", *line);
  }
  over = true;
}

// Content that comes through a pipe, as from a connection.
class StreamBody final : public Body {
 public:
  explicit StreamBody(std::unique_ptr<ByteStream> s) : stream_(std::move(s)) {}
  Await<Result<Chunk>> pull() override { return stream_->read(); }
  void close(Error why) override { stream_->close(why); }

 private:
  std::unique_ptr<ByteStream> stream_;
};

void sync(std::string_view lines) {
  TestServer& s = server();
  std::string before = to_text(node_json(*s.registry->find("n1"), s.clock));
  PipePair pipe = make_pipe();
  Response response = s.distributor->open("n2", std::make_unique<StreamBody>(std::move(pipe.b)));
  must(response.head.status == 200 && response.body, "a node of the mesh is turned away");
  bool over = false;
  spawn(read_lines(*response.body, over));
  spawn(send_pieces(*pipe.a, std::string(lines), Cuts::random));
  run_all("a session");
  must(over && s.distributor->sessions() == 0, "a session outlives its node");
  must(to_text(node_json(*s.registry->find("n1"), s.clock)) == before, "a node changes another's record");
  must(s.registry->find("n2") != nullptr && s.registry->all().size() == 2,
       "a node changes who is in the mesh");
  const NodeInfo& info = s.registry->find("n2")->info;
  auto address = SocketAddress::from_ip(info.address, info.mesh_port);
  must(address.has_value() && info.mesh_port != 0, "a node at no address", info.address);
  must(info.address.find('\0') == std::string::npos, "an address with a tail");
  must(s.registry->find("n2")->status.size() <= kStatusBytesMax, "a status of any size");
  must(s.registry->flush().has_value(), "what a node said cannot be written down");
}

void certificates(std::string_view text) {
  TestServer& s = server();
  auto body = parse_json(text);
  if (!body) return;
  auto answer = s.certificates->issue(*body, "n2");
  if (!answer) return;
  const JsonArray &asked = list_of(*body, "requests"), &given = list_of(*answer, "certificates");
  must(asked.size() == given.size(), "an answer for each request");
  for (const Json& one : given) {
    if (text_of(one, "chain").empty()) {
      must(!text_of(one, "error").empty(), "neither certificate nor reason");
      continue;
    }
    auto chain = CertificateChain::from_pem(text_of(one, "chain"));
    must(chain.has_value(), "a chain that does not parse");
    std::string uri = chain->leaf().uris().at(0);
    must(uri == text_of(one, "id"), "a certificate for another id", uri);
    must(uri == node_id(kDomain, "n2").uri() || uri == service_id(kDomain, "web").uri() ||
             uri == service_id(kDomain, "batch").uri(),
         "a certificate for what is not placed there", uri);
  }
}

void join(std::string_view text) {
  TestServer& s = server();
  auto body = parse_json(text);
  if (!body) return;
  s.clock.advance(kJoinPause);  // never too many
  auto answer = s.join->join(*body, "127.0.0.9");
  must(!answer.has_value(), "a node joins without a token");
  must(!answer.error().what.empty(), "a refusal without a reason");
}

}  // namespace

FUZZ_TARGET(control_lines) {
  if (bytes.empty()) return;
  std::string_view rest = bytes.substr(1);
  switch (bytes.front()) {
    case 's': return sync(rest);
    case 'c': return certificates(rest);
    case 'j': return join(rest);
    default: return;
  }
}

}  // namespace meshd::fuzz
