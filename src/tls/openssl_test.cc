// SPDX-License-Identifier: Apache-2.0
// openssl_test.cc: both sides against a TLS that we did not write. Skipped where there is no openssl program.
#include <unistd.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/file.h"
#include "net/listener.h"
#include "tls/peers_test.h"

namespace meshd {
namespace {

// A directory with the PEM files that openssl wants.
struct Files {
  std::string dir;
  Files(const Mesh& mesh, const Identity& identity) {
    char name[] = "/tmp/meshd-tls-test-XXXXXX";
    dir = mkdtemp(name);
    put("root.pem", mesh.root.certificate.to_pem());
    put("key.pem", identity.key->to_pem());
    put("leaf.pem", identity.chain.leaf().to_pem());
    put("issuing.pem", mesh.issuing.certificate.to_pem());
  }
  ~Files() { std::filesystem::remove_all(dir); }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;
  void put(const std::string& name, const std::string& text) const {
    REQUIRE(write_file(dir + "/" + name, text));
  }
  std::string get(const std::string& name) const { return read_file(dir + "/" + name, 1 << 20).value_or(""); }
};

bool have_openssl() { return access("/usr/bin/openssl", X_OK) == 0; }

// Runs a shell command beside the loop.
struct Command {
  std::atomic<int> status{-1};
  std::thread thread;
  Command(Loop& loop, std::string text) {
    thread = std::thread([this, &loop, text = std::move(text)] {
      status = std::system(text.c_str());
      loop.post([] {});
    });
  }
  ~Command() { thread.join(); }
  bool done() const { return status >= 0; }
};

// Accepts one connection, echoes one chunk, ends.
Task<void> echo_once(std::unique_ptr<ByteStream> lower, std::shared_ptr<const TlsContext> context,
                     std::optional<Result<SpiffeId>>& peer, std::optional<Result<Chunk>>& got) {
  auto made = co_await tls_accept(std::move(lower), std::move(context));
  if (!made) {
    peer = fail(made.error());
    co_return;
  }
  TlsStream& s = **made;
  if (s.peer_id()) peer = *s.peer_id();
  auto chunk = co_await s.read();
  got = chunk;
  if (!chunk) co_return;
  auto written = co_await s.write(*chunk);
  if (written) (void)co_await s.finish();
  (void)co_await s.read();
}

struct ClientRun {
  std::string output;
  std::optional<Result<SpiffeId>> peer;
  std::optional<Result<Chunk>> got;
};

// `openssl s_client` with `arguments` and `input` against our server.
ClientRun run_client(const Mesh& mesh, const Files& files, const std::string& arguments,
                     const std::string& input) {
  auto context = TlsContext::server(mesh.settings({mesh.service("db"), mesh.service("web")})).value();
  Loop loop;
  ClientRun run;
  {
    auto listener = Listener::open(*SocketAddress::parse("127.0.0.1:0"), [&](std::unique_ptr<TcpStream> s) {
      spawn(echo_once(std::move(s), context, run.peer, run.got));
    });
    REQUIRE(listener);
    files.put("in", input);
    Command client(loop, "cd " + files.dir + " && timeout 20 openssl s_client -connect " +
                             (*listener)->local().text() + " -CAfile root.pem " + arguments +
                             " < in > out 2>&1");
    loop.run_until([&] { return client.done() && loop.tasks() == 0; });
  }
  settle(loop);
  run.output = files.get("out");
  return run;
}

const std::string kGoodClient =
    "-tls1_3 -cert leaf.pem -key key.pem -cert_chain issuing.pem -alpn h2 -verify_return_error "
    "-attime 1760000000 ";

Task<void> call_reverse(SocketAddress at, std::shared_ptr<const TlsContext> context,
                        std::optional<Made>& made, std::string& answer) {
  for (int tries = 0; tries < 500; ++tries) {
    auto tcp = co_await tcp_connect(at, milliseconds(1000));
    if (!tcp) {
      co_await sleep_for(milliseconds(20));
      continue;
    }
    made = co_await tls_connect(std::move(*tcp), std::move(context), {});
    break;
  }
  if (!made || !*made) co_return;
  TlsStream& s = ***made;
  auto written = co_await s.write(Chunk::literal("stressed\n"));
  if (!written) co_return;
  while (answer.find('\n') == std::string::npos) {
    auto chunk = co_await s.read();
    if (!chunk || chunk->empty()) break;
    answer += chunk->view();
  }
  (void)co_await s.finish();
}

}  // namespace

TEST_CASE("openssl's client and server exchange data with ours") {
  if (!have_openssl()) SKIP("no openssl here");
  Mesh mesh;
  Identity identity = mesh.service("caller");
  Files files(mesh, identity);

  SECTION("a client with a good certificate") {
    ClientRun run =
        run_client(mesh, files, kGoodClient + "-ign_eof -servername web.default.td.example", "hello\n");
    INFO(run.output);
    REQUIRE(run.peer.has_value());
    REQUIRE(run.peer->has_value());
    REQUIRE((*run.peer)->path == "/ns/default/sa/caller");
    REQUIRE((*run.got)->view() == "hello\n");
    REQUIRE(run.output.find("Verify return code: 0 (ok)") != std::string::npos);
    REQUIRE(run.output.find("ALPN protocol: h2") != std::string::npos);
    REQUIRE(run.output.find("New, TLSv1.3") != std::string::npos);
    REQUIRE(run.output.find("\nhello\n") != std::string::npos);
  }
  SECTION("a client of TLS 1.2") {
    ClientRun run = run_client(mesh, files, "-ign_eof -tls1_2 -cert leaf.pem -key key.pem", "hello\n");
    INFO(run.output);
    REQUIRE(run.peer.has_value());
    REQUIRE(run.peer->error().code == Errc::tls);
    REQUIRE_FALSE(run.got.has_value());
  }
  SECTION("a client without a certificate reads the alert") {
    ClientRun run = run_client(mesh, files, "-ign_eof -tls1_3 -alpn h2", "hello\n");
    INFO(run.output);
    REQUIRE(run.peer->error().code == Errc::identity);
    REQUIRE_FALSE(run.got.has_value());
    REQUIRE(run.output.find("alert") != std::string::npos);
  }
  SECTION("a client with a foreign certificate reads the alert") {
    Mesh foreign;
    Files theirs(foreign, foreign.service("caller"));
    ClientRun run = run_client(
        mesh, theirs, "-ign_eof -tls1_3 -cert leaf.pem -key key.pem -cert_chain issuing.pem -alpn h2",
        "hello\n");
    INFO(run.output);
    REQUIRE(run.peer->error().code == Errc::identity);
    REQUIRE_FALSE(run.got.has_value());
    REQUIRE(run.output.find("access denied") != std::string::npos);
  }
  SECTION("a client that updates its keys, which our library cannot follow, is told and cut off") {
    ClientRun run = run_client(mesh, files, kGoodClient, "k\n");
    INFO(run.output);
    REQUIRE(run.got.has_value());
    REQUIRE_FALSE(run.got->has_value());
    REQUIRE((*run.got).error().code == Errc::tls);
  }
  SECTION("a server, with its session tickets") {
    Loop loop;
    SocketAddress at;
    {
      auto probe = Listener::open(*SocketAddress::parse("127.0.0.1:0"), [](std::unique_ptr<TcpStream>) {});
      at = (*probe)->local();
    }
    settle(loop);
    std::optional<Made> made;
    std::string answer;
    auto context = TlsContext::client(mesh.settings({mesh.service("web")})).value();
    {
      Command server(
          loop, "cd " + files.dir + " && timeout 20 openssl s_server -accept " + at.text() +
                    " -tls1_3 -cert leaf.pem -key key.pem -cert_chain issuing.pem -CAfile root.pem"
                    " -Verify 3 -verify_return_error -attime 1760000000 -alpn h2 -rev -naccept 1 > out 2>&1");
      spawn(call_reverse(at, context, made, answer));
      loop.run_until([&] { return loop.tasks() == 0; });
      if (made && *made) (**made)->close({Errc::cancelled, Side::self, "done"});
      loop.run_until([&] { return server.done(); });
    }
    INFO(files.get("out"));
    REQUIRE(made.has_value());
    if (!*made) INFO(made->error().why);
    REQUIRE(made->has_value());
    REQUIRE((**made)->peer_id()->path == "/ns/default/sa/caller");
    REQUIRE((**made)->alpn() == "h2");
    REQUIRE(answer == "desserts\n");
    made.reset();
    settle(loop);
  }
}

}  // namespace meshd
