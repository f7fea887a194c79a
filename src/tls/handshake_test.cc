// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <thread>

#include "tls/context_impl.h"
#include "tls/forge_test.h"
#include "tls/peers_test.h"

namespace meshd {
namespace {

std::shared_ptr<const TlsContext> client_of(TlsSettings s) {
  return TlsContext::client(std::move(s)).value();
}
std::shared_ptr<const TlsContext> server_of_settings(TlsSettings s) {
  return TlsContext::server(std::move(s)).value();
}

// A context that shows `chain` whatever is wrong with it: made with a good certificate, which is then replaced.
std::shared_ptr<const TlsContext> liar(const World& w, const CertificateChain& chain, bool server,
                                       const Clock& clock) {
  World good;
  auto key = std::make_shared<const KeyPair>(KeyPair::from_pem(w.leaf_key.to_pem()).value());
  good.leaf.spki = key->public_key().der();
  TlsSettings s;
  s.identities = {{SpiffeId{"td.example", "/ns/a/sa/b"}, key, good.chain().value()}};
  s.bundle = w.bundle();
  s.clock = &clock;
  auto context = server ? server_of_settings(std::move(s)) : client_of(std::move(s));
  CrtList& list = *const_cast<TlsContext::Impl&>(context->impl()).chains[0];
  mbedtls_x509_crt_free(&list.head);
  mbedtls_x509_crt_init(&list.head);
  for (const Certificate& c : chain.certificates()) REQUIRE(list.push(c.der()));
  return context;
}

// A context that checks peers against the bundle of `w` and shows a good identity of another world.
TlsSettings judge(const World& w, const Mesh& mesh, const Clock& clock) {
  TlsSettings s = mesh.settings({mesh.service("judge")});
  s.alpn.clear();
  s.bundle = w.bundle();
  s.clock = &clock;
  return s;
}

// A client that leaves as soon as it is refused.
Task<void> connect_and_read(std::unique_ptr<ByteStream> lower, std::shared_ptr<const TlsContext> context,
                            bool& gone) {
  auto made = co_await tls_connect(std::move(lower), std::move(context), {});
  if (made) (void)co_await (*made)->read();
  gone = true;
}

}  // namespace

TEST_CASE("two workloads agree and know each other") {
  Mesh mesh;
  auto client = client_of(mesh.settings({mesh.service("web")}));
  auto server = server_of_settings(mesh.settings({mesh.service("db")}));
  Loop loop;
  SpiffeId web = service_id("td.example", "web"), db = service_id("td.example", "db");
  Outcomes o = shake(loop, client, server, {.client = {.sni = sni_of(db), .expected = {db}}});
  INFO(o.client_why() << " / " << o.server_why());
  REQUIRE(o.client.has_value());
  REQUIRE(o.server.has_value());
  TlsStream &c = **o.client, &s = **o.server;
  REQUIRE(c.peer_id() == db);
  REQUIRE(s.peer_id() == web);
  REQUIRE(c.alpn() == "h2");
  REQUIRE(s.alpn() == "h2");
  REQUIRE(s.sni() == "db.default.td.example");
  REQUIRE(c.local_identity()->id == web);
  REQUIRE(s.local_identity()->id == db);
  REQUIRE(s.peer_chain().size() == 2);
  REQUIRE(s.peer_chain().leaf() == client->settings().identities[0].chain.leaf());
}

TEST_CASE("a server answers as the workload that was asked for, and as the default else") {
  Mesh mesh;
  auto client = client_of(mesh.settings({mesh.service("web")}));
  auto server =
      server_of_settings(mesh.settings({mesh.identity(node_id("td.example", "n1")), mesh.service("a"),
                                        mesh.service("b"), mesh.service("b.c")}));
  const struct {
    std::string sni, answers;
  } cases[] = {{"a.default.td.example", "/ns/default/sa/a"},
               {"b.default.td.example", "/ns/default/sa/b"},
               {"b__c.default.td.example", "/ns/default/sa/b.c"},
               {"node__n1.meshd-system.td.example", "/ns/meshd-system/sa/node.n1"},
               {"unknown.default.td.example", "/ns/meshd-system/sa/node.n1"},
               {"www.example.com", "/ns/meshd-system/sa/node.n1"},
               {"x", "/ns/meshd-system/sa/node.n1"},
               {"", "/ns/meshd-system/sa/node.n1"}};
  Loop loop;
  for (const auto& x : cases) {
    INFO(x.sni);
    Outcomes o = shake(loop, client, server, {.client = {.sni = x.sni}});
    REQUIRE(o.client.has_value());
    REQUIRE(o.server.has_value());
    REQUIRE((*o.client)->peer_id()->path == x.answers);
    REQUIRE((*o.server)->local_identity()->id.path == x.answers);
    REQUIRE((*o.server)->sni() == x.sni);
  }
}

TEST_CASE("a client shows the identity it was told to") {
  Mesh mesh;
  auto client = client_of(mesh.settings({mesh.service("a"), mesh.service("b")}));
  auto server = server_of_settings(mesh.settings({mesh.service("db")}));
  Loop loop;
  for (const char* name : {"a", "b"}) {
    Outcomes o = shake(loop, client, server, {.client = {.identity = service_id("td.example", name)}});
    REQUIRE((*o.server)->peer_id() == service_id("td.example", name));
    REQUIRE((*o.client)->local_identity()->id == service_id("td.example", name));
  }
  Outcomes o = shake(loop, client, server, {.client = {.identity = service_id("td.example", "c")}});
  REQUIRE(o.client.error().code == Errc::identity);
  REQUIRE_FALSE(o.server.has_value());
}

TEST_CASE("a server that is not the expected one gets neither certificate nor data") {
  Mesh mesh;
  auto client = client_of(mesh.settings({mesh.service("web")}));
  auto server = server_of_settings(mesh.settings({mesh.service("db")}));
  Loop loop;
  Outcomes o = shake(loop, client, server, {.client = {.expected = {service_id("td.example", "bank")}}});
  REQUIRE(o.client.error().code == Errc::identity);
  REQUIRE(o.client.error().side == Side::upstream);
  REQUIRE(std::string_view(o.client_why()) == "the peer is not who was expected");
  REQUIRE(o.server.error().code == Errc::tls);
  REQUIRE(std::string_view(o.server_why()) == "the peer refuses our certificate");
}

TEST_CASE("a client that is not expected is refused and told so") {
  Mesh mesh;
  auto client = client_of(mesh.settings({mesh.service("web")}));
  auto server = server_of_settings(mesh.settings({mesh.service("db")}));
  Loop loop;
  Outcomes o = shake(loop, client, server, {.server = {.expected = {service_id("td.example", "other")}}});
  REQUIRE(o.server.error().code == Errc::identity);
  REQUIRE(o.server.error().side == Side::client);
  // In TLS 1.3 the client is done before the server has seen its certificate: it learns by its first read.
  REQUIRE(o.client.has_value());
  auto refused = read(loop, **o.client);
  REQUIRE(refused.error().code == Errc::tls);
  REQUIRE(std::string_view(refused.error().why) == "the peer refuses our certificate");
}

TEST_CASE("a certificate of another CA is refused on both sides") {
  Mesh ours, theirs;
  Loop loop;
  Outcomes o = shake(loop, client_of(ours.settings({ours.service("web")})),
                     server_of_settings(theirs.settings({theirs.service("db")})));
  REQUIRE(o.client.error().code == Errc::identity);
  TlsSettings lenient = theirs.settings({theirs.service("web")});
  lenient.bundle = ours.bundle;
  o = shake(loop, client_of(lenient), server_of_settings(ours.settings({ours.service("db")})));
  REQUIRE(o.server.error().code == Errc::identity);
  REQUIRE(std::string_view(o.server_why()) == "the peer's certificate is not signed by a trusted CA");
}

TEST_CASE("each malformed SVID is refused in a handshake, shown by either side") {
  FakeClock clock;
  clock.set_unix(kNow);
  Mesh mesh;
  Loop loop;
  for (const Malformed& m : malformed()) {
    INFO(m.what);
    World w;
    m.spoil(w);
    auto chain = w.chain();
    if (!chain) continue;  // such a certificate cannot even be loaded to be shown
    TlsSettings judge_settings = judge(w, mesh, clock);
    {
      Outcomes o = shake(loop, client_of(judge_settings), liar(w, *chain, true, clock));
      REQUIRE_FALSE(o.client.has_value());
      REQUIRE_FALSE(o.server.has_value());
    }
    // The liar trusts the judge, so that only the liar's certificate can be what is refused.
    judge_settings.check = PeerCheck::svid_if_given;
    auto bad = liar(w, *chain, false, clock);
    const_cast<TlsContext::Impl&>(bad->impl()).settings.bundle = mesh.bundle;
    CrtList& roots = const_cast<TlsContext::Impl&>(bad->impl()).roots;
    REQUIRE(roots.push(mesh.root.certificate.der()));
    PipePair pipe = make_pipe();
    std::optional<Made> made;
    bool gone = false;
    spawn(connect_and_read(std::move(pipe.a), bad, gone));
    spawn(accept(std::move(pipe.b), server_of_settings(judge_settings), {}, made));
    loop.run_until([&] { return made && gone; });
    REQUIRE_FALSE(made->has_value());
  }
}

TEST_CASE("an expired certificate is refused by the mesh's clock") {
  Mesh mesh;
  // The client's clock stands still: it does not know.
  FakeClock still;
  still.set_unix(kNow);
  TlsSettings shown = mesh.settings({mesh.identity(service_id("td.example", "web"), 60)});
  shown.clock = &still;
  auto client = client_of(std::move(shown));
  auto server = server_of_settings(mesh.settings({mesh.service("db")}));
  Loop loop;
  REQUIRE(shake(loop, client, server).server.has_value());
  mesh.clock.set_unix(kNow + 61);
  Outcomes o = shake(loop, client, server);
  REQUIRE(std::string_view(o.server_why()) == "the peer's certificate has expired");
}

TEST_CASE("an expired certificate of our own is not shown, by either side") {
  Mesh mesh;
  auto ending = mesh.settings({mesh.identity(service_id("td.example", "web"), 60)});
  auto good = mesh.settings({mesh.service("db")});
  Loop loop;
  mesh.clock.set_unix(kNow + 61);
  Outcomes as_client = shake(loop, client_of(ending), server_of_settings(good));
  REQUIRE(std::string_view(as_client.client_why()) == "our own certificate has expired");
  REQUIRE_FALSE(as_client.server.has_value());
  Outcomes as_server = shake(loop, client_of(good), server_of_settings(ending));
  REQUIRE(std::string_view(as_server.server_why()) == "our own certificate has expired");
  REQUIRE_FALSE(as_server.client.has_value());
}

TEST_CASE("what is denied is refused by either side: by serial, by id, by the serial of its CA") {
  Mesh mesh;
  Identity web = mesh.service("web"), db = mesh.service("db");
  struct Case {
    DenyList denied;
    const char* why;
  };
  Case cases[] = {
      {{.serials = {web.chain.leaf().serial()}, .ids = {}}, "the peer's certificate is revoked"},
      {{.serials = {}, .ids = {web.id.uri()}}, "the peer's identity is revoked"},
      {{.serials = {mesh.issuing.certificate.serial()}, .ids = {}}, "the peer's CA certificate is revoked"},
      {{.serials = {db.chain.leaf().serial()}, .ids = {db.id.uri()}}, nullptr}};
  Loop loop;
  for (const Case& c : cases) {
    TlsSettings denies = mesh.settings({db});
    denies.denied = std::make_shared<const DenyList>(c.denied);
    bool refused = c.why != nullptr;
    REQUIRE(c.denied.denies(web.chain) == refused);
    Outcomes as_client = shake(loop, client_of(mesh.settings({web})), server_of_settings(denies));
    REQUIRE(as_client.server.has_value() == !refused);
    if (refused) REQUIRE(std::string_view(as_client.server_why()) == c.why);
    Outcomes as_server = shake(loop, client_of(denies), server_of_settings(mesh.settings({web})));
    REQUIRE(as_server.client.has_value() == !refused);
    if (refused) REQUIRE(std::string_view(as_server.client_why()) == c.why);
  }
}

TEST_CASE("a client without a certificate passes only where that is allowed, and has no id") {
  Mesh mesh;
  Identity control = mesh.identity(server_id("td.example", "n1"));
  control.chain.push(mesh.root.certificate);
  TlsSettings join;
  join.check = PeerCheck::pin;
  join.pin = pin_of(mesh.root.certificate);
  join.trust_domain = "td.example";
  join.alpn = {"h2"};
  join.clock = &mesh.clock;
  TlsSettings open = mesh.settings({control});
  open.check = PeerCheck::svid_if_given;
  Loop loop;
  {
    Outcomes o = shake(loop, client_of(join), server_of_settings(open));
    INFO(o.client_why() << " / " << o.server_why());
    REQUIRE(o.client.has_value());
    REQUIRE(o.server.has_value());
    REQUIRE((*o.client)->peer_id() == server_id("td.example", "n1"));
    REQUIRE((*o.client)->local_identity() == nullptr);
    REQUIRE_FALSE((*o.server)->peer_id().has_value());
    REQUIRE((*o.server)->peer_chain().empty());
    REQUIRE(write(loop, **o.client, "secret").has_value());
    REQUIRE(read(loop, **o.server)->view() == "secret");
  }
  {
    // The same port knows the client once it has a certificate.
    Outcomes o = shake(loop, client_of(mesh.settings({mesh.service("web")})), server_of_settings(open));
    REQUIRE((*o.server)->peer_id() == service_id("td.example", "web"));
  }
  Outcomes o = shake(loop, client_of(join), server_of_settings(mesh.settings({control})));
  REQUIRE(o.server.error().code == Errc::identity);
  REQUIRE(std::string_view(o.server_why()) == "the peer shows no certificate");
}

TEST_CASE("a client that joins refuses a server whose CA its token does not name") {
  Mesh mesh, foreign;
  Identity control = mesh.identity(server_id("td.example", "n1"));
  Loop loop;
  auto joiner = [&](const Mesh& named, std::string trust_domain = "td.example") {
    TlsSettings join;
    join.check = PeerCheck::pin;
    join.pin = pin_of(named.root.certificate);
    join.trust_domain = std::move(trust_domain);
    join.clock = &mesh.clock;
    return client_of(join);
  };
  auto server_with = [&](const CertificateChain& chain) {
    Identity i = control;
    i.chain = chain;
    TlsSettings s = mesh.settings({i});
    s.check = PeerCheck::svid_if_given;
    return server_of_settings(s);
  };
  CertificateChain leaf_only({control.chain.leaf()}), whole = control.chain, with_foreign = control.chain;
  whole.push(mesh.root.certificate);
  with_foreign.push(foreign.root.certificate);
  REQUIRE(shake(loop, joiner(mesh), server_with(whole)).client.has_value());
  REQUIRE(shake(loop, joiner(foreign), server_with(whole)).client.error().code == Errc::identity);
  REQUIRE(shake(loop, joiner(mesh), server_with(leaf_only)).client.error().code == Errc::identity);
  REQUIRE(shake(loop, joiner(mesh, "other.example"), server_with(whole)).client.error().code ==
          Errc::identity);
  // Sending the named root along proves nothing if it did not sign.
  REQUIRE(shake(loop, joiner(foreign), server_with(with_foreign)).client.error().code == Errc::identity);
  Outcomes o = shake(loop, joiner(mesh), server_with(whole),
                     {.client = {.expected = {server_id("td.example", "n2")}}});
  REQUIRE(std::string_view(o.client_why()) == "the peer is not who was expected");
}

TEST_CASE("without a common protocol there is no connection") {
  Mesh mesh;
  TlsSettings other = mesh.settings({mesh.service("web")});
  other.alpn = {"http/1.1"};
  Loop loop;
  Outcomes o = shake(loop, client_of(other), server_of_settings(mesh.settings({mesh.service("db")})));
  REQUIRE_FALSE(o.client.has_value());
  REQUIRE_FALSE(o.server.has_value());
  REQUIRE(std::string_view(o.client_why()) == "the peer speaks no common protocol");
}

TEST_CASE("what is not TLS is refused, and nothing but an alert goes back") {
  Mesh mesh;
  auto server = server_of_settings(mesh.settings({mesh.service("db")}));
  Loop loop;
  using namespace std::string_view_literals;
  for (std::string_view text : {"GET / HTTP/1.1\r\nHost: db\r\n\r\n"sv, "\x16\x03\x01\x00\x05hello"sv,
                                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"sv, "\x15\x03\x03\x00\x02\x02\x28"sv}) {
    PipePair pipe = make_pipe();
    std::optional<Made> made;
    spawn(accept(std::move(pipe.b), server, {}, made));
    REQUIRE(write(loop, *pipe.a, text).has_value());
    REQUIRE(finish(loop, *pipe.a).has_value());
    loop.run_until([&] { return made.has_value(); });
    REQUIRE_FALSE(made->has_value());
    auto back = read(loop, *pipe.a);
    if (back) REQUIRE((back->empty() || back->data()[0] == 0x15));
  }
}

TEST_CASE("a peer that stays silent, or leaves, ends the handshake") {
  Mesh mesh;
  auto server = server_of_settings(mesh.settings({mesh.service("db")}));
  auto client = client_of(mesh.settings({mesh.service("db")}));
  Loop loop;
  {
    PipePair pipe = make_pipe();
    std::optional<Made> made;
    spawn(accept(std::move(pipe.b), server, {.limit = milliseconds(20)}, made));
    loop.run_until([&] { return made.has_value(); });
    REQUIRE(made->error().code == Errc::timeout);
    REQUIRE(made->error().side == Side::client);
  }
  {
    PipePair pipe = make_pipe();
    std::optional<Made> made;
    spawn(connect(std::move(pipe.a), client, {}, made));
    REQUIRE(finish(loop, *pipe.b).has_value());
    loop.run_until([&] { return made.has_value(); });
    REQUIRE(made->error().code == Errc::reset);
    REQUIRE(made->error().side == Side::upstream);
  }
}

TEST_CASE("contexts that could not work are not made") {
  Mesh mesh;
  TlsSettings good = mesh.settings({mesh.service("web")});
  REQUIRE(TlsContext::client(good).has_value());
  TlsSettings s = good;
  s.identities[0].key = mesh.service("web").key;
  REQUIRE_FALSE(TlsContext::client(s).has_value());
  s = good;
  s.identities[0].id = service_id("td.example", "db");
  REQUIRE_FALSE(TlsContext::client(s).has_value());
  s = good;
  s.bundle.reset();
  REQUIRE_FALSE(TlsContext::server(s).has_value());
  s = good;
  s.identities.clear();
  REQUIRE_FALSE(TlsContext::client(s).has_value());
  s = good;
  s.check = PeerCheck::svid_if_given;
  REQUIRE_FALSE(TlsContext::client(s).has_value());
  REQUIRE(TlsContext::server(s).has_value());
  s.check = PeerCheck::pin;
  REQUIRE_FALSE(TlsContext::server(s).has_value());
  REQUIRE_FALSE(TlsContext::client(s).has_value());
}

TEST_CASE("several loops shake hands with the same contexts at once") {
  Mesh mesh;
  auto client = client_of(mesh.settings({mesh.service("a"), mesh.service("b")}));
  auto server = server_of_settings(mesh.settings({mesh.service("db"), mesh.service("cache")}));
  std::atomic<int> good{0};
  auto work = [&] {
    Loop loop;
    for (int n = 0; n < 20; ++n) {
      SpiffeId to = service_id("td.example", n % 2 == 0 ? "db" : "cache");
      Outcomes o = shake(loop, client, server,
                         {.client = {.sni = sni_of(to),
                                     .expected = {to},
                                     .identity = service_id("td.example", n % 3 == 0 ? "a" : "b")}});
      if (!o.client || !o.server) continue;
      if (!write(loop, **o.client, "ping") || read(loop, **o.server)->view() != "ping") continue;
      ++good;
    }
  };
  std::thread threads[] = {std::thread(work), std::thread(work), std::thread(work), std::thread(work)};
  for (std::thread& t : threads) t.join();
  REQUIRE(good == 80);
}

}  // namespace meshd
