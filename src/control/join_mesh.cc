// SPDX-License-Identifier: Apache-2.0
// join_mesh.cc: reserve the directory → dial and check the server → say the token → check what came → store it whole.
#include "control/join_mesh.h"

#include <memory>
#include <utility>

#include "base/encode.h"
#include "base/file.h"
#include "base/json.h"
#include "control/server_link.h"
#include "loop/loop.h"
#include "tls/csr.h"
#include "tls/tls_stream.h"
#include "tls/verify_svid.h"

namespace meshd {
namespace {

// The server answers after a write to disk, maybe behind others that join at the same time.
constexpr milliseconds kJoinLimit{15'000};

struct Granted {
  Json answer;
  SpiffeId server;  // who gave it
};

Detailed not_this_server(const SocketAddress& at, const std::string& why) {
  return {Errc::identity,
          "the server at " + at.text() + " is not the one that made this token: " + why +
              "; check the address, or make a new token on the right server. Nothing of the token was sent"};
}

// What the token's pin alone cannot tell: that this is a server, not some node or workload of the same mesh.
Outcome<SpiffeId> server_behind(H2Client& client, const SocketAddress& at) {
  auto* tls = dynamic_cast<TlsStream*>(&client.transport());
  if (tls == nullptr || !tls->peer_id()) return fail(not_this_server(at, "it shows no identity"));
  SpiffeId id = *tls->peer_id();
  if (server_of(id).empty()) return fail(not_this_server(at, "it is " + id.uri() + ", no server"));
  return id;
}

Task<Outcome<Granted>> ask_to_join(SocketAddress at, JoinOrder& order, std::string csr) {
  TlsSettings settings;
  settings.check = PeerCheck::pin;
  settings.pin = order.token.pin;
  settings.trust_domain = order.token.trust_domain;
  settings.alpn = {"h2"};
  auto tls = TlsContext::client(std::move(settings));
  if (!tls) co_return fail(Errc::internal, std::string("cannot begin TLS: ") + tls.error().why);
  auto client = co_await dial_server({at, {}}, *tls);
  if (!client) {
    if (client.error().code == Errc::identity) co_return fail(not_this_server(at, client.error().what));
    co_return fail(client.error());
  }
  auto server = server_behind(**client, at);
  if (!server) co_return fail(server.error());

  // The server is the token's own: from here on it may know the secret.
  JsonObject body;
  body["token_id"] = json(order.token.id);
  body["secret"] = json(to_base64url(order.token.secret));
  body["node"] = json(order.node);
  body["address"] = json(order.address);
  body["mesh_port"] = json(int64_t{order.mesh_port});
  body["zone"] = json(order.zone);
  body["version"] = json(order.version);
  body["csr"] = json(csr);
  RequestHead head = control_request("/v1/join", at);
  Task<Outcome<Json>> asked = post_json(**client, std::move(head), Json(std::move(body)), kJoinLimit);
  Outcome<Json> answer = co_await asked;
  (*client)->close({Errc::cancelled, Side::self, "done"});
  if (!answer) co_return fail(answer.error());
  co_return Granted{std::move(*answer), std::move(*server)};
}

Task<void> join_into(SocketAddress at, JoinOrder& order, std::string csr,
                     std::optional<Outcome<Granted>>& into) {
  Task<Outcome<Granted>> asked = ask_to_join(at, order, std::move(csr));
  into = co_await asked;
}

// Everything the answer says is checked before any of it is stored.
Outcome<> store_node(const StateDir& at, const JoinOrder& order, KeyPair key, const Granted& granted,
                     NodeFile& node, const Clock& clock) {
  const Json& a = granted.answer;
  node = {.node = order.node,
          .address = order.address,
          .mesh_port = order.mesh_port,
          .zone = order.zone,
          .trust_domain = order.token.trust_domain,
          .server_id = granted.server.uri(),
          .control = text_of(a, "control")};
  if (!SocketAddress::parse(node.control))
    return fail(Errc::protocol, "the server says that nodes dial '" + node.control +
                                    "', which is no ip:port; set server.control in its file");
  if (text_of(a, "server_id") != node.server_id)
    return fail(Errc::identity,
                "the server says it is " + text_of(a, "server_id") + " but has shown " + node.server_id);
  auto bundle = TrustBundle::from_pem(node.trust_domain, text_of(a, "bundle"));
  if (!bundle)
    return fail(Errc::protocol,
                std::string("the server sent roots that cannot be used: ") + bundle.error().why);
  bool pinned = false;
  for (const Certificate& root : bundle->roots()) pinned |= pin_of(root) == order.token.pin;
  if (!pinned) return fail(Errc::identity, "the server sent roots without the one that the token names");
  auto chain = CertificateChain::from_pem(text_of(a, "chain"));
  if (!chain)
    return fail(Errc::protocol,
                std::string("the server sent a certificate that cannot be read: ") + chain.error().why);
  SpiffeId id = node_id(node.trust_domain, node.node);
  auto verified = verify_svid(*chain, *bundle, {.now = clock.unix_now(), .ids = {id}});
  if (!verified)
    return fail(Errc::identity, std::string("the server sent a certificate that cannot be used: ") +
                                    verified.error().why +
                                    "; if it is about time, check this machine's clock");

  Identity identity{id, std::make_shared<const KeyPair>(std::move(key)), std::move(*chain)};
  if (auto ok = save_bundle(at, *bundle); !ok) return ok;
  if (auto ok = save_identity(at, kNodeIdentity, identity); !ok) return ok;
  return save_node_file(at, node);
}

}  // namespace

Outcome<NodeFile> join_mesh(const StateDir& state, JoinOrder order, const Clock& clock) {
  auto place = NewState::begin(state);
  if (!place) return fail(place.error());
  SocketAddress at;
  if (order.server) {
    at = *order.server;
  } else {
    auto said = SocketAddress::parse(order.token.server);
    if (!said)
      return fail(Errc::invalid_argument, "the token names the server as " + order.token.server +
                                              ", not as ip:port; give its address: meshd join IP:PORT …");
    at = *said;
  }
  auto key = KeyPair::generate();
  auto csr = key ? make_csr(*key) : Result<std::string>(fail(key.error()));
  if (!csr) return fail(Errc::internal, std::string("cannot make a key: ") + csr.error().why);

  Loop loop;
  std::optional<Outcome<Granted>> granted;
  spawn(join_into(at, order, *csr, granted));
  loop.run_until([&] { return granted.has_value() && loop.tasks() == 0; });
  wipe(order.token.secret);
  if (!*granted) return fail(granted->error());

  NodeFile node;
  if (auto ok = store_node(place->staging(), order, std::move(*key), **granted, node, clock); !ok)
    return fail(ok.error());
  if (auto ok = place->commit(); !ok) return fail(ok.error());
  return node;
}

}  // namespace meshd
