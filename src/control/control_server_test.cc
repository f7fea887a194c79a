// SPDX-License-Identifier: Apache-2.0
#include "control/control_server.h"

#include <catch2/catch_test_macros.hpp>

#include "control/server_kit.h"
#include "control/server_link.h"
#include "net/tcp_stream.h"

namespace meshd {

namespace {

// A server on real loopback TCP, made by init, with its local API.
struct Real {
  Loop loop;
  TestDir dir;
  FakeClock clock;
  StateDir state{dir / "s1"};
  std::string config = dir / "mesh.yaml";
  std::unique_ptr<ControlServer> server;
  std::unique_ptr<ApiRouter> router;

  Real() {
    REQUIRE(write_file(config, test_file()));
    InitOptions options;
    options.state = state.root();
    options.config = config;
    options.name = "n1";
    options.address = "127.0.1.1";
    options.control = "127.0.0.1:0";
    REQUIRE(init_server(options, clock));
    start();
  }
  ~Real() { stop(); }
  void start() {
    auto made = ControlServer::start(state, clock);
    REQUIRE(made);
    server = std::move(*made);
    router = std::make_unique<ApiRouter>();
    server->mount(*router);
  }
  void stop() {
    server->close();
    loop.run_until([&] { return server->done() && loop.tasks() == 0; });
    router.reset();
    server.reset();
  }

  struct Answer {
    int status;
    Json body;
  };
  Answer api(std::string_view method, std::string_view path, const std::string& body = "") {
    Request request;
    request.head.set_method(method);
    request.head.set_path(path);
    if (!body.empty()) request.body = make_body(Chunk::copy(body));
    auto response = finish(loop, router->serve(request, "uid:7"));
    REQUIRE(response);
    auto text = finish(loop, read_all(*response->body, 1 << 20));
    auto j = parse_json(*text);
    REQUIRE(j);
    return {response->head.status, *j};
  }
  Answer apply(const std::string& text, bool dry_run = false) {
    JsonObject j;
    j["yaml"] = json(text);
    if (dry_run) j["dry_run"] = Json(true);
    return api("POST", "/v1/apply", to_text(Json(std::move(j))));
  }

