// SPDX-License-Identifier: Apache-2.0
// scalars.h: the texts of single values: durations, rates, names, addresses. Pure; used by the checker and the binder alike.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace meshd::model {

using std::chrono::milliseconds;

std::optional<int64_t> parse_integer(std::string_view text);
// 250ms, 1.5s, 5m, 24h, 3650d. A unit is required, also for 0.
std::optional<milliseconds> parse_duration(std::string_view text);
// 25ms..250ms
std::optional<std::pair<milliseconds, milliseconds>> parse_duration_range(std::string_view text);
// Written shortest: 1500ms, 5s, 24h.
std::string format_duration_short(milliseconds d);
// 20% → 20.0; 0 to 100.
std::optional<double> parse_percent(std::string_view text);
// 200/s, 30/m, 5/h → per second.
std::optional<double> parse_rate(std::string_view text);

std::string lower_case(std::string_view text);  // ASCII

bool is_dns_label(std::string_view text);
bool is_trust_domain(std::string_view text);
bool is_ip(std::string_view text);
bool is_method(std::string_view text);      // RFC 9110 token without lower-case letters
bool is_field_name(std::string_view text);  // RFC 9110 token
// Begins with /, is printable ASCII without space, query or fragment, and is normalised as http/ normalises what it matches.
bool is_path(std::string_view text);
bool is_path_pattern(std::string_view text);

struct HostPort {
  std::string ip;
  uint16_t port = 0;
};
// "10.0.0.1:80", "[::1]:80"
std::optional<HostPort> parse_address(std::string_view text);

struct StatusRange {
  uint16_t min = 0, max = 0;
};
std::optional<StatusRange> parse_status_range(std::string_view text);

struct RequestText {
  std::string method, host, path, query;  // path without query, query without `?`
};
std::optional<RequestText> parse_request(std::string_view text);

}  // namespace meshd::model
