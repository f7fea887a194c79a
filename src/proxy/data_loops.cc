// SPDX-License-Identifier: Apache-2.0
// data_loops.cc: the threads of the data plane, and the mail between them and the control thread.
#include "proxy/data_loops.h"

#include <future>
#include <thread>

#include "base/log.h"
#include "loop/loop.h"
#include "net/listener.h"
#include "proxy/data_plane.h"
#include "proxy/owner_report.h"

namespace meshd {
namespace {

// Users come and go: /etc/passwd is looked up again this often. Cgroups need none of it: they are looked up as they are met.
constexpr milliseconds kOwnersEvery{1'000};
// What a loop may need to let go of everything after it was told to stop.
constexpr milliseconds kShutLimit{2'000};

// One thread. Its Loop and DataPlane live on it; the pointers are for mail only.
struct Worker {
  std::thread thread;
  Loop* loop = nullptr;
  DataPlane* plane = nullptr;
};

struct Started {
  Outcome<> outcome;
  Loop* loop = nullptr;
  DataPlane* plane = nullptr;
};

void work(const NodeSettings& settings, NodeTls tls, SharedByLoops shared, Loop& control,
          const DataLoops::AccessSink& access, std::promise<Started> started) {
  Loop loop;
  auto ship = [&control, &access](std::vector<AccessRecord> records) {
    // A control thread that cannot keep up loses log lines, never requests.
    control.post([&access, records = std::move(records)]() mutable { access(std::move(records)); });
  };
  auto plane = std::make_unique<DataPlane>(loop, settings, std::move(tls), std::move(shared), ship);
  Outcome<> listening = plane->listen_mesh();
  bool ok = listening.has_value();
  started.set_value({std::move(listening), &loop, plane.get()});
  if (ok) loop.run();
  plane->shut();
  bool late = false;
  Timer limit([](void* flag) { *static_cast<bool*>(flag) = true; }, &late);
  limit.start(kShutLimit);
  loop.run_until([&] { return late || loop.tasks() == 0; });
  if (late) {
    // Something still waits: its memory must outlive it. The process is ending anyway.
    log::warn("a data loop did not come to rest", {{"tasks", loop.tasks()}});
    std::quick_exit(1);
  }
}

}  // namespace

struct DataLoops::Impl {
  NodeSettings settings;
  AccessSink access;
  Loop& control = Loop::current();
  std::vector<std::unique_ptr<Worker>> workers;
  SharedByLoops shared;
  std::function<void(const std::string&)> keys_wanted;
  TokenVerifiers tokens;
  SnapshotPtr snapshot;
  // The control thread's own look at who is who; a health check that is under way keeps it.
  struct Owners {
    std::shared_ptr<const OwnerTable> table;
    CgroupNames cgroups;
    PortGuard guard{cgroups, [this] { return table.get(); }, [](std::string_view) {}};
  };
  std::shared_ptr<Owners> owners = std::make_shared<Owners>();
  Timer refresh{[](void* self) { static_cast<Impl*>(self)->refresh_owners(); }, this};
  // Answers that come after this object is gone find nothing to do.
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);

  // Runs `ask` on every loop, then `done` here with all answers.
  template <class T>
  void ask_all(std::function<T(DataPlane&)> ask, std::function<void(std::vector<T>)> done);
  void refresh_owners();
};

template <class T>
void DataLoops::Impl::ask_all(std::function<T(DataPlane&)> ask, std::function<void(std::vector<T>)> done) {
  struct Round {
    std::vector<T> answers;
    size_t missing;
    std::function<void(std::vector<T>)> done;
  };
  auto round = std::make_shared<Round>();  // touched on the control thread only
  round->missing = workers.size();
  round->done = std::move(done);
  for (auto& w : workers) {
    w->loop->post([ask, plane = w->plane, &control = control, round, alive = alive]() mutable {
      control.post([answer = ask(*plane), round = std::move(round), alive = std::move(alive)]() mutable {
        round->answers.push_back(std::move(answer));
        if (--round->missing == 0 && *alive) round->done(std::move(round->answers));
      });
    });
  }
}

Outcome<std::unique_ptr<DataLoops>> DataLoops::start(NodeSettings settings, NodeTls tls, AccessSink access) {
  if (Outcome<> is_free = check_port_free(settings.mesh); !is_free) return fail(is_free.error());
  auto impl = std::make_unique<Impl>();
  impl->settings = std::move(settings);
  impl->access = std::move(access);
  auto loops = std::make_unique<DataLoops>(std::move(impl));
  Impl& i = *loops->impl_;
  i.shared.want_keys = [&i, &control = i.control, alive = i.alive](const std::string& issuer) {
    control.post([&i, alive, issuer] {
      if (*alive && i.keys_wanted) i.keys_wanted(issuer);
    });
  };
  for (unsigned n = 0; n < i.settings.threads; ++n) {
    std::promise<Started> promise;
    std::future<Started> future = promise.get_future();
    auto worker = std::make_unique<Worker>();
    worker->thread = std::thread([&i, tls, promise = std::move(promise)]() mutable {
      work(i.settings, std::move(tls), i.shared, i.control, i.access, std::move(promise));
    });
    Started started = future.get();
    worker->loop = started.loop;
    worker->plane = started.plane;
    if (!started.outcome) {
      worker->thread.join();
      return fail(started.outcome.error());
    }
    i.workers.push_back(std::move(worker));
  }
  return loops;
}

DataLoops::DataLoops(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

DataLoops::~DataLoops() {
  *impl_->alive = false;
  for (auto& w : impl_->workers) w->loop->post([loop = w->loop] { loop->stop(); });
  for (auto& w : impl_->workers) w->thread.join();
}

void DataLoops::swap(SnapshotPtr snapshot, std::function<void(std::vector<ListenProblem>)> done) {
  Impl& i = *impl_;
  i.snapshot = std::move(snapshot);
  i.owners->table = std::make_shared<const OwnerTable>(
      resolve_owners(*i.snapshot, i.settings.name, i.settings.trust_domain));
  if (!i.refresh.armed()) i.refresh.start(kOwnersEvery);
  i.ask_all<std::vector<ListenProblem>>(
      [snapshot = i.snapshot, owners = i.owners->table, tokens = i.tokens.of(*i.snapshot)](DataPlane& p) {
        p.set_tokens(tokens);
        return p.swap(snapshot, owners);
      },
      [done = std::move(done)](std::vector<std::vector<ListenProblem>> answers) {
        // Every loop opens the same ports: one loop's problems are everybody's.
        done(answers.empty() ? std::vector<ListenProblem>() : std::move(answers.front()));
      });
}

void DataLoops::Impl::refresh_owners() {
  refresh.start(kOwnersEvery);
  auto now =
      std::make_shared<const OwnerTable>(resolve_owners(*snapshot, settings.name, settings.trust_domain));
  if (*now == *owners->table) return;
  owners->table = now;
  for (auto& w : workers) w->loop->post([plane = w->plane, now] { plane->set_owners(now); });
}

void DataLoops::set_tls(NodeTls tls) {
  for (auto& w : impl_->workers) w->loop->post([plane = w->plane, tls] { plane->set_tls(tls); });
}

void DataLoops::set_down(std::shared_ptr<const DownEndpoints> down) {
  for (auto& w : impl_->workers) w->loop->post([plane = w->plane, down] { plane->set_down(down); });
}

void DataLoops::on_keys_wanted(std::function<void(const std::string&)> wanted) {
  impl_->keys_wanted = std::move(wanted);
}

const std::shared_ptr<RateBudgets>& DataLoops::budgets() const { return impl_->shared.budgets; }

void DataLoops::set_shadow(ShadowOrderPtr order) {
  for (auto& w : impl_->workers) w->loop->post([plane = w->plane, order] { plane->set_shadow(order); });
}

void DataLoops::collect_shadow(std::function<void(ShadowCounts)> done) {
  impl_->ask_all<ShadowCounts>(
      [](DataPlane& p) { return p.shadow() ? p.shadow()->counts() : ShadowCounts(); },
      [done = std::move(done)](std::vector<ShadowCounts> all) { done(merge(all)); });
}

void DataLoops::collect_flows(std::function<void(FlowBatch)> done) {
  impl_->ask_all<FlowBatch>([](DataPlane& p) { return p.flows().take(); },
                            [done = std::move(done)](std::vector<FlowBatch> all) {
                              FlowBatch sum;
                              for (FlowBatch& batch : all) sum.add(std::move(batch), kFlowsMax * all.size());
                              done(std::move(sum));
                            });
}

void DataLoops::collect(std::function<void(MetricsCopy)> done) {
  impl_->ask_all<MetricsCopy>(
      [](DataPlane& p) { return p.metrics(); },
      [done = std::move(done)](std::vector<MetricsCopy> copies) { done(merge(copies)); });
}

void DataLoops::look(std::function<void(std::vector<EndpointViews>)> done) {
  impl_->ask_all<EndpointViews>([](DataPlane& p) { return p.view(); }, std::move(done));
}

namespace {

template <class Owners>
Task<Result<std::unique_ptr<TcpStream>>> dial_for(std::shared_ptr<Owners> owners, EndpointId endpoint,
                                                  SocketAddress at, milliseconds limit) {
  co_return co_await owners->guard.connect(endpoint, at, limit);
}

}  // namespace

Task<Result<std::unique_ptr<TcpStream>>> DataLoops::dial(EndpointId endpoint, SocketAddress at,
                                                         milliseconds limit) {
  return dial_for(impl_->owners, endpoint, at, limit);
}

Json DataLoops::workloads() {
  Impl& i = *impl_;
  if (!i.owners->table) return Json(JsonArray());
  return workloads_json({*i.snapshot, i.settings.name, *i.owners->table, i.owners->cgroups, i.owners->guard});
}

CheckList DataLoops::host_checks() {
  Impl& i = *impl_;
  if (!i.owners->table) return {};
  return owner_checks({*i.snapshot, i.settings.name, *i.owners->table, i.owners->cgroups, i.owners->guard});
}

namespace {

Task<void> drain_and_tell(DataPlane& plane, milliseconds deadline, std::move_only_function<void()> tell) {
  co_await plane.drain(deadline);
  tell();
}

}  // namespace

void DataLoops::drain(milliseconds deadline, std::function<void()> done) {
  Impl& i = *impl_;
  auto missing = std::make_shared<size_t>(i.workers.size());
  for (auto& w : i.workers) {
    std::move_only_function<void()> tell = [&control = i.control, missing, done, alive = i.alive] {
      control.post([missing, done, alive] {
        if (--*missing == 0 && *alive) done();
      });
    };
    w->loop->post([plane = w->plane, deadline, tell = std::move(tell)]() mutable {
      spawn(drain_and_tell(*plane, deadline, std::move(tell)));
    });
  }
}

}  // namespace meshd