  // A TLS client; without `identity` one that knows only the pin, as joiners do.
  std::shared_ptr<const TlsContext> client(const Identity* identity) {
    auto authority = Authority::load(state.ca(), clock.unix_now());
    TlsSettings settings;
    settings.alpn = {"h2"};
    settings.clock = &clock;
    if (identity != nullptr) {
      settings.identities = {*identity};
      settings.bundle = authority->bundle();
    } else {
      settings.check = PeerCheck::pin;
      settings.pin = authority->pin();
      settings.trust_domain = authority->trust_domain();
    }
    auto context = TlsContext::client(std::move(settings));
    REQUIRE(context);
    return *context;
  }
  // A certificate that the mesh's own authority signed, whoever `id` is.
  Identity identity(const SpiffeId& id) {
    auto authority = Authority::load(state.ca(), clock.unix_now());
    auto key = KeyPair::generate();
    auto chain = authority->sign(*make_csr(*key), id, clock.unix_now());
    REQUIRE(chain);
    return {id, std::make_shared<const KeyPair>(std::move(*key)), std::move(*chain)};
  }
  std::unique_ptr<H2Client> dial(const Identity* identity) {
    ServerAddress address{server->control(), {server_id("test.mesh", "n1")}};
    auto dialled = finish(loop, dial_server(std::move(address), client(identity)));
    if (!dialled) FAIL(dialled.error().what);
    return std::move(*dialled);
  }
  Outcome<Json> post(H2Client& client, std::string_view path, Json body) {
    return finish(loop, post_json(client, control_request(path, server->control()), std::move(body)));
  }
  void end(H2Client& client) { client.close({Errc::cancelled, Side::self, "done"}); }
};

Json join_request(const std::string& token_text, const std::string& name, const KeyPair& key) {
  auto token = JoinToken::parse(token_text);
  REQUIRE(token);
  JsonObject j;
  j["token_id"] = json(token->id);
  j["secret"] = json(to_base64url(token->secret));
  j["node"] = json(name);
  j["address"] = json("127.0.1.2");
  j["csr"] = json(*make_csr(key));
  return Json(std::move(j));
}

Task<void> read_lines(Body* body, std::vector<Json>* lines, bool* over) {
  LineReader reader(*body);
  for (;;) {
    auto line = co_await reader.next();
    if (!line) break;
    lines->push_back(*parse_json(*line));
  }
  *over = true;
}

}  // namespace

TEST_CASE("over TLS a machine joins with a token, gets certificates and the configuration") {
  Real real;
  auto made = real.api("POST", "/v1/tokens", R"({"ttl_seconds":60,"node":"n2"})");
  REQUIRE(made.status == 200);
  auto key = KeyPair::generate();
  auto stranger = real.dial(nullptr);
  // The file places services on n2: only a token for that name takes it.
  auto any = real.api("POST", "/v1/tokens", R"({"ttl_seconds":60})");
  auto unmeant = real.post(*stranger, "/v1/join", join_request(text_of(any.body, "token"), "n2", *key));
  REQUIRE(!unmeant);
  CHECK(unmeant.error().code == Errc::conflict);
  REQUIRE(real.api("DELETE", "/v1/tokens/" + text_of(any.body, "id")).status == 200);
  auto granted = real.post(*stranger, "/v1/join", join_request(text_of(made.body, "token"), "n2", *key));
  REQUIRE(granted);
  auto again = real.post(*stranger, "/v1/join", join_request(text_of(made.body, "token"), "n3", *key));
  REQUIRE(!again);
  CHECK(again.error().code == Errc::denied);
  auto nothing = real.post(*stranger, "/v1/certificates", Json(JsonObject{}));
  REQUIRE(!nothing);
  CHECK(nothing.error().code == Errc::denied);
  real.end(*stranger);
  CHECK(text_of(list_of(real.api("GET", "/v1/tokens").body, "tokens").at(0), "state") == "used");

  Identity identity{node_id("test.mesh", "n2"), std::make_shared<const KeyPair>(std::move(*key)),
                    *CertificateChain::from_pem(text_of(*granted, "chain"))};
  auto node = real.dial(&identity);
  JsonObject one;
  one["id"] = json(service_id("test.mesh", "batch").uri());
  one["csr"] = json(*make_csr(*identity.key));
  JsonObject body;
  body["requests"] = Json(JsonArray{Json(std::move(one))});
  auto certificates = real.post(*node, "/v1/certificates", Json(std::move(body)));
  REQUIRE(certificates);
  CHECK(!text_of(list_of(*certificates, "certificates").at(0), "chain").empty());

  LineSender out;
  out.send_line(R"({"type":"hello","revision":0,"sha256":"","address":"127.0.1.2","mesh_port":15008})");
  Request sync;
  sync.head = control_request("/v1/sync", real.server->control());
  sync.body = out.body();
  auto response = finish(real.loop, node->call(sync));
  REQUIRE(response);
  CHECK(response->head.status == 200);
  std::vector<Json> lines;
  bool over = false;
  spawn(read_lines(response->body.get(), &lines, &over));
  auto last_is = [&](const char* type) { return !lines.empty() && text_of(lines.back(), "type") == type; };
  real.loop.run_until([&] { return last_is("health"); });
  CHECK(text_of(lines.at(0), "type") == "trust");
  CHECK(text_of(lines.at(1), "type") == "trial");
  CHECK(flag_of(lines.at(1), "confirmed"));
  CHECK(text_of(lines.at(2), "type") == "snapshot");
  CHECK(int_of(lines.at(2), "revision") == 1);
  CHECK(text_of(lines.at(2), "sha256") == real.server->publisher().content()->sha256);

  auto waiting = real.api("GET", "/v1/revisions/1/acks");
  CHECK(!flag_of(waiting.body, "done"));
  out.send_line(R"({"type":"ack","revision":1})");
  auto acked = real.api("GET", "/v1/revisions/1/acks?wait=30000");  // answered when the node is heard
  CHECK(flag_of(acked.body, "done"));
  Json state = list_of(acked.body, "nodes").at(1);
  CHECK(text_of(state, "name") == "n2");
  CHECK(flag_of(state, "connected"));
  CHECK(flag_of(state, "acked"));

  auto applied = real.apply(test_file(55));
  CHECK(applied.status == 200);
  real.loop.run_until([&] { return last_is("commit") && int_of(lines.back(), "revision") == 2; });

  CHECK(real.api("DELETE", "/v1/nodes/n1").status == 409);
  CHECK(real.api("DELETE", "/v1/nodes/n2").status == 200);
  real.loop.run_until([&] { return over; });
  // Cut, and not let in again.
  auto evicted = real.post(*node, "/v1/certificates", Json(JsonObject{}));
  REQUIRE(!evicted);
  out.finish();
  response->body.reset();
  real.end(*node);
}

TEST_CASE("only certificates of registered nodes pass") {
  Real real;
  for (const SpiffeId& id : {node_id("test.mesh", "n9"), service_id("test.mesh", "web"),
                             server_id("test.mesh", "n1"), workload_id("test.mesh", "default", "node.n1")}) {
    INFO(id.uri());
    Identity identity = real.identity(id);
    auto client = real.dial(&identity);
    for (const char* path : {"/v1/certificates", "/v1/sync"}) {
      auto answer = real.post(*client, path, Json(JsonObject{}));
      REQUIRE(!answer);
      CHECK(answer.error().code == Errc::denied);
    }
    CHECK(real.post(*client, "/v1/other", Json(JsonObject{})).error().code == Errc::not_found);
    real.end(*client);
  }
}

TEST_CASE("connections without a certificate from one address have a bound, nodes are not among them") {
  Real real;
  Identity own = real.identity(node_id("test.mesh", "n1"));
  auto node = real.dial(&own);
  std::vector<std::unique_ptr<TcpStream>> strangers;
  while (strangers.size() < kStrangersPerAddressMax) {
    auto tcp = finish(real.loop, tcp_connect(real.server->control(), kConnectTimeout));
    REQUIRE(tcp);
    strangers.push_back(std::move(*tcp));
  }
  ServerAddress address{real.server->control(), {server_id("test.mesh", "n1")}};
  CHECK_FALSE(finish(real.loop, dial_server(address, real.client(nullptr))));
  CHECK(real.post(*node, "/v1/other", Json(JsonObject{})).error().code == Errc::not_found);

  strangers.resize(kStrangersPerAddressMax / 2);
  std::unique_ptr<H2Client> joiner;
  for (int tries = 0; joiner == nullptr && tries < 100; ++tries)
    if (auto dialled = finish(real.loop, dial_server(address, real.client(nullptr))))
      joiner = std::move(*dialled);
  REQUIRE(joiner);
  real.end(*joiner);
  real.end(*node);
}

TEST_CASE("a request that is too large is refused") {
  Real real;
  auto client = real.dial(nullptr);
  JsonObject large;
  large["csr"] = json(std::string(kJoinBodyMax, 'x'));
  auto answer = real.post(*client, "/v1/join", Json(std::move(large)));
  CHECK(!answer);
  real.end(*client);
}

TEST_CASE("apply answers with revision, warnings and diff, or with every finding") {
  Real real;
  auto good = real.apply(test_file(50));
  CHECK(good.status == 200);
  CHECK(int_of(good.body, "revision") == 2);
  CHECK(flag_of(good.body, "changed"));
  CHECK(list_of(good.body, "warnings").size() == 1);  // n2 has not joined
  CHECK(text_of(good.body, "diff").find("+      - { tags: { version: v1 }, weight: 50 }") !=
        std::string::npos);
  CHECK(*read_file(real.config, 1 << 20) == test_file(50));

  auto same = real.apply(test_file(50));
  CHECK(!flag_of(same.body, "changed"));
  auto dry = real.apply(test_file(20), true);
  CHECK(dry.status == 200);
  CHECK(int_of(dry.body, "revision") == 2);
  CHECK(!text_of(dry.body, "diff").empty());

  auto wrong = real.apply("services: 1\n");
  CHECK(wrong.status == 422);
  CHECK(text_of(wrong.body, "rendered").find("error[MD") != std::string::npos);
  CHECK(text_of(wrong.body, "summary").find("revision 2) is unchanged") != std::string::npos);
  CHECK(real.api("POST", "/v1/apply", "{}").status == 400);

  auto list = real.api("GET", "/v1/revisions");
  CHECK(list_of(list.body, "revisions").size() == 2);
  CHECK(text_of(list_of(list.body, "revisions").at(0), "author") == "uid:7");
  CHECK(text_of(real.api("GET", "/v1/config").body, "yaml") == test_file(50));
  CHECK(text_of(real.api("GET", "/v1/config?revision=1").body, "yaml") == test_file());
  CHECK(real.api("GET", "/v1/config?revision=9").status == 404);
  CHECK(real.api("GET", "/v1/revisions/9/acks").status == 404);
  CHECK(real.api("GET", "/v1/revisions/x/acks").status == 400);
  CHECK(flag_of(real.api("GET", "/v1/revisions/2/acks?wait=30000").body, "done"));  // nobody is connected

  real.stop();
  real.start();
  CHECK(real.server->publisher().revision().value == 2);
  CHECK(int_of(real.server->status_json(), "revision") == 2);
}

TEST_CASE("tokens are listed without their secrets and can be revoked") {
  Real real;
  auto made = real.api("POST", "/v1/tokens", R"({"ttl_seconds":60,"node":"n7"})");
  REQUIRE(made.status == 200);
  auto shown = JoinToken::parse(text_of(made.body, "token"));
  REQUIRE(shown);
  std::string id = text_of(made.body, "id"), secret = shown->secret;
  auto list = real.api("GET", "/v1/tokens");
  Json token = list_of(list.body, "tokens").at(0);
  CHECK(text_of(token, "node") == "n7");
  CHECK(text_of(token, "state") == "good");
  CHECK(int_of(token, "expires") == real.clock.unix_now() + 60);
  CHECK(to_text(list.body).find(secret_hash(secret)) == std::string::npos);
  CHECK(real.api("DELETE", "/v1/tokens/" + id).status == 200);
  CHECK(real.api("DELETE", "/v1/tokens/" + id).status == 404);
  CHECK(real.api("POST", "/v1/tokens", R"({"ttl_seconds":0})").status == 400);
  CHECK(real.api("POST", "/v1/tokens", R"({"node":"N 7"})").status == 400);
}

TEST_CASE("a second server on the same state, or a port in use, is a sentence") {
  Real real;
  auto second = ControlServer::start(real.state, real.clock);
  REQUIRE(!second);
  CHECK(second.error().code == Errc::conflict);

  auto taken = real.server->control();
  real.stop();
  auto holder = Listener::open(taken, [](std::unique_ptr<TcpStream>) {});
  REQUIRE(holder);
  auto file = load_server_file(real.state);
  file->control = (*holder)->local().text();
  REQUIRE(save_server_file(real.state, *file));
  auto blocked = ControlServer::start(real.state, real.clock);
  REQUIRE(!blocked);
  CHECK(blocked.error().what.find("in use") != std::string::npos);
  (*holder)->close();
  holder->reset();
  file->control = "127.0.0.1:0";
  REQUIRE(save_server_file(real.state, *file));
  real.start();
}

}  // namespace meshd
