// SPDX-License-Identifier: Apache-2.0
#include "proxy/flow_table.h"

#include <algorithm>

namespace meshd {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// 550e8400-e29b-41d4-a716-446655440000
bool is_uuid(std::string_view s) {
  if (s.size() != 36) return false;
  for (size_t i = 0; i < s.size(); ++i) {
    bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? s[i] != '-' : !is_hex(s[i])) return false;
  }
  return true;
}

// Names one thing of many, by its look. What holds a `*` would be a pattern by itself.
bool varies(std::string_view s) {
  if (s.contains('*')) return true;
  if (s.empty()) return false;
  if (std::ranges::all_of(s, is_digit)) return true;
  constexpr size_t kHexMin = 8;  // "deadbeef" and "facade" are words as well: a digit must be there
  if (s.size() >= kHexMin && std::ranges::all_of(s, is_hex) && std::ranges::any_of(s, is_digit)) return true;
  return is_uuid(s);
}

}  // namespace

void append_shape(std::string_view path, std::string& out) {
  if (!path.starts_with('/')) {
    out += path;  // "*" of OPTIONS
    return;
  }
  if (path.size() > kFlowTextMax) {
    out += "/**";
    return;
  }
  for (size_t depth = 0; !path.empty(); ++depth) {
    path.remove_prefix(1);
    if (depth == kFlowDepthMax) {
      out += "/**";
      return;
    }
    std::string_view segment = path.substr(0, path.find('/'));
    out += '/';
    if (varies(segment))
      out += '*';
    else
      out += segment;
    path.remove_prefix(segment.size());
  }
}

void FlowCount::add(const FlowCount& more) {
  if (count == 0 || more.first < first) first = more.first;
  last = std::max(last, more.last);
  if (example.empty()) example = more.example;
  count += more.count;
}

void FlowBatch::add(FlowBatch more, size_t max) {
  overflow += more.overflow;
  for (auto& [key, count] : more.flows) {
    if (flows.size() >= max && !flows.contains(key))
      overflow += count.count;
    else
      flows[key].add(count);
  }
}

void FlowTable::add(const Seen& seen, int64_t now) {
  auto& of_caller = flows_[&seen.caller];
  key_.clear();
  append_shape(seen.path, key_);
  size_t path_size = key_.size();
  key_.append(1, '\0').append(seen.method).append(1, '\0').append(seen.service).append(1, '\0');
  key_ += std::to_string(seen.port);
  auto it = of_caller.find(key_);
  if (it == of_caller.end()) {
    std::string shape = key_.substr(0, path_size);
    collapse(seen.service, shape);
    std::string key = shape + key_.substr(path_size);
    it = of_caller.find(key);
    if (it == of_caller.end()) {
      if (size_ >= kFlowsMax) {
        ++overflow_;
        return;
      }
      ++size_;
      FlowKey parts{seen.caller.uri, std::string(seen.service), seen.port, std::string(seen.method), shape};
      it = of_caller.emplace(std::move(key), Entry{std::move(parts), {}}).first;
      it->second.count.first = now;
      it->second.count.example = seen.path.substr(0, kFlowTextMax + 1);
    }
  }
  ++it->second.count.count;
  it->second.count.last = now;
}

// Segments beyond the fan-out of their place become `*`.
void FlowTable::collapse(std::string_view service, std::string& shape) {
  if (!shape.starts_with('/')) return;
  std::string out, place(service);
  std::string_view rest = shape;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    std::string segment(rest.substr(0, rest.find('/')));
    rest.remove_prefix(segment.size());
    if (segment != "*" && segment != "**" && !segment.empty()) {
      auto& known = places_[place];
      if (!known.contains(segment)) {
        if (known.size() >= kFlowFanOut || places_size_ >= kFlowPlacesMax) {
          segment = "*";
        } else {
          known.insert(segment);
          ++places_size_;
        }
      }
    }
    out += "/" + segment;
    place += "/" + segment;
  }
  shape = std::move(out);
}

FlowBatch FlowTable::take() {
  FlowBatch out;
  for (auto& [caller, flows] : flows_)
    for (auto& [text, entry] : flows) out.flows[std::move(entry.key)].add(entry.count);
  out.overflow = std::exchange(overflow_, 0);
  flows_.clear();
  size_ = 0;
  return out;
}

}  // namespace meshd
