// SPDX-License-Identifier: Apache-2.0
// expose.cc: merged metrics as Prometheus text and as JSON.
#include <algorithm>
#include <cstdio>

#include "telemetry/metrics.h"
#include "telemetry/utf8.h"

namespace meshd {
namespace {

// `le` as Prometheus clients write it; the same order as kBoundsNs.
constexpr const char* kBoundNames[] = {"0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1",
                                       "0.25",   "0.5",   "1",      "2.5",   "5",    "10",    "30",   "60"};
static_assert(std::size(kBoundNames) == kBoundsNs.size());

std::string_view name_of(MetricType type) {
  switch (type) {
    case MetricType::counter: return "counter";
    case MetricType::gauge: return "gauge";
    case MetricType::histogram: return "histogram";
  }
  return "untyped";
}

// Nanoseconds as decimal seconds, exactly.
std::string seconds_text(uint64_t ns) {
  char text[40];
  snprintf(text, sizeof text, "%llu.%09llu", static_cast<unsigned long long>(ns / 1'000'000'000),
           static_cast<unsigned long long>(ns % 1'000'000'000));
  return text;
}

// `service="web",code="200"`; the overflow series has `overflow="true"` alone.
std::string labels_text(const MetricCopy& metric, const SeriesCopy& series) {
  if (series.overflow) return "overflow=\"true\"";
  std::string out;
  for (size_t i = 0; i < series.labels.size(); ++i) {
    if (i > 0) out += ',';
    out += metric.spec.labels[i];
    out += "=\"";
    for (char c : to_utf8(series.labels[i])) {
      if (c == '\n') {
        out += "\\n";
      } else {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
      }
    }
    out += '"';
  }
  return out;
}

void append_sample(std::string& out, std::string_view name, std::string_view suffix, std::string_view labels,
                   std::string_view value) {
  out += name;
  out += suffix;
  if (!labels.empty()) {
    out += '{';
    out += labels;
    out += '}';
  }
  out += ' ';
  out += value;
  out += '\n';
}

void append_histogram(std::string& out, std::string_view name, const std::string& labels,
                      const HistogramCopy& h) {
  std::string prefix = labels.empty() ? "le=\"" : labels + ",le=\"";
  uint64_t cumulative = 0;
  for (size_t i = 0; i < h.buckets.size(); ++i) {
    cumulative += h.buckets[i];
    const char* bound = i < kBoundsNs.size() ? kBoundNames[i] : "+Inf";
    append_sample(out, name, "_bucket", prefix + bound + "\"", std::to_string(cumulative));
  }
  append_sample(out, name, "_sum", labels, seconds_text(h.sum_ns));
  append_sample(out, name, "_count", labels, std::to_string(cumulative));
}

std::string help_text(std::string_view help) {
  std::string out;
  for (char c : help) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

std::vector<const MetricCopy*> sorted(const std::vector<MetricCopy>& metrics) {
  std::vector<const MetricCopy*> out;
  out.reserve(metrics.size());
  for (const MetricCopy& m : metrics) out.push_back(&m);
  std::ranges::sort(out, {}, [](const MetricCopy* m) { return std::string_view(m->spec.name); });
  return out;
}

std::vector<const SeriesCopy*> sorted(const std::vector<SeriesCopy>& series) {
  std::vector<const SeriesCopy*> out;
  out.reserve(series.size());
  for (const SeriesCopy& s : series) out.push_back(&s);
  std::ranges::sort(out, {}, [](const SeriesCopy* s) { return std::tie(s->overflow, s->labels); });
  return out;
}

}  // namespace

std::string expose_prometheus(const MetricsCopy& metrics) {
  std::string out;
  for (const MetricCopy* metric : sorted(metrics.metrics)) {
    std::string_view name = metric->spec.name;
    out += "# HELP ";
    out += name;
    out += ' ';
    out += help_text(metric->spec.help);
    out += "\n# TYPE ";
    out += name;
    out += ' ';
    out += name_of(metric->type);
    out += '\n';
    for (const SeriesCopy* series : sorted(metric->series)) {
      std::string labels = labels_text(*metric, *series);
      if (series->histogram)
        append_histogram(out, name, labels, *series->histogram);
      else
        append_sample(out, name, "", labels, std::to_string(series->value));
    }
  }
  return out;
}

Json metrics_json(const MetricsCopy& metrics) {
  JsonObject out;
  for (const MetricCopy* metric : sorted(metrics.metrics)) {
    JsonArray list;
    for (const SeriesCopy* series : sorted(metric->series)) {
      JsonObject labels;
      if (series->overflow) labels["overflow"] = json("true");
      for (size_t i = 0; i < series->labels.size(); ++i)
        labels[metric->spec.labels[i]] = json(to_utf8(series->labels[i]));
      JsonObject entry;
      entry["labels"] = Json(std::move(labels));
      if (series->histogram) {
        const HistogramCopy& h = *series->histogram;
        entry["count"] = json(static_cast<int64_t>(h.count()));
        entry["sum_seconds"] = Json(static_cast<double>(h.sum_ns) * 1e-9);
        entry["p50"] = Json(h.quantile(0.50));
        entry["p95"] = Json(h.quantile(0.95));
        entry["p99"] = Json(h.quantile(0.99));
      } else {
        entry["value"] = json(series->value);
      }
      list.emplace_back(std::move(entry));
    }
    JsonObject entry;
    entry["type"] = json(name_of(metric->type));
    entry["series"] = Json(std::move(list));
    out[metric->spec.name] = Json(std::move(entry));
  }
  return Json(std::move(out));
}

}  // namespace meshd
