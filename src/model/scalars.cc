// SPDX-License-Identifier: Apache-2.0
#include "model/scalars.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace meshd::model {
namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }
bool lower(char c) { return c >= 'a' && c <= 'z'; }
bool upper(char c) { return c >= 'A' && c <= 'Z'; }
bool tchar(char c) {
  return digit(c) || lower(c) || upper(c) || std::string_view("!#$%&'*+-.^_`|~").contains(c);
}

// Splits "12.5ms" into the number and what follows. No sign, no exponent.
std::optional<std::pair<double, std::string_view>> number_and_unit(std::string_view text) {
  size_t n = 0, dots = 0;
  while (n < text.size() && (digit(text[n]) || (text[n] == '.' && dots++ == 0))) ++n;
  if (n == 0 || n > 15 || !digit(text[0]) || !digit(text[n - 1])) return std::nullopt;
  double value = 0;
  std::from_chars(text.data(), text.data() + n, value);
  return std::pair{value, text.substr(n)};
}

}  // namespace

std::optional<int64_t> parse_integer(std::string_view text) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  // 010 is eight to some and ten to others.
  std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.size() > 1 && digits[0] == '0') return std::nullopt;
  return value;
}

std::optional<milliseconds> parse_duration(std::string_view text) {
  auto parts = number_and_unit(text);
  if (!parts) return std::nullopt;
  double ms = 0;
  std::string_view unit = parts->second;
  if (unit == "ms")
    ms = 1;
  else if (unit == "s")
    ms = 1000;
  else if (unit == "m")
    ms = 60'000;
  else if (unit == "h")
    ms = 3'600'000;
  else if (unit == "d")
    ms = 86'400'000;
  else
    return std::nullopt;
  double total = parts->first * ms;
  if (total > 3.2e12) return std::nullopt;  // a hundred years
  if (parts->first > 0 && total < 1) return std::nullopt;
  return milliseconds(std::llround(total));
}

std::optional<std::pair<milliseconds, milliseconds>> parse_duration_range(std::string_view text) {
  size_t dots = text.find("..");
  if (dots == std::string_view::npos) return std::nullopt;
  auto from = parse_duration(text.substr(0, dots)), to = parse_duration(text.substr(dots + 2));
  if (!from || !to || *from > *to) return std::nullopt;
  return std::pair(*from, *to);
}

std::string format_duration_short(milliseconds d) {
  int64_t ms = d.count();
  if (ms == 0) return "0s";
  if (ms % 3'600'000 == 0) return std::to_string(ms / 3'600'000) + "h";
  if (ms % 60'000 == 0) return std::to_string(ms / 60'000) + "m";
  if (ms % 1000 == 0) return std::to_string(ms / 1000) + "s";
  return std::to_string(ms) + "ms";
}

std::optional<double> parse_percent(std::string_view text) {
  auto parts = number_and_unit(text);
  if (!parts || parts->second != "%" || parts->first > 100) return std::nullopt;
  return parts->first;
}

std::optional<double> parse_rate(std::string_view text) {
  auto parts = number_and_unit(text);
  if (!parts) return std::nullopt;
  if (parts->second == "/s") return parts->first;
  if (parts->second == "/m") return parts->first / 60;
  if (parts->second == "/h") return parts->first / 3600;
  return std::nullopt;
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

bool is_dns_label(std::string_view t) {
  return !t.empty() && t.size() <= 63 && t.front() != '-' && t.back() != '-' &&
         std::ranges::all_of(t, [](char c) { return lower(c) || digit(c) || c == '-'; });
}

bool is_trust_domain(std::string_view t) {
  return !t.empty() && t.size() <= 255 && t.front() != '.' && t.back() != '.' &&
         std::ranges::all_of(t,
                             [](char c) { return lower(c) || digit(c) || c == '-' || c == '.' || c == '_'; });
}

bool is_ip(std::string_view text) {
  std::string copy(text);
  unsigned char out[sizeof(in6_addr)];
  return inet_pton(AF_INET, copy.c_str(), out) == 1 || inet_pton(AF_INET6, copy.c_str(), out) == 1;
}

bool is_method(std::string_view t) {
  return !t.empty() && t.size() <= 32 && std::ranges::all_of(t, [](char c) { return tchar(c) && !lower(c); });
}

bool is_field_name(std::string_view t) {
  return !t.empty() && t.size() <= 256 && std::ranges::all_of(t, tchar);
}

bool is_path(std::string_view t) {
  if (!t.starts_with('/') || t.size() > 4096) return false;
  if (!std::ranges::all_of(t,
                           [](char c) { return c > ' ' && c < 0x7f && c != '?' && c != '#' && c != '\\'; }))
    return false;
  if (t.contains("//")) return false;
  std::string slashed = std::string(t) + "/";
  return !slashed.contains("/./") && !slashed.contains("/../");
}

bool is_path_pattern(std::string_view t) {
  if (!is_path(t)) return false;
  // `**` is a segment of its own; a** would look like more than it is.
  for (size_t i = t.find("**"); i != std::string_view::npos; i = t.find("**", i + 2)) {
    bool end = i + 2 == t.size() || t[i + 2] == '/';
    if (t[i - 1] != '/' || !end) return false;
  }
  return true;
}

std::optional<HostPort> parse_address(std::string_view text) {
  size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host.contains(':') != bracketed || !is_ip(host)) return std::nullopt;
  auto port = parse_integer(text.substr(colon + 1));
  if (!port || *port < 1 || *port > 65535) return std::nullopt;
  return HostPort{std::string(host), static_cast<uint16_t>(*port)};
}

std::optional<StatusRange> parse_status_range(std::string_view text) {
  size_t dash = text.find('-');
  auto min = parse_integer(text.substr(0, dash));
  auto max = dash == std::string_view::npos ? min : parse_integer(text.substr(dash + 1));
  if (!min || !max || *min < 100 || *max > 599 || *min > *max) return std::nullopt;
  return StatusRange{static_cast<uint16_t>(*min), static_cast<uint16_t>(*max)};
}

std::optional<RequestText> parse_request(std::string_view text) {
  size_t space = text.find(' ');
  if (space == std::string_view::npos || !is_method(text.substr(0, space))) return std::nullopt;
  RequestText r;
  r.method = text.substr(0, space);
  std::string_view url = text.substr(space + 1);
  if (!url.starts_with("http://")) return std::nullopt;
  url.remove_prefix(7);
  size_t mark = url.find('?');
  if (mark != std::string_view::npos) r.query = url.substr(mark + 1);
  url = url.substr(0, mark);
  size_t slash = url.find('/');
  r.host = url.substr(0, slash);
  r.path = slash == std::string_view::npos ? "/" : std::string(url.substr(slash));
  if (r.host.empty() || r.host.find_first_of(" #@") != std::string::npos || !is_path(r.path) ||
      r.query.find_first_of(" #") != std::string::npos)
    return std::nullopt;
  return r;
}

}  // namespace meshd::model
