// SPDX-License-Identifier: Apache-2.0
// metrics_server.h: port 15020, for scrapers and load balancers, in plain HTTP: /metrics, /healthz/live, /healthz/ready.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "control/access_writer.h"
#include "control/identities.h"
#include "http/message.h"
#include "http/server_group.h"
#include "net/listener.h"
#include "telemetry/golden.h"
#include "telemetry/metrics.h"

namespace meshd {

inline constexpr uint16_t kMetricsPort = 15020;

class MetricsServer final : public Service {
 public:
  struct Parts {
    std::string version;
    std::function<void(std::function<void(MetricsCopy)>)> collect;  // DataLoops::collect
    std::function<std::string()> not_ready;                         // NodeStatus::not_ready
    std::function<bool()> connected;                                // to the server
    const Identities& identities;
    const AccessWriter& access;
  };
  // Errors: conflict (the port is in use), unreachable, permission.
  static Outcome<std::unique_ptr<MetricsServer>> open(const SocketAddress& at, Parts parts);
  ~MetricsServer() override;

  Task<Result<Response>> call(Request& request) override;

  // Stops listening and ends all connections; done() when they are gone.
  void close();
  bool done() const { return group_.size() == 0; }
  const SocketAddress& local() const { return listener_->local(); }

 private:
  explicit MetricsServer(Parts parts);
  Task<Result<Response>> metrics();
  MetricsCopy of_process();

  Parts parts_;
  MetricsRegistry registry_;  // of the control thread
  GoldenMetrics golden_;
  Family<Gauge>& connected_;
  Family<Gauge>& rss_;
  Family<Gauge>& files_;
  Family<Gauge>& cpu_;
  Family<Gauge>& dropped_;
  std::vector<std::string> identities_shown_;
  ServerGroup group_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace meshd
