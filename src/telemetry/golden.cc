// SPDX-License-Identifier: Apache-2.0
#include "telemetry/golden.h"

#include "base/limits.h"

namespace meshd {
namespace {

std::string key_of(const GoldenKey& k) {
  std::string key(1, k.direction == Direction::inbound ? 'i' : 'o');
  for (std::string_view part : {k.service, k.route, k.peer}) {
    auto size = static_cast<uint32_t>(part.size());
    key.append(reinterpret_cast<const char*>(&size), sizeof size);
    key += part;
  }
  return key;
}

}  // namespace

GoldenMetrics::GoldenMetrics(MetricsRegistry& registry)
    : requests_(registry.counters({"meshd_requests_total",
                                   "HTTP requests that ended, by status code (0: cut before a response).",
                                   {"direction", "service", "route", "peer", "code"}})),
      duration_(registry.histograms({"meshd_request_duration_seconds",
                                     "Time from the head of a request to the end of its response.",
                                     {"direction", "service", "route"}})),
      errors_(registry.counters(
          {"meshd_errors_total",
           "Errors that meshd answered or recorded itself, by reason and the side at fault.",
           {"direction", "service", "reason", "side"}})),
      bytes_(registry.counters({"meshd_bytes_total",
                                "Body and TCP bytes; way is in (sent by the client) or out (sent to it).",
                                {"direction", "service", "peer", "way"}})),
      active_(
          registry.gauges({"meshd_active_requests", "HTTP requests in progress.", {"direction", "service"}})),
      connections_(
          registry.gauges({"meshd_connections_active", "Open connections by listener.", {"listener"}})),
      tcp_(registry.counters({"meshd_tcp_connections_total",
                              "Opaque TCP connections that ended; result is ok or why not.",
                              {"direction", "service", "peer", "result"}})),
      expiry_(registry.gauges({"meshd_certificate_expiry_seconds",
                               "Unix time at which the certificate of an identity ends.",
                               {"identity"},
                               GaugeMerge::min})),
      revision_(registry.gauges({"meshd_snapshot_revision",
                                 "Configuration revision in use (the oldest where loops differ).",
                                 {},
                                 GaugeMerge::min})),
      build_(registry.gauges(
          {"meshd_build_info", "Always 1; the label names the version.", {"version"}, GaugeMerge::max})),
      arm_requests_(registry.counters({kArmRequests,
                                       "HTTP requests that an arm of a route's split took, on the calling "
                                       "node; result is ok, or failed (5xx, or no answer).",
                                       {"route", "arm", "result"}})),
      arm_duration_(
          registry.histograms({kArmDuration,
                               "Time from the head of a request to the end of its response, by arm.",
                               {"route", "arm"}})) {}

ArmSeries& GoldenMetrics::arm(std::string_view route, std::string_view arm) {
  std::string key = std::string(route) + '\n' + std::string(arm);
  if (auto it = arms_.find(key); it != arms_.end()) return *it->second;
  return *arms_
              .emplace(std::move(key),
                       std::unique_ptr<ArmSeries>(new ArmSeries(arm_requests_.with({route, arm, "ok"}),
                                                                arm_requests_.with({route, arm, "failed"}),
                                                                arm_duration_.with({route, arm}))))
              .first->second;
}

GoldenSeries& GoldenMetrics::series(const GoldenKey& key) {
  std::string text = key_of(key);
  if (auto it = series_.find(text); it != series_.end()) return *it->second;
  GoldenKey use = key;
  if (series_.size() >= kSeriesMax) {
    // Beyond the limit all share one row, which keeps the direction and nothing else.
    use.service = use.route = use.peer = "overflow";
    text = key_of(use);
    if (auto it = series_.find(text); it != series_.end()) return *it->second;
  }
  return *series_.emplace(std::move(text), std::unique_ptr<GoldenSeries>(new GoldenSeries(*this, use)))
              .first->second;
}

void GoldenMetrics::set_certificate_expiry(std::string_view identity, int64_t unix_seconds) {
  expiry_.with({identity}).set(unix_seconds);
}

void GoldenMetrics::forget_certificate(std::string_view identity) { expiry_.forget({identity}); }

void GoldenMetrics::set_snapshot_revision(uint64_t revision) {
  revision_.with({}).set(static_cast<int64_t>(revision));
}

void GoldenMetrics::set_build_info(std::string_view version) { build_.with({version}).set(1); }

GoldenSeries::GoldenSeries(GoldenMetrics& metrics, const GoldenKey& key)
    : metrics_(metrics),
      direction_(key.direction),
      service_(key.service),
      route_(key.route),
      peer_(key.peer),
      duration_(&metrics.duration_.with({name_of(direction_), service_, route_})),
      active_(&metrics.active_.with({name_of(direction_), service_})),
      bytes_in_(&metrics.bytes_.with({name_of(direction_), service_, peer_, "in"})),
      bytes_out_(&metrics.bytes_.with({name_of(direction_), service_, peer_, "out"})) {}

void GoldenSeries::record(const RequestOutcome& outcome) {
  requests_of(outcome.status).add();
  duration_->record(outcome.duration_ns);
  active_->sub();
  record_bytes(outcome.bytes_in, outcome.bytes_out);
}

void GoldenSeries::record_error(Errc reason, Side side) {
  metrics_.errors_.with({name_of(direction_), service_, name_of(reason), name_of(side)}).add();
}

void GoldenSeries::record_tcp(Errc result) {
  metrics_.tcp_.with({name_of(direction_), service_, peer_, name_of(result)}).add();
}

void GoldenSeries::record_bytes(uint64_t in, uint64_t out) {
  bytes_in_->add(in);
  bytes_out_->add(out);
}

// A service answers with a handful of codes; the one that came last is looked at first.
Counter& GoldenSeries::requests_of(int status) {
  for (size_t i = 0; i < by_status_.size(); ++i) {
    if (by_status_[i].status != status) continue;
    if (i > 0) std::swap(by_status_[i], by_status_[i - 1]);
    return *by_status_[i > 0 ? i - 1 : 0].counter;
  }
  Counter& made =
      metrics_.requests_.with({name_of(direction_), service_, route_, peer_, std::to_string(status)});
  by_status_.push_back({status, &made});
  return made;
}

}  // namespace meshd
