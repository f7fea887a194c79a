// SPDX-License-Identifier: Apache-2.0
// metrics.h: counters, gauges and histograms of one loop. No locks, no atomics: each loop has its own MetricsRegistry, and
// what leaves it is a value copy.
//
//   MetricsRegistry registry;
//   auto& requests = registry.counters({"meshd_requests_total", "Requests.", {"service", "code"}});
//   Counter& ok = requests.with({"web", "200"});   // one look-up; the reference stays valid
//   ok.add();                                      // one add
//   MetricsCopy mine = registry.snapshot();        // on the loop; send it to the control thread
//   std::string text = expose_prometheus(merge(copies));
#pragma once
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/json.h"
#include "telemetry/histogram.h"

namespace meshd {

class Counter {
 public:
  void add(uint64_t n = 1) { value_ += n; }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0;
};

class Gauge {
 public:
  void set(int64_t v) { value_ = v; }
  void add(int64_t n = 1) { value_ += n; }
  void sub(int64_t n = 1) { value_ -= n; }
  int64_t value() const { return value_; }

 private:
  int64_t value_ = 0;
};

enum class MetricType : uint8_t { counter, gauge, histogram };

// What a gauge of several loops is together. Counters and histograms always add up.
enum class GaugeMerge : uint8_t { sum, min, max };

// All texts are literals.
struct MetricSpec {
  const char* name;
  const char* help;
  std::vector<const char*> labels;
  GaugeMerge merge = GaugeMerge::sum;
};

// ---- values, free to go to another thread

struct SeriesCopy {
  std::vector<std::string> labels;  // values, in the order of the metric's labels
  bool overflow = false;            // the series of all label sets beyond the limit; has no labels
  int64_t value = 0;                // counter or gauge
  std::optional<HistogramCopy> histogram;
};

struct MetricCopy {
  MetricSpec spec;
  MetricType type = MetricType::counter;
  std::vector<SeriesCopy> series;
};

struct MetricsCopy {
  std::vector<MetricCopy> metrics;

  // Null where there is no such metric or series.
  const MetricCopy* find(std::string_view name) const;
  const SeriesCopy* find(std::string_view name, std::initializer_list<std::string_view> labels) const;
};

// ---- the live side

using LabelValues = std::initializer_list<std::string_view>;

// One metric with its series, each a Counter, Gauge or Histogram. Made by MetricsRegistry.
template <class Cell>
class Family {
 public:
  Family(MetricSpec spec, MetricType type, size_t series_max)
      : spec_(std::move(spec)), type_(type), series_max_(series_max) {}
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  // The series of these label values (one per label; longer than kLabelBytesMax is cut), made if need be. Beyond the
  // limit: the overflow series. The reference is valid until forget().
  Cell& with(LabelValues labels);
  // Drops a series, such as the expiry of a retired certificate. References to it are void.
  void forget(LabelValues labels);

  size_t size() const { return series_.size(); }
  MetricCopy copy() const;

 private:
  struct Series {
    std::vector<std::string> labels;
    Cell cell;
  };
  static std::string key_of(LabelValues labels);

  MetricSpec spec_;
  MetricType type_;
  size_t series_max_;
  std::unordered_map<std::string, Series> series_;  // nodes do not move
  std::unique_ptr<Cell> overflow_;
};

extern template class Family<Counter>;
extern template class Family<Gauge>;
extern template class Family<Histogram>;

// All metrics of one loop; belongs to it.
class MetricsRegistry {
 public:
  MetricsRegistry() = default;
  MetricsRegistry(const MetricsRegistry&) = delete;
  MetricsRegistry& operator=(const MetricsRegistry&) = delete;

  // Declares a metric, once per name and registry. The reference lives as long as the registry.
  Family<Counter>& counters(MetricSpec spec);
  Family<Gauge>& gauges(MetricSpec spec);
  Family<Histogram>& histograms(MetricSpec spec);

  // A copy of everything, in no particular order.
  MetricsCopy snapshot() const;

 private:
  std::deque<Family<Counter>> counters_;
  std::deque<Family<Gauge>> gauges_;
  std::deque<Family<Histogram>> histograms_;
};

// ---- reading, on the control thread

// Metrics of several loops as one, sorted by name and labels.
MetricsCopy merge(std::span<const MetricsCopy> copies);

// The Prometheus text format 0.0.4 (content type kPrometheusType), sorted by name and labels.
std::string expose_prometheus(const MetricsCopy& metrics);
inline constexpr std::string_view kPrometheusType = "text/plain; version=0.0.4; charset=utf-8";

// {"NAME":{"type":"counter","series":[{"labels":{…},"value":1}]}}; a histogram's series has count, sum_seconds and
// p50, p95, p99 in seconds instead of value.
Json metrics_json(const MetricsCopy& metrics);

}  // namespace meshd
