// SPDX-License-Identifier: Apache-2.0
// golden.h: the metrics of the mesh, declared once. docs/ and the dashboard use these names.
//
// `service` is the destination, `peer` the other side's service (or SPIFFE ID outside the mesh, "-" if unknown),
// `route` the route's name or "-". Directions of bytes are the client's: `in` is what it sent.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "telemetry/direction.h"
#include "telemetry/metrics.h"

namespace meshd {

class GoldenMetrics;

inline constexpr const char* kArmRequests = "meshd_arm_requests_total";
inline constexpr const char* kArmDuration = "meshd_arm_duration_seconds";

// What distinguishes one row of golden metrics.
struct GoldenKey {
  Direction direction = Direction::inbound;
  std::string_view service;
  std::string_view route;  // "-": none
  std::string_view peer;   // "-": unknown
};

// One finished request.
struct RequestOutcome {
  int status = 0;  // 0: no response head was sent
  uint64_t duration_ns = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
};

// The series of one GoldenKey: recording is a few adds. Look it up once per connection or route and keep it; it lives
// as long as its GoldenMetrics.
class GoldenSeries {
 public:
  // A request begins; each begin() is followed by one record().
  void begin() { active_->add(); }
  // A request ended, well or not.
  void record(const RequestOutcome& outcome);
  // meshd answered with an error of its own, or an exchange failed: why, and by whose fault.
  void record_error(Errc reason, Side side);
  // An opaque TCP connection ended: Errc::ok, or why not. Count its bytes with record_bytes().
  void record_tcp(Errc result);
  void record_bytes(uint64_t in, uint64_t out);

 private:
  friend class GoldenMetrics;
  GoldenSeries(GoldenMetrics& metrics, const GoldenKey& key);
  Counter& requests_of(int status);

  GoldenMetrics& metrics_;
  Direction direction_;
  std::string service_, route_, peer_;
  struct ByStatus {
    int status;
    Counter* counter;
  };
  std::vector<ByStatus> by_status_;  // the few seen so far
  Histogram* duration_;
  Gauge* active_;
  Counter* bytes_in_;
  Counter* bytes_out_;
};

// What one arm of a route's split did, as the calling node sees it: what canaries are judged by.
class ArmSeries {
 public:
  // A request that chose this arm ended. `failed`: answered 5xx, or not at all, and not by the client's doing.
  void record(bool failed, uint64_t duration_ns) {
    (failed ? failed_ : good_)->add();
    duration_->record(duration_ns);
  }

 private:
  friend class GoldenMetrics;
  ArmSeries(Counter& good, Counter& failed, Histogram& duration)
      : good_(&good), failed_(&failed), duration_(&duration) {}
  Counter* good_;
  Counter* failed_;
  Histogram* duration_;
};

// Declares the golden metrics in a loop's registry, which must outlive it.
class GoldenMetrics {
 public:
  explicit GoldenMetrics(MetricsRegistry& registry);
  GoldenMetrics(const GoldenMetrics&) = delete;
  GoldenMetrics& operator=(const GoldenMetrics&) = delete;

  // One look-up, the first time also the making of the series.
  GoldenSeries& series(const GoldenKey& key);

  // `arm` as model/route_edit.h writes it. As long-lived as this.
  ArmSeries& arm(std::string_view route, std::string_view arm);

  // Open connections of a listener: add on accept, sub on close.
  Gauge& connections_active(std::string_view listener) { return connections_.with({listener}); }
  // When this identity's certificate ends (Unix time).
  void set_certificate_expiry(std::string_view identity, int64_t unix_seconds);
  void forget_certificate(std::string_view identity);
  // The snapshot this loop acts on.
  void set_snapshot_revision(uint64_t revision);
  void set_build_info(std::string_view version);

 private:
  friend class GoldenSeries;
  Family<Counter>& requests_;
  Family<Histogram>& duration_;
  Family<Counter>& errors_;
  Family<Counter>& bytes_;
  Family<Gauge>& active_;
  Family<Gauge>& connections_;
  Family<Counter>& tcp_;
  Family<Gauge>& expiry_;
  Family<Gauge>& revision_;
  Family<Gauge>& build_;
  Family<Counter>& arm_requests_;
  Family<Histogram>& arm_duration_;
  std::unordered_map<std::string, std::unique_ptr<GoldenSeries>> series_;
  std::unordered_map<std::string, std::unique_ptr<ArmSeries>> arms_;
};

}  // namespace meshd
