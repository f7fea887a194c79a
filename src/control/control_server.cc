// SPDX-License-Identifier: Apache-2.0
#include "control/control_server.h"

#include "base/log.h"
#include "http/h2_service.h"
#include "tls/digest.h"
#include "tls/tls_stream.h"

namespace meshd {

Outcome<std::unique_ptr<ControlServer>> ControlServer::start(const StateDir& state, const Clock& clock) {
  std::unique_ptr<ControlServer> server(new ControlServer(state, clock));
  if (auto ok = server->open(); !ok) return fail(std::move(ok.error()));
  if (auto ok = server->listen(); !ok) return fail(std::move(ok.error()));
  return server;
}

ControlServer::~ControlServer() { close(); }

// ---- beginning

Outcome<> ControlServer::open() {
  auto file = load_server_file(state_);
  if (!file) return fail(std::move(file.error()));
  file_ = std::move(*file);
  auto store = store::Store::open(state_.database(), clock_, sha256_hex);
  if (!store) return fail(std::move(store.error()));
  store_ = std::move(*store);
  registry_ = std::make_unique<Registry>(*store_, clock_);
  if (auto ok = registry_->load(); !ok) return ok;

  auto authority = Authority::load(state_.ca(), clock_.unix_now(), {}, state_.seal());
  if (!authority) return fail(std::move(authority.error()));
  authority_ = std::make_unique<Authority>(std::move(*authority));
  const std::string& domain = authority_->trust_domain();
  id_ = server_id(domain, file_.name);

  publisher_ = std::make_unique<Publisher>(*store_, *registry_, Publisher::Settings{domain, file_.config});
  distributor_ = std::make_unique<Distributor>(*registry_, clock_);
  keys_ = std::make_unique<KeyDesk>(*store_, clock_, [this] { publisher_->nodes_changed(); });
  publisher_->complete = [this](model::Model& model) { keys_->fill(model); };
  distributor_->on_answer([this](const std::string&, const Json& line) {
    if (text_of(line, "what") == "keys") keys_->want(text_of(line, "issuer"));
  });
  shadow_ = std::make_unique<ShadowDesk>(
      ShadowDesk::Parts{*store_, *registry_, *publisher_, *distributor_, clock_});
  flows_ = std::make_unique<FlowDesk>(FlowDesk::Parts{*store_, *registry_, *distributor_, clock_});
  publisher_->on_content = [this](const ContentPtr& content) {
    distributor_->set_content(content);
    shadow_->content_changed();
  };
  if (auto ok = publisher_->load(); !ok) return ok;
  registry_->on_list_change = [this] { publisher_->nodes_changed(); };
  canaries_ = std::make_unique<CanaryDesk>(
      *store_, *registry_, *publisher_, clock_,
      [this](const std::set<std::string>& routes) { distributor_->watch(routes); });
  if (auto ok = canaries_->load(); !ok) return ok;
  distributor_->on_arms = [this](const std::string& node, const Json& line) {
    canaries_->report(node, line);
  };
  confirm_ = std::make_unique<ConfirmDesk>(*store_, *publisher_, clock_, [this] {
    distributor_->tell_trial([this] { return confirm_->line(); });
  });
  if (auto ok = confirm_->load(); !ok) return ok;
  distributor_->on_back = [this](const std::string& node, Revision revision, const std::string& why) {
    confirm_->went_back(node, revision, why);
  };
  watch_ = std::make_unique<ConfigWatch>(*publisher_);
  watch_->begin();
  if (auto ok = shadow_->load(); !ok) return ok;

  auto lifetime = [this] { return leaf_lifetime(publisher_->model()); };
  auto identity = ServerIdentity::load({state_, *store_, *authority_, clock_, id_, lifetime});
  if (!identity) return fail(std::move(identity.error()));
  identity_ = std::move(*identity);

  auto trust = TrustDesk::load({*store_, *authority_, clock_, id_, file_.name});
  if (!trust) return fail(std::move(trust.error()));
  trust_ = std::move(*trust);
  trust_->on_change = [this] { distributor_->set_trust(trust_->sealed()); };
  rotation_ = std::make_unique<RootRotation>(
      RootRotation::Parts{*store_, *authority_, *registry_, *identity_, *trust_, clock_});
  trust_changed();
  if (trust_->sealed().empty()) return fail(Errc::internal, "cannot sign whom the mesh trusts");

  auto control = [this] { return advertised(); };
  auto placed = [this](const std::string& node) {
    const ContentPtr& content = publisher_->content();
    return content && !content->snapshot->workloads_on(node).empty();
  };
  auto welcome = [this](const std::string& node) { return trust_->welcome_node(node); };
  join_ = std::make_unique<JoinDesk>(
      *store_, *authority_, *registry_, clock_,
      JoinDesk::Settings{domain, id_.uri(), control, lifetime, placed, welcome, [this] { trust_changed(); }});
  recover_ = std::make_unique<RecoverDesk>(
      RecoverDesk::Parts{*store_, *authority_, *registry_, *trust_, clock_, id_, lifetime});
  certificates_ = std::make_unique<CertificateDesk>(*store_, *authority_, *publisher_, clock_);
  desks_ =
      std::make_unique<ControlDesks>(*join_, *certificates_, *recover_, *distributor_, *registry_, domain);
  api_ = std::make_unique<ServerApi>(
      ServerApi::Parts{*store_, *authority_, *registry_, *publisher_, *distributor_, *confirm_, *canaries_,
                       *trust_, [this] { trust_changed(); }, clock_, file_.name, control});
  history_ = std::make_unique<HistoryApi>(*store_, *publisher_, *confirm_);
  ca_api_ = std::make_unique<CaApi>(
      CaApi::Parts{*store_, *authority_, *rotation_, *trust_, [this] { trust_changed(); }, clock_});
  canary_api_ = std::make_unique<CanaryApi>(*canaries_);
  return {};
}

Outcome<> ControlServer::listen() {
  auto at = SocketAddress::parse(file_.control);
  if (!at)
    return fail(Errc::invalid_argument,
                "'" + file_.control + "' in " + state_.server_file() + " is no address");
  if (auto ok = check_port_free(*at); !ok) return ok;
  auto listener =
      Listener::open(*at, [this](std::unique_ptr<TcpStream> stream) { accept(std::move(stream)); });
  if (!listener) return fail(std::move(listener.error()));
  listener_ = std::move(*listener);
  timer_.start(kControlTick);
  log::info("control port open",
            {{"at", listener_->local().text()}, {"revision", publisher_->revision().value}});
  return {};
}

// What nodes dial: the file's word, else where we listen.
std::string ControlServer::advertised() const {
  const model::Model* model = publisher_->model();
  if (model != nullptr && !model->server.control.empty()) return model->server.control;
  return listener_ ? listener_->local().text() : file_.control;
}

// ---- serving

// What is on disk of trust is said, heeded by the next handshakes, and ends connections that could not be made any more.
void ControlServer::trust_changed() {
  if (auto ok = trust_->reload(); !ok) log::error("cannot read what is denied", {{"error", ok.error().what}});
  if (auto ok = identity_->trust_changed(trust_->denied()); !ok)
    log::error("cannot heed what is denied", {{"error", ok.error().what}});
  rotation_->tick();
  auto open = known_;
  for (TlsStream* stream : open)
    if (known_.contains(stream) && trust_->denied()->denies(stream->peer_chain()))
      stream->close({Errc::denied, Side::client, "its certificate was revoked"});
}

void ControlServer::accept(std::unique_ptr<TcpStream> stream) {
  if (closing_ || connections_ >= kControlConnectionsMax) {
    if (!closing_) log::warn("too many connections to the control port", {{"from", stream->peer().text()}});
    stream->close({Errc::overload, Side::self, "too many connections"});
    return;
  }
  auto from = strangers_.try_emplace(stream->peer().ip()).first;
  if (from->second >= kStrangersPerAddressMax) {
    ++refused_;
    log::warn("too many connections without a certificate", {{"from", from->first}});
    stream->close({Errc::overload, Side::self, "too many connections"});
    return;
  }
  auto pass = gate_.enter(from->first);
  if (!pass) {
    if (from->second == 0) strangers_.erase(from);
    ++refused_;
    log::warn("too many handshakes at once", {{"from", stream->peer().text()}});
    stream->close({Errc::overload, Side::self, "too many handshakes at once"});
    return;
  }
  ++from->second;
  ++connections_;
  spawn(serve(this, std::move(stream), std::move(pass)));
}

// One connection from there is over, or has shown who it is.
void ControlServer::known(const std::string& from) {
  auto it = strangers_.find(from);
  if (--it->second == 0) strangers_.erase(it);
}

Task<void> ControlServer::serve(ControlServer* self, std::unique_ptr<TcpStream> tcp,
                                HandshakeGate::Pass pass) {
  std::string from = tcp->peer().ip();
  ByteStream* lower = tcp.get();
  self->handshaking_.insert(lower);
  std::unique_ptr<ByteStream> raw = std::move(tcp);
  auto context = self->identity_->context();
  auto tls = co_await tls_accept(std::move(raw), std::move(context));
  self->handshaking_.erase(lower);
  pass.leave();
  bool stranger = !tls || !(*tls)->peer_id();
  if (!stranger) self->known(from);
  if (!tls) {
    log::debug("handshake on the control port failed", {{"from", from}, {"error", tls.error().why}});
  } else if (!stranger && self->trust_->denied()->denies((*tls)->peer_chain())) {
    // Denied while it shook hands.
    (*tls)->close({Errc::denied, Side::client, "its certificate was revoked"});
  } else if ((*tls)->alpn() == "h2" && !self->closing_) {
    ControlPort port(*self->desks_, (*tls)->peer_id(), from);
    H2ServerOptions options;
    options.scheme = "https";
    TlsStream* open = tls->get();
    if (!stranger) self->known_.insert(open);
    std::unique_ptr<ByteStream> stream = std::move(*tls);
    co_await serve_h2(std::move(stream), port, self->group_, std::move(options));
    self->known_.erase(open);
  }
  if (stranger) self->known(from);
  --self->connections_;
}

void ControlServer::tick() {
  timer_.start(kControlTick);
  ++ticks_;
  watch_->check();
  keys_->tick();
  distributor_->tick();
  canaries_->tick();
  confirm_->tick();
  authority_->set_lifetimes(lifetimes_of(publisher_->model()));
  identity_->tick();
  rotation_->tick();
  if (ticks_ % kFlushTicks == 0)
    if (auto ok = registry_->flush(); !ok)
      log::warn("cannot write down what nodes report", {{"error", ok.error().what}});
  if (ticks_ % kTidyTicks == 0) tidy();
}

void ControlServer::tidy() {
  auto tidied = store_->transact([&]() -> Outcome<> {
    if (auto n = store_->certificates().prune_expired(clock_.unix_now() - kRecoverWindow); !n)
      return fail(std::move(n.error()));
    if (auto n = store_->tokens().prune(clock_.unix_now() - kTokensKept); !n)
      return fail(std::move(n.error()));
    if (auto n = store_->revisions().prune(kRevisionsKept); !n) return fail(std::move(n.error()));
    return {};
  });
  if (tidied) tidied = flows_->tidy();
  if (!tidied) log::warn("cannot tidy the store", {{"error", tidied.error().what}});
}

// ---- ending

void ControlServer::close() {
  if (std::exchange(closing_, true)) return;
  timer_.stop();
  if (listener_) listener_->close();
  if (distributor_) distributor_->close();
  if (canaries_) canaries_->changed.close();
  if (registry_) {
    registry_->on_list_change = nullptr;
    registry_->changed.close();
    if (auto ok = registry_->flush(); !ok)
      log::warn("cannot write down what nodes report", {{"error", ok.error().what}});
  }
  Error why{Errc::closed, Side::self, "the server ends"};
  for (ByteStream* stream : handshaking_) stream->close(why);
  group_.close_all(why);
}

// ---- to be seen

Json ControlServer::status_json() const {
  size_t connected = 0, away = 0, current = 0;
  const ContentPtr& content = publisher_->content();
  for (const auto& [name, node] : registry_->all()) {
    connected += node.connected;
    away += distributor_->health().away().contains(name);
    current += content && node.connected && node.sha256 == content->sha256;
  }
  JsonObject nodes;
  nodes["known"] = json(static_cast<int64_t>(registry_->all().size()));
  nodes["connected"] = json(static_cast<int64_t>(connected));
  nodes["away"] = json(static_cast<int64_t>(away));
  nodes["current"] = json(static_cast<int64_t>(current));
  JsonObject authority;
  authority["trust_domain"] = json(authority_->trust_domain());
  authority["pin"] = json(authority_->pin());
  authority["root_expires"] = json(authority_->root().not_after());
  authority["issuing_expires"] = json(authority_->issuing().not_after());
  authority["rotation"] = json(name_of(authority_->rotation().phase));
  authority["trust"] = json(static_cast<int64_t>(trust_->number()));
  authority["root_key_here"] = Json(authority_->has_root_key());
  JsonObject j;
  j["control"] = json(listener_->local().text());
  j["advertised"] = json(advertised());
  j["id"] = json(id_.uri());
  j["certificate_expires"] = json(identity_->certificate().not_after());
  j["revision"] = json(static_cast<int64_t>(publisher_->revision().value));
  j["config"] = json(file_.config);
  j["config_problem"] = json(watch_->problem());
  j["unconfirmed"] = confirm_->json();
  j["token_keys"] = keys_->status_json();
  j["nodes"] = Json(std::move(nodes));
  j["ca"] = Json(std::move(authority));
  return Json(std::move(j));
}

}  // namespace meshd
