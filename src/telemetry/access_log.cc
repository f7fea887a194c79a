// SPDX-License-Identifier: Apache-2.0
#include "telemetry/access_log.h"

#include <cstdio>

#include "base/clock.h"
#include "telemetry/utf8.h"

namespace meshd {
namespace {

// "2026-11-23T18:39:30.123Z"
std::string time_text(int64_t ms) {
  std::string text = format_time(ms / 1000);
  char fraction[8];
  snprintf(fraction, sizeof fraction, ".%03uZ", static_cast<unsigned>(ms % 1000));
  text.pop_back();
  return text + fraction;
}

struct Line {
  std::string out = "{";

  void key(std::string_view name) {
    if (out.size() > 1) out += ',';
    out += '"';
    out += name;
    out += "\":";
  }
  void text(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    key(name);
    append_json_string(out, value);
  }
  void number(std::string_view name, uint64_t value) {
    key(name);
    out += std::to_string(value);
  }
  void flag(std::string_view name) {
    key(name);
    out += "true";
  }
  // {"x-canary":"1","x-user":null}
  void fields(std::string_view name, const std::vector<LoggedField>& list) {
    if (list.empty()) return;
    key(name);
    for (const LoggedField& f : list) {
      out += &f == list.data() ? '{' : ',';
      append_json_string(out, f.name);
      out += ':';
      if (f.value)
        append_json_string(out, *f.value);
      else
        out += "null";
    }
    out += '}';
  }
};

}  // namespace

std::string to_json_line(const AccessRecord& r) {
  Line line;
  line.out.reserve(512);
  line.text("time", time_text(r.time_ms));
  line.text("direction", name_of(r.direction));
  line.text("node", r.node);
  line.text("source", r.source);
  line.text("service", r.service);
  line.text("endpoint", r.endpoint);
  line.text("method", r.method);
  line.text("path", r.path);
  line.text("host", r.host);
  if (r.status != 0) line.number("status", static_cast<uint64_t>(r.status));
  line.text("error", r.error);
  if (r.rule.line != 0) line.text("rule", std::to_string(r.rule.line) + ":" + std::to_string(r.rule.column));
  line.text("audit", r.audit);
  line.number("duration_us", r.duration_us);
  line.number("bytes_in", r.bytes_in);
  line.number("bytes_out", r.bytes_out);
  line.text("request_id", r.request_id);
  line.text("route", r.route);
  line.text("asked_path", r.asked_path);
  line.text("asked_host", r.asked_host);
  if (r.grpc) line.flag("grpc");
  line.fields("headers", r.fields);
  if (r.revision.value != 0) line.number("revision", r.revision.value);
  line.out += "}\n";
  return std::move(line.out);
}

}  // namespace meshd
