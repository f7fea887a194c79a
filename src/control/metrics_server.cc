// SPDX-License-Identifier: Apache-2.0
#include "control/metrics_server.h"

#include <utility>
#include <vector>

#include "control/node_status.h"
#include "http/h1_server.h"

namespace meshd {

MetricsServer::MetricsServer(Parts parts)
    : parts_(std::move(parts)),
      golden_(registry_),
      connected_(
          registry_.gauges({"meshd_server_connected", "1 while this node is in step with its server.", {}})),
      rss_(registry_.gauges({"process_resident_memory_bytes", "Memory in RAM.", {}})),
      files_(registry_.gauges({"process_open_fds", "Open file descriptors.", {}})),
      cpu_(registry_.gauges({"meshd_process_cpu_microseconds", "CPU time used since the start.", {}})),
      dropped_(
          registry_.gauges({"meshd_access_records_dropped", "Access records lost since the start.", {}})) {
  golden_.set_build_info(parts_.version);
}

MetricsServer::~MetricsServer() = default;

Outcome<std::unique_ptr<MetricsServer>> MetricsServer::open(const SocketAddress& at, Parts parts) {
  if (at.port() != 0)
    if (auto free = check_port_free(at); !free) return fail(free.error());
  std::unique_ptr<MetricsServer> self(new MetricsServer(std::move(parts)));
  auto listener = Listener::open(at, [raw = self.get()](std::unique_ptr<TcpStream> s) {
    spawn(serve_h1(std::unique_ptr<ByteStream>(std::move(s)), *raw, raw->group_, H1ServerOptions()));
  });
  if (!listener) return fail(listener.error());
  self->listener_ = std::move(*listener);
  return self;
}

Task<Result<Response>> MetricsServer::call(Request& request) {
  std::string path(request.head.path_only());
  if (request.head.method() != "GET" && request.head.method() != "HEAD") {
    Response response = make_text_response(405, "text/plain", "only GET and HEAD are answered here\n");
    response.head.add("allow", "GET, HEAD");
    co_return response;
  }
  if (path == "/metrics") {
    Task<Result<Response>> answer = metrics();
    co_return co_await answer;
  }
  if (path == "/healthz/live") co_return make_text_response(200, "text/plain", "live\n");
  if (path == "/healthz/ready") {
    std::string why = parts_.not_ready();
    co_return make_text_response(why.empty() ? 200 : 503, "text/plain", why.empty() ? "ready\n" : why + "\n");
  }
  co_return make_text_response(404, "text/plain", "there are /metrics, /healthz/live and /healthz/ready\n");
}

Task<Result<Response>> MetricsServer::metrics() {
  Op<MetricsCopy> collected;
  parts_.collect([&collected](MetricsCopy copy) { collected.complete(std::move(copy)); });
  std::vector<MetricsCopy> copies;
  copies.push_back(co_await collected);
  copies.push_back(of_process());
  std::string text = expose_prometheus(merge(copies));
  co_return make_text_response(200, kPrometheusType, text);
}

MetricsCopy MetricsServer::of_process() {
  for (const std::string& id : identities_shown_) golden_.forget_certificate(id);
  identities_shown_.clear();
  for (const Identities::State& s : parts_.identities.states()) {
    if (!s.held) continue;
    golden_.set_certificate_expiry(s.id, s.validity.not_after);
    identities_shown_.push_back(s.id);
  }
  ProcessFacts facts = process_facts();
  connected_.with({}).set(parts_.connected());
  rss_.with({}).set(static_cast<int64_t>(facts.rss_bytes));
  files_.with({}).set(static_cast<int64_t>(facts.open_files));
  cpu_.with({}).set(static_cast<int64_t>(facts.cpu_seconds * 1e6));
  dropped_.with({}).set(static_cast<int64_t>(parts_.access.dropped()));
  return registry_.snapshot();
}

void MetricsServer::close() {
  listener_->close();
  group_.close_all({Errc::draining, Side::self, "meshd stops"});
}

}  // namespace meshd
