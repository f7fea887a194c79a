// SPDX-License-Identifier: Apache-2.0
// agent.cc: run() is the table of contents: serve_once (dial → hello → follow → handle → commit), pause, again.
#include "control/agent.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "base/log.h"
#include "control/figures.h"
#include "control/protocol.h"
#include "loop/task.h"

namespace meshd {

// What came since {"type":"snapshot"}.
struct Agent::Incoming {
  Revision revision;
  uint64_t base = 0;
  std::string sha256;
  std::vector<Object> objects;
  std::vector<ObjectKey> removed;
};

struct Agent::Session {
  Agent& agent;
  H2Client& client;
  LineSender out;
  Timer silence;
  std::optional<Incoming> incoming;
  std::set<std::string> watched;  // routes
  Timer report;
  std::shared_ptr<Session*> self = std::make_shared<Session*>(this);  // for answers that come after its end

  Session(Agent& a, H2Client& c)
      : agent(a), client(c), silence(Agent::silence, this), report(Agent::report_arms, this) {}
};

namespace {

// A node that is this far behind in reading our lines is not helped by more of them.
constexpr size_t kUnsentLinesMax = 1024 * 1024;
constexpr milliseconds kArmsEvery{1'000}, kTrialEvery{1'000};
constexpr size_t kWatchedMax = 100;
constexpr uint32_t kPauseDoublings = 6;
// A connection that ends sooner counts as a failed try.
constexpr int64_t kHeldSeconds = 5;

Json message(std::string_view type) {
  JsonObject j;
  j["type"] = json(type);
  return Json(std::move(j));
}

void set(Json& j, const char* key, Json value) { j.get<JsonObject>()[key] = std::move(value); }

}  // namespace

milliseconds reconnect_pause(uint32_t failures, double jitter) {
  int64_t full = std::min<int64_t>(100LL << std::min(failures, kPauseDoublings), 5'000);
  return milliseconds(full - static_cast<int64_t>(static_cast<double>(full) / 2 * jitter));
}

Agent::Agent(Parts parts)
    : parts_(std::move(parts)),
      random_(std::hash<std::string>()(parts_.node.node) ^
              static_cast<uint64_t>(parts_.time.clock().now().ns)),
      pause_timer_(pause_over, this),
      trial_timer_(watch_trial, this),
      epoch_(static_cast<int64_t>(random_.next() >> 1)) {}

Agent::~Agent() = default;

Outcome<> Agent::start() {
  auto at = SocketAddress::parse(parts_.node.control);
  auto id = SpiffeId::parse(parts_.node.server_id);
  if (!at || !id)
    return fail(Errc::invalid_argument, "node.json names no server that can be dialled: control is '" +
                                            parts_.node.control + "' (an ip:port is needed)");
  server_ = {*at, {*id}};
  state_.since = parts_.time.clock().unix_now();
  state_.problem = kNotTried;
  done_ = false;
  if (parts_.trial && parts_.trial->active()) trial_timer_.start(kTrialEvery);
  spawn(run());
  return {};
}

void Agent::stop() {
  stopping_ = true;
  if (session_) session_->client.close({Errc::cancelled, Side::self, "this node stops"});
  pause_timer_.stop();
  trial_timer_.stop();
  if (pause_.waiting()) pause_.complete(false);
}

// ---- the life of the connection

Task<void> Agent::run() {
  uint32_t failures = 0;
  while (!stopping_) {
    Task<Outcome<>> served = serve_once();
    Outcome<> ended = co_await served;
    bool held = state_.connected && parts_.time.clock().unix_now() - state_.since >= kHeldSeconds;
    failures = held ? 0 : failures + 1;
    bool was_connected = std::exchange(state_.connected, false);
    std::string why = ended ? "the server ended the connection" : ended.error().what;
    if (stopping_) break;
    if (was_connected || why != state_.problem) log::warn("away from the server", {{"why", why}});
    if (was_connected) state_.since = parts_.time.clock().unix_now();
    state_.problem = std::move(why);
    pause_timer_.start(reconnect_pause(failures, random_.unit()));
    co_await pause_;
  }
  done_ = true;
}

void Agent::pause_over(void* self) { static_cast<Agent*>(self)->pause_.complete(true); }

namespace {

// What was said last, such as why a snapshot is refused, shall still arrive: the stream ends in order, and the
// connection closes when the server has ended it too, or after a moment.
struct Farewell final : H2ClientObserver {
  static constexpr milliseconds kLimit{500};
  H2Client& client;
  bool settled = false;
  Op<bool> over;
  Timer limit{[](void* self) { static_cast<Farewell*>(self)->settle(); }, this};

  explicit Farewell(H2Client& c) : client(c) {}
  void h2_changed(H2Client&) override {
    if (client.closed()) settle();
  }
  void settle() {
    if (!std::exchange(settled, true)) over.complete(true);
  }
  static Task<void> say(H2Client& client) {
    if (!client.closed()) {
      Farewell farewell(client);
      farewell.limit.start(kLimit);
      client.observe(&farewell);
      client.drain();
      co_await farewell.over;
      client.observe(nullptr);
    }
    client.close({Errc::cancelled, Side::self, "the session is over"});
  }
};

}  // namespace

Task<Outcome<>> Agent::serve_once() {
  auto client = co_await dial_server(server_, parts_.tls());
  if (!client) co_return fail(client.error());
  if (stopping_) co_return Outcome<>();
  Session session(*this, **client);
  session_ = &session;

  // The hello is the body's first line: the server answers when it has read it.
  say_hello(session);
  Request request;
  request.head = control_request("/v1/sync", server_.at);
  request.body = session.out.body();
  session.silence.start(kSilenceMax);
  auto response = co_await (*client)->call(request);
  Outcome<> ended;
  if (!response) {
    ended = fail(link_error(server_.at, response.error()));
  } else if (response->head.status != 200 || !response->body) {
    std::string text;
    if (response->body)
      if (auto read = co_await read_all(*response->body, kControlLineMax); read) text = *read;
    auto answer = parse_json(text);
    std::string why = answer ? text_of(*answer, "error") : "";
    ended = fail(Errc::denied, "the server at " + server_.at.text() + " refuses this node" +
                                   (why.empty() ? "" : ": " + why));
  } else {
    state_.connected = true;
    state_.since = parts_.time.clock().unix_now();
    state_.problem.clear();
    ++state_.connects;
    log::info("in step with the server", {{"server", server_.at.text()}});
    Task<Outcome<>> followed = follow(session, *response->body);
    ended = co_await followed;
  }
  session_ = nullptr;
  session.silence.stop();
  session.report.stop();
  session.out.finish();
  Task<void> over = Farewell::say(**client);
  co_await over;
  co_return ended;
}

void Agent::say_hello(Session& session) {
  Json hello = message("hello");
  const SealedSnapshot& have = parts_.live.sealed();
  bool anything = parts_.live.snapshot() && !std::exchange(from_nothing_, false);
  set(hello, "revision", json(anything ? static_cast<int64_t>(have.stored.revision.value) : int64_t{0}));
  set(hello, "sha256", json(anything ? have.sha256 : ""));
  set(hello, "version", json(parts_.version));
  set(hello, "address", json(parts_.node.address));
  set(hello, "mesh_port", json(int64_t{parts_.node.mesh_port}));
  set(hello, "zone", json(parts_.node.zone));
  said_under_ = parts_.identities.under();
  set(hello, "trust", json(static_cast<int64_t>(parts_.identities.trust().number())));
  set(hello, "under", json(said_under_));
  session.out.send(hello);
  health_changed();
}

void Agent::trust_changed() {
  if (session_ == nullptr || parts_.identities.under() == said_under_) return;
  say_trusted(*session_);
}

void Agent::say_trusted(Session& session) {
  said_under_ = parts_.identities.under();
  Json j = message("trusted");
  set(j, "number", json(static_cast<int64_t>(parts_.identities.trust().number())));
  set(j, "under", json(said_under_));
  session.out.send(j);
}

void Agent::silence(void* self) {
  auto& session = *static_cast<Session*>(self);
  session.client.close({Errc::timeout, Side::upstream, "the server has been silent for too long"});
}

void Agent::health_changed() {
  if (session_ == nullptr) return;
  Json j = message("health");
  set(j, "down", down_to_json(parts_.health.own_down()));
  session_->out.send(j);
}

void Agent::report_arms(void* raw) {
  auto& session = *static_cast<Session*>(raw);
  session.report.start(kArmsEvery);
  session.agent.parts_.collect([weak = std::weak_ptr(session.self)](MetricsCopy metrics) {
    auto alive = weak.lock();
    if (!alive) return;
    Session& s = **alive;
    JsonArray arms;
    for (const auto& [key, figures] : arm_figures(metrics, s.watched)) {
      Json arm = figures_json(figures);
      set(arm, "route", json(key.first));
      set(arm, "arm", json(key.second));
      arms.push_back(std::move(arm));
    }
    Json line = message("arms");
    set(line, "epoch", json(s.agent.epoch_));
    set(line, "arms", Json(std::move(arms)));
    if (s.out.queued() < kUnsentLinesMax) s.out.send(line);
  });
}

void Agent::say(const Json& line) {
  if (session_ != nullptr && state_.connected && session_->out.queued() < kUnsentLinesMax)
    session_->out.send(line);
}

// ---- what the server says

Task<Outcome<>> Agent::follow(Session& session, Body& body) {
  LineReader lines(body);
  for (;;) {
    auto line = co_await lines.next();
    if (!line) {
      if (line.error().code == Errc::closed) co_return Outcome<>();
      co_return fail(link_error(server_.at, line.error()));
    }
    session.silence.start(kSilenceMax);
    if (parts_.trial) parts_.trial->heard();
    Task<Outcome<>> handled = handle(session, std::move(*line));
    auto ok = co_await handled;
    if (!ok) co_return ok;
    // Taking a snapshot may have lasted; what came meanwhile waits to be read.
    session.silence.start(kSilenceMax);
  }
}

Task<Outcome<>> Agent::handle(Session& session, std::string line) {
  auto j = parse_json(line);
  if (!j) co_return fail(Errc::protocol, "the server sent a line that is not JSON: " + j.error().what);
  std::string type = text_of(*j, "type");
  if (type == "snapshot") {
    session.incoming.emplace();
    session.incoming->revision = {static_cast<uint64_t>(int_of(*j, "revision"))};
    session.incoming->base = static_cast<uint64_t>(int_of(*j, "base"));
    session.incoming->sha256 = text_of(*j, "sha256");
  } else if (type == "object" && session.incoming) {
    auto object = decode_object(to_text(member(*j, "object")));
    if (!object)
      co_return fail(Errc::protocol, "the server sent an object that cannot be read: " + object.error().what);
    session.incoming->objects.push_back(std::move(*object));
  } else if (type == "remove" && session.incoming) {
    session.incoming->removed.push_back({text_of(*j, "kind"), text_of(*j, "name")});
  } else if (type == "commit" && session.incoming) {
    Task<Outcome<>> committed = commit(session, static_cast<uint64_t>(int_of(*j, "revision")));
    co_return co_await committed;
  } else if (type == "trust") {
    auto taken = parts_.identities.take_trust(trust_from_json(*j));
    if (taken)
      say_trusted(session);
    else
      log::error("what the server says of trust is not taken", {{"why", taken.error().what}});
    state_.trust_refused = taken ? "" : taken.error().what;
  } else if (type == "health") {
    parts_.health.set_server(down_from_json(member(*j, "down")));
  } else if (type == "trial" && parts_.trial) {
    take_trial(*j);
  } else if (type == "watch") {
    session.watched.clear();
    for (const Json& route : list_of(*j, "routes"))
      if (route.is<std::string>() && session.watched.size() < kWatchedMax)
        session.watched.insert(route.get<std::string>());
    session.report.stop();
    if (!session.watched.empty() && parts_.collect) session.report.start(milliseconds(0));
  } else if (type == "shares") {
    if (parts_.shares) parts_.shares(*j);
  } else if (type == "ping") {
    parts_.time.told(std::max<int64_t>(int_of(*j, "time", parts_.time.clock().unix_now()), 0));
    Json status = message("status");
    Json mine = parts_.status();
    if (mine.is<JsonObject>())
      for (auto& [key, value] : mine.get<JsonObject>()) set(status, key.c_str(), std::move(value));
    if (session.out.queued() < kUnsentLinesMax) session.out.send(status);
  } else if (parts_.other) {
    parts_.other(type, *j);
  }
  co_return Outcome<>();
}

Task<Outcome<>> Agent::commit(Session& session, uint64_t revision) {
  Incoming in = std::move(*session.incoming);
  session.incoming.reset();
  const SealedSnapshot& have = parts_.live.sealed();
  Outcome<> taken;
  if (in.revision.value != revision) {
    taken = fail(Errc::protocol, "the snapshot and its commit differ in revision");
  } else if (in.base != 0 && in.base != have.stored.revision.value) {
    taken = fail(Errc::conflict, "the change is against revision " + std::to_string(in.base) +
                                     ", this node has " + std::to_string(have.stored.revision.value));
  } else {
    std::vector<Object> base = in.base == 0 ? std::vector<Object>() : have.stored.objects;
    SealedSnapshot next =
        seal({in.revision, apply(std::move(base), {std::move(in.objects), std::move(in.removed)})});
    if (next.sha256 != in.sha256) {
      taken = fail(Errc::protocol, "the snapshot's checksum does not fit what was received");
    } else {
      Task<Outcome<>> taking = take(std::move(next));
      taken = co_await taking;
    }
  }
  Json answer = message(taken ? "ack" : "nack");
  set(answer, "revision", json(static_cast<int64_t>(revision)));
  if (taken) {
    log::info("snapshot in use", {{"revision", revision}});
    state_.refused.clear();
  } else {
    log::error("snapshot refused; the one before stays",
               {{"revision", revision}, {"why", taken.error().what}});
    set(answer, "error", json(taken.error().what));
    state_.refused = "revision " + std::to_string(revision) + ": " + taken.error().what;
  }
  session.out.send(answer);
  // What does not fit together now would not fit the next time either: begin anew, from nothing.
  from_nothing_ = !taken && (taken.error().code == Errc::protocol || taken.error().code == Errc::conflict);
  if (from_nothing_) co_return taken;
  co_return Outcome<>();
}

// As LiveConfig::take, with the way back of a trial on disk before.
Task<Outcome<>> Agent::take(SealedSnapshot next) {
  if (taking_) co_return fail(Errc::conflict, "this node is on its way back to the confirmed snapshot");
  Revision revision = next.stored.revision;
  if (parts_.trial)
    if (auto kept = parts_.trial->before(revision, parts_.live.sealed()); !kept) co_return kept;
  if (parts_.trial && parts_.trial->active()) trial_timer_.start(kTrialEvery);
  taking_ = true;
  Task<Outcome<>> taking = parts_.live.take(std::move(next));
  Outcome<> taken = co_await taking;
  taking_ = false;
  if (taken && parts_.trial) parts_.trial->after(revision);
  co_return taken;
}

// ---- revisions that must be confirmed

void Agent::take_trial(const Json& line) {
  TrialTerms terms = terms_of(line);
  if (flag_of(line, "confirmed"))
    parts_.trial->confirmed(terms.revision);
  else
    parts_.trial->announce(terms);
}

void Agent::watch_trial(void* raw) {
  auto& self = *static_cast<Agent*>(raw);
  if (!self.parts_.trial->active() || self.stopping_) return;
  self.trial_timer_.start(kTrialEvery);
  if (self.taking_) return;
  if (auto why = self.parts_.trial->due()) return spawn(self.go_back(std::move(*why)));
  if (!self.parts_.trial->guarded() || !self.parts_.collect) return;
  self.parts_.collect([weak = std::weak_ptr(self.self_)](MetricsCopy metrics) {
    if (auto agent = weak.lock()) (*agent)->parts_.trial->count(node_figures(metrics));
  });
}

Task<void> Agent::go_back(std::string why) {
  auto kept = parts_.trial->kept();
  if (!kept) {
    log::error("there is no way back", {{"why", kept.error().what}});
    parts_.trial->went_back(why + "; but " + kept.error().what);
    co_return;
  }
  Json line = message("back");
  set(line, "revision", json(static_cast<int64_t>(parts_.live.sealed().stored.revision.value)));
  set(line, "sha256", json(kept->sha256));
  set(line, "why", json(why));
  bool lost = parts_.trial->lost();
  taking_ = true;
  Task<Outcome<>> taking = parts_.live.take(std::move(*kept));
  Outcome<> taken = co_await taking;
  taking_ = false;
  if (!taken) {  // the next second tries again
    log::error("the confirmed snapshot cannot be taken", {{"why", taken.error().what}});
    co_return;
  }
  parts_.trial->went_back(why);
  if (session_ == nullptr) co_return;
  // That this node was lost, or stood still, says nothing of the change: nobody else goes back for it.
  if (lost)
    session_->client.close({Errc::timeout, Side::upstream, "the server was lost during a trial"});
  else
    session_->out.send(line);
}

// ---- certificates

Task<Outcome<Json>> Agent::ask_certificates(Json body) {
  auto client = co_await dial_server(server_, parts_.tls());
  if (!client) co_return fail(client.error());
  RequestHead head = control_request("/v1/certificates", server_.at);
  Task<Outcome<Json>> asked = post_json(**client, std::move(head), std::move(body));
  Outcome<Json> answer = co_await asked;
  (*client)->close({Errc::cancelled, Side::self, "done"});
  co_return answer;
}

Task<Outcome<Json>> Agent::ask_recovery(Json body) {
  Outcome<Json> answer = fail(Errc::identity, "this node knows no root");
  // While roots rotate there are two, and one of them is the server's.
  std::vector<Certificate> roots = parts_.identities.bundle().roots();
  for (const Certificate& root : roots) {
    TlsSettings settings;
    settings.check = PeerCheck::pin;
    settings.pin = pin_of(root);
    settings.trust_domain = parts_.node.trust_domain;
    settings.alpn = {"h2"};
    settings.clock = &parts_.time.clock();
    auto tls = TlsContext::client(std::move(settings));
    if (!tls) co_return fail(Errc::internal, tls.error().why);
    auto client = co_await dial_server(server_, *tls);
    if (!client) {
      answer = fail(client.error());
      if (client.error().code == Errc::identity) continue;
      co_return answer;
    }
    RequestHead head = control_request("/v1/recover", server_.at);
    Task<Outcome<Json>> asked = post_json(**client, std::move(head), body);
    answer = co_await asked;
    (*client)->close({Errc::cancelled, Side::self, "done"});
    co_return answer;
  }
  co_return answer;
}

}  // namespace meshd
