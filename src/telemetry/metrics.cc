// SPDX-License-Identifier: Apache-2.0
#include "telemetry/metrics.h"

#include <algorithm>
#include <cassert>
#include <map>
#include <utility>

#include "base/limits.h"

namespace meshd {
namespace {

// A foreign value (a method, a name from another mesh) does not choose our memory.
std::string_view cut(std::string_view value) { return value.substr(0, kLabelBytesMax); }

void read_cell(const Counter& c, SeriesCopy& out) { out.value = static_cast<int64_t>(c.value()); }
void read_cell(const Gauge& g, SeriesCopy& out) { out.value = g.value(); }
void read_cell(const Histogram& h, SeriesCopy& out) { out.histogram = h.copy(); }

int64_t merged(int64_t a, int64_t b, const MetricCopy& metric) {
  if (metric.type == MetricType::gauge && metric.spec.merge == GaugeMerge::min) return std::min(a, b);
  if (metric.type == MetricType::gauge && metric.spec.merge == GaugeMerge::max) return std::max(a, b);
  return a + b;
}

}  // namespace

// Lengths in front, so that ("ab", "c") and ("a", "bc") differ.
template <class Cell>
std::string Family<Cell>::key_of(LabelValues labels) {
  std::string key;
  for (std::string_view value : labels) {
    value = cut(value);
    auto size = static_cast<uint16_t>(value.size());
    key.append(reinterpret_cast<const char*>(&size), sizeof size);
    key += value;
  }
  return key;
}

template <class Cell>
Cell& Family<Cell>::with(LabelValues labels) {
  assert(labels.size() == spec_.labels.size());
  std::string key = key_of(labels);
  if (auto it = series_.find(key); it != series_.end()) return it->second.cell;
  if (series_.size() >= series_max_) {
    if (!overflow_) overflow_ = std::make_unique<Cell>();
    return *overflow_;
  }
  Series& made = series_[std::move(key)];
  for (std::string_view value : labels) made.labels.emplace_back(cut(value));
  return made.cell;
}

template <class Cell>
void Family<Cell>::forget(LabelValues labels) {
  series_.erase(key_of(labels));
}

template <class Cell>
MetricCopy Family<Cell>::copy() const {
  MetricCopy out{spec_, type_, {}};
  out.series.reserve(series_.size() + 1);
  for (const auto& [key, series] : series_) {
    SeriesCopy& s = out.series.emplace_back();
    s.labels = series.labels;
    read_cell(series.cell, s);
  }
  if (overflow_) {
    SeriesCopy& s = out.series.emplace_back();
    s.overflow = true;
    read_cell(*overflow_, s);
  }
  return out;
}

template class Family<Counter>;
template class Family<Gauge>;
template class Family<Histogram>;

Family<Counter>& MetricsRegistry::counters(MetricSpec spec) {
  return counters_.emplace_back(std::move(spec), MetricType::counter, kSeriesMax);
}
Family<Gauge>& MetricsRegistry::gauges(MetricSpec spec) {
  return gauges_.emplace_back(std::move(spec), MetricType::gauge, kSeriesMax);
}
Family<Histogram>& MetricsRegistry::histograms(MetricSpec spec) {
  return histograms_.emplace_back(std::move(spec), MetricType::histogram, kHistogramsMax);
}

MetricsCopy MetricsRegistry::snapshot() const {
  MetricsCopy out;
  out.metrics.reserve(counters_.size() + gauges_.size() + histograms_.size());
  for (const auto& f : counters_) out.metrics.push_back(f.copy());
  for (const auto& f : gauges_) out.metrics.push_back(f.copy());
  for (const auto& f : histograms_) out.metrics.push_back(f.copy());
  return out;
}

const MetricCopy* MetricsCopy::find(std::string_view name) const {
  for (const MetricCopy& m : metrics) {
    if (m.spec.name == name) return &m;
  }
  return nullptr;
}

const SeriesCopy* MetricsCopy::find(std::string_view name,
                                    std::initializer_list<std::string_view> labels) const {
  const MetricCopy* metric = find(name);
  if (metric == nullptr) return nullptr;
  for (const SeriesCopy& s : metric->series) {
    if (!s.overflow && std::ranges::equal(s.labels, labels)) return &s;
  }
  return nullptr;
}

MetricsCopy merge(std::span<const MetricsCopy> copies) {
  // Sorted as a map of maps; an overflow series comes after the others.
  struct Merged {
    const MetricCopy* first;
    std::map<std::pair<bool, std::vector<std::string>>, SeriesCopy> series;
  };
  std::map<std::string_view, Merged> all;
  for (const MetricsCopy& copy : copies) {
    for (const MetricCopy& metric : copy.metrics) {
      Merged& into = all.try_emplace(metric.spec.name, &metric).first->second;
      for (const SeriesCopy& s : metric.series) {
        auto [it, fresh] = into.series.try_emplace({s.overflow, s.labels}, s);
        if (fresh) continue;
        SeriesCopy& sum = it->second;
        if (s.histogram && sum.histogram) sum.histogram->add(*s.histogram);
        sum.value = merged(sum.value, s.value, metric);
      }
    }
  }
  MetricsCopy out;
  for (auto& [name, m] : all) {
    MetricCopy& metric = out.metrics.emplace_back(MetricCopy{m.first->spec, m.first->type, {}});
    for (auto& [key, s] : m.series) metric.series.push_back(std::move(s));
  }
  return out;
}

}  // namespace meshd
