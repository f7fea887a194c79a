// SPDX-License-Identifier: Apache-2.0
#include "control/identities.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/log.h"
#include "control/recover.h"
#include "tls/csr.h"
#include "tls/verify_svid.h"

namespace meshd {
namespace {

// Wall clocks jump and machines sleep: what is due is looked at anew at least this often.
constexpr int64_t kLookAgain = 30;
// How far in the future a peer's certificate may begin for a node whose clock was never set.
constexpr UnixSeconds kAheadInGrace = 3650LL * 86'400;

UnixSeconds constexpr kNever = INT64_MAX;

}  // namespace

std::string identity_name(const SpiffeId& id) {
  std::string_view service = service_of(id);
  return service.empty() ? std::string() : service_identity(service);
}

Identities::Identities(StateDir state, NodeFile node, TrustBundle bundle, ClockKeeper& time)
    : state_(std::move(state)),
      node_(std::move(node)),
      bundle_(std::move(bundle)),
      trust_(state_, node_),
      time_(time),
      clock_(time.clock()),
      random_(static_cast<uint64_t>(clock_.now().ns) ^ std::hash<std::string>()(node_.node)),
      timer_(tick, this) {}

Identities::~Identities() = default;

Outcome<std::unique_ptr<Identities>> Identities::load(StateDir state, const NodeFile& node,
                                                      ClockKeeper& time) {
  auto bundle = load_bundle(state, node.trust_domain);
  if (!bundle) return fail(bundle.error());
  std::unique_ptr<Identities> self(new Identities(state, node, std::move(*bundle), time));
  for (const std::string& name : list_identities(state)) {
    if (name == kServerIdentity) continue;
    auto identity = load_identity(state, name);
    if (!identity) {
      if (name == kNodeIdentity) return fail(identity.error());
      log::warn("a stored certificate cannot be used and will be asked for again",
                {{"why", identity.error().what}});
      continue;
    }
    // It was signed at that time or later.
    time.known(identity->chain.leaf().not_before());
    Entry entry{.id = identity->id, .jitter = self->random_.unit()};
    entry.held = std::make_shared<const Identity>(std::move(*identity));
    self->entries_[name] = std::move(entry);
  }
  if (!self->entries_.contains(std::string(kNodeIdentity)))
    return fail(Errc::not_found, state.chain_of(kNodeIdentity) +
                                     " is missing: this node has no certificate; run `meshd join` "
                                     "with a new token and another --state");
  self->trust_.load(self->bundle_);
  self->use_trust();
  self->rebuild();
  if (!self->tls_.server || !self->tls_.client)
    return fail(Errc::invalid_argument,
                "the certificates in " + state.identities() + " cannot be used with " + state.bundle());
  return self;
}

void Identities::start(Ask ask, OnChange changed, Ask recover) {
  ask_ = std::move(ask);
  recover_ = std::move(recover);
  changed_ = std::move(changed);
  arm();
}

void Identities::stop() {
  timer_.stop();
  ask_ = nullptr;
  recover_ = nullptr;
  asked_.close();
}

// ---- what there should be

Task<void> Identities::prepare(SnapshotPtr snapshot) {
  bool missing = false;
  for (const Workload& w : snapshot->workloads_on(node_.node)) {
    auto id = SpiffeId::parse(w.spiffe_id);
    std::string name = id ? identity_name(*id) : "";
    if (name.empty() || entries_.contains(name)) continue;
    entries_[name] = Entry{.id = *id};
    missing = true;
  }
  if (!missing || !ask_) co_return;
  // Another request may be under way; its answer does not hold what was added just now.
  Task<bool> free = no_ask();
  if (!co_await free) co_return;
  Task<void> renewed = renew();
  co_await renewed;
}

void Identities::settle(const Snapshot& snapshot) {
  std::set<std::string> wanted{std::string(kNodeIdentity)};
  for (const Workload& w : snapshot.workloads_on(node_.node))
    if (auto id = SpiffeId::parse(w.spiffe_id)) wanted.insert(identity_name(*id));
  bool changed = false;
  for (auto e = entries_.begin(); e != entries_.end();) {
    if (wanted.contains(e->first)) {
      ++e;
      continue;
    }
    log::info("identity retired: its workload is not on this node any more", {{"id", e->second.id.uri()}});
    remove_identity(state_, e->first);
    e = entries_.erase(e);
    changed = true;
  }
  if (!changed) return;
  rebuild();
  if (changed_) changed_(tls_);
}

// ---- renewal

UnixSeconds Identities::due(const Entry& e) const {
  if (e.failures > 0 || e.early) return e.retry;
  return e.held ? renew_at(validity_of(e.held->chain.leaf()), e.jitter) : 0;
}

void Identities::tick(void* self) {
  auto& me = *static_cast<Identities*>(self);
  UnixSeconds now = me.clock_.unix_now();
  // What was seen to end has ended, wherever the clock goes.
  for (const auto& [name, e] : me.entries_)
    if (e.held && e.held->chain.leaf().not_after() < now)
      me.time_.known(e.held->chain.leaf().not_after() + 1);
  if (me.lost_ && !me.time_.lost()) {
    me.rebuild();
    if (me.changed_) me.changed_(me.tls_);
  }
  bool due = std::any_of(me.entries_.begin(), me.entries_.end(),
                         [&](const auto& e) { return me.due(e.second) <= now; });
  if (due && !me.asking_)
    spawn(me.renew());
  else
    me.arm();
}

void Identities::arm() {
  if (!ask_) return;
  UnixSeconds next = kNever;
  for (const auto& [name, entry] : entries_) next = std::min(next, due(entry));
  int64_t wait = std::clamp<int64_t>(next - clock_.unix_now(), 0, kLookAgain);
  // Never more often than this, whatever the clock does.
  timer_.start(std::max(milliseconds(wait * 1000), milliseconds(200)));
}

Task<void> Identities::renew() {
  if (!ask_) co_return;
  asking_ = true;
  UnixSeconds now = clock_.unix_now();
  std::map<std::string, KeyPair> keys;  // by SPIFFE ID
  JsonArray requests;
  // Without a valid certificate of its own the node is nobody: that comes back first, by its key (control/recover.h).
  bool recovering = recover_ && own_expired();
  std::string own_csr;
  for (const auto& [name, entry] : entries_) {
    if (due(entry) > now || (recovering && name != kNodeIdentity)) continue;
    auto key = KeyPair::generate();
    auto csr = key ? make_csr(*key) : Result<std::string>(fail(key.error()));
    if (!csr) continue;
    own_csr = *csr;
    JsonObject request;
    request["id"] = json(entry.id.uri());
    request["csr"] = json(*csr);
    requests.push_back(Json(std::move(request)));
    keys.emplace(entry.id.uri(), std::move(*key));
  }
  JsonObject body;
  body["requests"] = Json(std::move(requests));
  Outcome<Json> request = Json(std::move(body));
  if (recovering && keys.empty()) request = fail(Errc::internal, "not due");
  if (recovering && request)
    request = recovery_request(*entries_.at(std::string(kNodeIdentity)).held, own_csr, node_.server_id, now);
  Outcome<Json> answer = fail(Errc::internal, request ? "" : request.error().what);
  if (request) {
    Task<Outcome<Json>> asked = recovering ? recover_(std::move(*request)) : ask_(std::move(*request));
    answer = co_await asked;
  }
  now = clock_.unix_now();

  std::string refusal = answer ? "" : answer.error().what;
  if (answer) {
    time_.told(std::max<int64_t>(int_of(*answer, "time", time_.clock().unix_now()), 0));
    refusal = time_.refusal();
    now = clock_.unix_now();
    if (refusal.empty()) take_bundle(text_of(*answer, "bundle"));
  }
  std::map<std::string, const Json*> given;
  if (answer)
    for (const Json& c : list_of(*answer, "certificates")) given[text_of(c, "id")] = &c;

  bool changed = false;
  for (auto& [name, entry] : entries_) {
    auto key = keys.find(entry.id.uri());
    if (key == keys.end()) continue;
    std::string problem = refusal;
    if (problem.empty()) {
      auto certificate = given.find(entry.id.uri());
      problem = certificate == given.end()
                    ? "the server did not answer for " + entry.id.uri()
                    : accept(name, entry, std::move(key->second), *certificate->second);
    }
    if (problem.empty()) {
      changed = true;
      continue;
    }
    if (problem != entry.problem) {
      UnixSeconds until = entry.held ? entry.held->chain.leaf().not_after() : 0;
      log::warn("no new certificate", {{"id", entry.id.uri()},
                                       {"why", problem},
                                       {"present_one", !entry.held    ? std::string("none")
                                                       : until >= now ? "good until " + format_time(until)
                                                                      : "ended " + format_time(until)}});
    }
    entry.problem = problem;
    Validity v = entry.held ? validity_of(entry.held->chain.leaf()) : Validity{now, now + kLeafLifetime};
    entry.retry = retry_at(v, now, ++entry.failures, random_.unit());
  }
  if (changed) {
    rebuild();
    if (changed_) changed_(tls_);
  }
  asking_ = false;
  asked_.notify();
  arm();
}

Task<bool> Identities::no_ask() {
  constexpr milliseconds kAskMax{60'000};
  while (asking_) {
    Task<bool> changed = asked_.wait(kAskMax);
    if (!co_await changed) co_return false;
  }
  co_return true;
}

std::string Identities::accept(const std::string& name, Entry& e, KeyPair key, const Json& answer) {
  std::string refused = text_of(answer, "error");
  if (!refused.empty()) return refused;
  auto chain = CertificateChain::from_pem(text_of(answer, "chain"));
  if (!chain) return std::string("the server sent a certificate that cannot be read: ") + chain.error().why;
  auto certified = chain->leaf().public_key();
  if (!certified || !(*certified == key.public_key())) return "the server sent a certificate for another key";
  UnixSeconds now = clock_.unix_now();
  auto verified = verify_svid(*chain, bundle_, {.now = now, .ids = {e.id}});
  if (!verified)
    return std::string("the server sent a certificate that cannot be used: ") + verified.error().why;
  Validity next = validity_of(chain->leaf());
  if (e.held && !e.early && !may_replace(validity_of(e.held->chain.leaf()), next, now))
    return "the server sent a certificate that is no better than the present one";

  auto identity = std::make_shared<const Identity>(
      Identity{e.id, std::make_shared<const KeyPair>(std::move(key)), std::move(*chain)});
  // In use even if the disk is full: then only a restart would miss it.
  if (auto saved = save_identity(state_, name, *identity); !saved)
    log::warn("a new certificate is in use but not stored", {{"why", saved.error().what}});
  log::info(e.held ? "certificate renewed" : "certificate obtained",
            {{"id", e.id.uri()},
             {"serial", identity->chain.leaf().serial()},
             {"until", format_time(next.not_after)}});
  e.held = std::move(identity);
  e.jitter = random_.unit();
  e.failures = 0;
  e.early = false;
  e.problem.clear();
  return {};
}

void Identities::take_bundle(const std::string& pem) {
  // A signed document says more than an answer that may have been under way while it came.
  if (pem.empty() || trust_.number() > 0) return;
  auto bundle = TrustBundle::from_pem(node_.trust_domain, pem);
  if (!bundle) {
    log::warn("the server sent roots that cannot be used", {{"why", bundle.error().why}});
    return;
  }
  if (bundle->to_pem() == bundle_.to_pem()) return;
  if (auto saved = save_bundle(state_, *bundle); !saved) {
    log::warn("new roots cannot be stored and are not used", {{"why", saved.error().what}});
    return;
  }
  log::info("new roots of trust", {{"count", bundle->roots().size()}});
  bundle_ = std::move(*bundle);
  rebuild();
}

bool Identities::own_expired() const {
  auto own = entries_.find(std::string(kNodeIdentity));
  return own != entries_.end() && own->second.held &&
         state_of(validity_of(own->second.held->chain.leaf()), clock_.unix_now()) == CertState::expired;
}

// ---- whom to trust

Outcome<> Identities::take_trust(const SealedTrust& sealed) {
  if (auto taken = trust_.take(sealed, bundle_); !taken) return taken;
  use_trust();
  rebuild();
  log::info("trust taken", {{"number", trust_.number()},
                            {"roots", bundle_.roots().size()},
                            {"denied", trust_.denied()->serials.size() + trust_.denied()->ids.size()}});
  if (changed_) changed_(tls_);
  if (ask_ && !asking_) arm();
  return {};
}

void Identities::use_trust() {
  const TrustDoc& doc = trust_.doc();
  if (doc.number == 0) return;
  auto bundle = TrustBundle::from_pem(node_.trust_domain, doc.bundle);
  if (!bundle) {
    log::error("the server sent roots that cannot be used", {{"why", bundle.error().why}});
    return;
  }
  if (bundle->to_pem() != bundle_.to_pem()) {
    if (auto saved = save_bundle(state_, *bundle); !saved)
      log::warn("new roots are in use but not stored", {{"why", saved.error().what}});
    bundle_ = std::move(*bundle);
  }
  for (const Certificate& root : bundle_.roots()) {
    if (pin_of(root) != doc.root) continue;
    UnixSeconds now = clock_.unix_now();
    for (auto& [name, entry] : entries_) {
      if (!entry.held || entry.early) continue;
      bool denied = trust_.denied()->has_serial(entry.held->chain.leaf().serial());
      if (stands_under(entry, root) && !denied) continue;
      // Soon, and not all nodes at once.
      entry.early = true;
      entry.failures = 0;
      entry.retry = now + random_.below(3);
    }
  }
}

// Asked of the one verifier, with nothing but this root.
bool Identities::stands_under(const Entry& e, const Certificate& root) const {
  auto alone = TrustBundle::make(node_.trust_domain, {root});
  return alone && e.held &&
         verify_svid(e.held->chain, *alone, {.now = e.held->chain.leaf().not_after()}).has_value();
}

std::string Identities::under() const {
  for (const Certificate& root : bundle_.roots()) {
    if (pin_of(root) != trust_.doc().root) continue;
    bool all = std::all_of(entries_.begin(), entries_.end(),
                           [&](const auto& e) { return !e.second.held || stands_under(e.second, root); });
    if (all) return trust_.doc().root;
  }
  return {};
}

Task<Outcome<>> Identities::rotate(std::string name) {
  if (!ask_) co_return fail(Errc::draining, "this node stops");
  if (!name.empty() && !entries_.contains(name))
    co_return fail(Errc::not_found, "this node has no certificate '" + name + "'; see `meshd cert show`");
  for (auto& [key, entry] : entries_) {
    if (!name.empty() && key != name) continue;
    entry.early = true;
    entry.failures = 0;
    entry.retry = 0;
  }
  Task<bool> free = no_ask();
  if (!co_await free) co_return fail(Errc::draining, "another request for certificates does not end");
  Task<void> renewed = renew();
  co_await renewed;
  for (auto& [key, entry] : entries_)
    if ((name.empty() || key == name) && !entry.problem.empty())
      co_return fail(Errc::internal, key + ": " + entry.problem);
  co_return Outcome<>();
}

void Identities::rebuild() {
  TlsSettings settings;
  // The node's own first: it answers where no server name asks for another.
  settings.identities.push_back(*entries_.at(std::string(kNodeIdentity)).held);
  for (const auto& [name, entry] : entries_)
    if (name != kNodeIdentity && entry.held) settings.identities.push_back(*entry.held);
  settings.bundle = bundle_;
  settings.denied = trust_.denied();
  settings.alpn = {"h2"};
  settings.clock = &clock_;
  lost_ = time_.lost();
  if (lost_) settings.ahead = kAheadInGrace;
  auto server = TlsContext::server(settings);
  auto client = TlsContext::client(std::move(settings));
  if (server && client) {
    tls_ = {*server, *client};
    return;
  }
  log::error("new certificates cannot be used; the ones before stay",
             {{"why", server ? client.error().why : server.error().why}});
}

// ---- looking at it

std::vector<Identities::State> Identities::states() const {
  std::vector<State> out;
  UnixSeconds now = clock_.unix_now();
  for (const auto& [name, entry] : entries_) {
    State s{.name = name, .id = entry.id.uri(), .next_try = due(entry), .problem = entry.problem};
    if (entry.held) {
      s.held = true;
      s.validity = validity_of(entry.held->chain.leaf());
      s.serial = entry.held->chain.leaf().serial();
      s.state = state_of(s.validity, now);
    }
    out.push_back(std::move(s));
  }
  return out;
}

UnixSeconds Identities::alone_until() const {
  UnixSeconds first = kNever;
  for (const auto& [name, entry] : entries_)
    if (entry.held) first = std::min(first, entry.held->chain.leaf().not_after());
  return first;
}

}  // namespace meshd
