// SPDX-License-Identifier: Apache-2.0
#include "control/health_check.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "control/grpc_health.h"
#include "http/h1_client.h"
#include "loop/loop.h"
#include "net/tcp_stream.h"

namespace meshd {

struct HealthCheck::Target {
  HealthCheck* owner;  // null once it is not checked any more
  EndpointId id;
  std::string service;
  SocketAddress at;
  model::Health health;
  Checked state;
  uint32_t streak = 0;  // answers in a row against the present state
  Timer timer;

  explicit Target(HealthCheck* o) : owner(o), timer(tick, this) {}
  bool same(const SocketAddress& a, const model::Health& h) const {
    return at == a && health.kind == h.kind && health.path == h.path &&
           health.grpc_service == h.grpc_service && health.status_min == h.status_min &&
           health.status_max == h.status_max && health.interval == h.interval &&
           health.timeout == h.timeout && health.fall == h.fall && health.rise == h.rise;
  }
};

namespace {

std::string words_for(const Error& e) {
  if (e.code == Errc::refused) return "connect refused";
  if (e.code == Errc::identity) return "another program has the port";
  return std::string(name_of(e.code));
}

void end_call(void* cancellation) {
  static_cast<Cancellation*>(cancellation)
      ->fire({Errc::timeout, Side::upstream, "the health check took too long"});
}

Task<std::string> ask_http(std::unique_ptr<TcpStream> tcp, model::Health health, milliseconds limit) {
  Request request;
  request.head.set_method("GET");
  request.head.set_scheme("http");
  request.head.set_authority(tcp->peer().text());
  request.head.set_path(health.path.empty() ? "/" : health.path);
  request.head.add("user-agent", "meshd-health");
  Cancellation cancellation;
  request.cancellation = &cancellation;
  Timer timer(end_call, &cancellation);
  timer.start(limit);
  std::unique_ptr<ByteStream> stream = std::move(tcp);
  H1Client client(std::move(stream));
  auto response = co_await client.call(request);
  if (!response) co_return words_for(response.error());
  uint16_t status = response->head.status;
  if (status >= health.status_min && status <= health.status_max) co_return std::string();
  co_return "http " + std::to_string(status);
}

Task<std::string> ask(Task<Result<std::unique_ptr<TcpStream>>> connecting, model::Health health) {
  Instant begin = Loop::current().now();
  auto tcp = co_await std::move(connecting);
  if (!tcp) co_return words_for(tcp.error());
  if (health.kind == model::HealthKind::tcp) co_return std::string();
  auto spent = std::chrono::duration_cast<milliseconds>(Loop::current().now() - begin);
  milliseconds left = std::max(health.timeout - spent, milliseconds(1));
  if (health.kind == model::HealthKind::http)
    co_return co_await ask_http(std::move(*tcp), std::move(health), left);
  GrpcHealthQuestion question{(*tcp)->peer().text(), std::move(health.grpc_service), left};
  std::unique_ptr<ByteStream> stream = std::move(*tcp);
  co_return co_await ask_grpc_health(std::move(stream), std::move(question));
}

}  // namespace

Task<std::string> ask_health(SocketAddress at, model::Health health) {
  return ask(tcp_connect(at, health.timeout), health);
}

HealthCheck::HealthCheck(std::string node, std::function<void()> changed, Dial dial)
    : node_(std::move(node)),
      changed_(std::move(changed)),
      dial_(std::move(dial)),
      random_(std::hash<std::string>()(node_)) {}

HealthCheck::~HealthCheck() { stop(); }

void HealthCheck::stop() {
  for (auto& [id, target] : targets_) {
    target->owner = nullptr;
    target->timer.stop();
  }
  targets_.clear();
}

void HealthCheck::follow(const SnapshotPtr& snapshot) {
  std::map<EndpointId, std::shared_ptr<Target>> next;
  for (const auto& service : snapshot->services) {
    if (service->health == nullptr) continue;
    for (const Endpoint& e : service->endpoints) {
      if (!e.status.empty() || e.port == 0 || (!e.outside() && e.node != node_)) continue;
      auto at = SocketAddress::from_ip(e.outside() ? e.address : e.app_address, e.port);
      if (!at) continue;
      auto old = targets_.find(e.id);
      if (old != targets_.end() && old->second->same(*at, *service->health)) {
        next[e.id] = old->second;
        continue;
      }
      auto target = std::make_shared<Target>(this);
      target->id = e.id;
      target->service = service->name;
      target->at = *at;
      target->health = *service->health;
      target->state.outside = e.outside();
      // Checks that begin together do not stay together.
      target->timer.start(milliseconds(random_.below(50)));
      next[e.id] = std::move(target);
    }
  }
  bool lost = false;
  for (auto& [id, target] : targets_) {
    auto kept = next.find(id);
    if (kept != next.end() && kept->second == target) continue;
    lost |= target->state.down;
    target->owner = nullptr;
    target->timer.stop();
  }
  targets_ = std::move(next);
  if (lost) changed_();
}

void HealthCheck::tick(void* target) {
  auto& t = *static_cast<Target*>(target);
  if (t.owner == nullptr) return;
  spawn(probe(t.owner->targets_.at(t.id)));
}

Task<void> HealthCheck::probe(std::shared_ptr<Target> target) {
  const HealthCheck::Dial& dial = target->owner->dial_;
  Task<std::string> asked = dial ? ask(dial(target->id, target->at, target->health.timeout), target->health)
                                 : ask_health(target->at, target->health);
  std::string failure = co_await asked;
  if (target->owner == nullptr) co_return;
  target->owner->learn(*target, failure);
}

void HealthCheck::learn(Target& t, const std::string& failure) {
  bool down = !failure.empty();
  if (down) t.state.reason = failure;
  if (down == t.state.down && t.state.known) {
    t.streak = 0;
  } else {
    ++t.streak;
    uint32_t needed = !t.state.known ? 1 : down ? t.health.fall : t.health.rise;
    if (t.streak >= needed) {
      bool turned = t.state.down != down;
      t.state.known = true;
      t.state.down = down;
      t.streak = 0;
      if (!down) t.state.reason.clear();
      if (turned) {
        log::info(down ? "instance is down" : "instance is up",
                  {{"service", t.service}, {"address", t.at.text()}, {"why", down ? failure : "it answers"}});
        changed_();
      }
    }
  }
  // Up to a tenth sooner, so that many nodes do not ask one address in step; never later, so that `fall` and `rise`
  // intervals are the most that it takes to be seen.
  auto interval = t.health.interval.count();
  t.timer.start(
      milliseconds(interval - random_.below(static_cast<uint32_t>(std::max<int64_t>(interval / 10, 1)))));
}

std::map<EndpointId, HealthCheck::Checked> HealthCheck::results() const {
  std::map<EndpointId, Checked> out;
  for (const auto& [id, target] : targets_) out[id] = target->state;
  return out;
}

}  // namespace meshd
