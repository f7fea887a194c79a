// SPDX-License-Identifier: Apache-2.0
// normalise_path.cc: one spelling for a path, so that what policy matches is what the backend serves.
//
// RFC 3986 section 6.2.2, and slash merging because most backends merge. Kept encoded: everything but
// unreserved characters; %2f stays a part of its segment.
#include "http/semantics.h"

namespace meshd {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_unreserved(int c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

// Printable ASCII without space and '#': the rest must come percent-encoded.
bool is_visible(char c) { return c > 0x20 && c < 0x7f && c != '#'; }

// Decodes what must be decoded and spells the rest in upper-case hex.
Result<std::string> decode_unreserved(std::string_view path) {
  std::string out;
  out.reserve(path.size());
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      out += path[i];
      continue;
    }
    int high = i + 2 < path.size() ? hex_value(path[i + 1]) : -1;
    int low = high >= 0 ? hex_value(path[i + 2]) : -1;
    if (low < 0) return fail(Errc::protocol, Side::client, "bad percent-encoding in the path");
    int c = high * 16 + low;
    if (c == 0) return fail(Errc::protocol, Side::client, "an encoded NUL in the path");
    if (is_unreserved(c)) {
      out += static_cast<char>(c);
    } else {
      constexpr char kHex[] = "0123456789ABCDEF";
      out += '%';
      out += kHex[high];
      out += kHex[low];
    }
    i += 2;
  }
  return out;
}

bool is_dots(std::string_view segment) { return segment == "." || segment == ".."; }

// Would a backend that decodes %2f or %5c, or drops ";x" parameters, see a dot segment in here?
bool hides_dots(std::string_view segment) {
  if (segment.find('.') == std::string_view::npos) return false;
  size_t start = 0;
  for (;;) {
    size_t cut = start;
    while (cut < segment.size() && !segment.substr(cut).starts_with("%2F") &&
           !segment.substr(cut).starts_with("%5C"))
      ++cut;
    std::string_view part = segment.substr(start, cut - start);
    if (is_dots(part.substr(0, part.find(';')))) return true;
    if (cut == segment.size()) return false;
    start = cut + 3;
  }
}

}  // namespace

Result<NormalPath> normalise_path(std::string_view target) {
  if (!target.starts_with('/'))
    return fail(Errc::protocol, Side::client, "the path does not begin with a slash");
  size_t query = std::min(target.find('?'), target.size());
  bool suspicious = false;
  for (size_t i = 0; i < target.size(); ++i) {
    char c = target[i];
    if (!is_visible(c))
      return fail(Errc::protocol, Side::client, "a character in the target that must be encoded");
    if (i >= query) continue;
    if (c == '\\') return fail(Errc::protocol, Side::client, "a backslash in the path");
    suspicious |= c == '%' || (c == '/' && i + 1 < query && (target[i + 1] == '/' || target[i + 1] == '.'));
  }
  if (!suspicious) return NormalPath{};

  auto decoded = decode_unreserved(target.substr(0, query));
  if (!decoded) return fail(decoded.error());
  std::string out;
  out.reserve(target.size());
  std::string_view rest = *decoded;
  bool slash_at_end = false;
  while (!rest.empty()) {
    rest.remove_prefix(1);  // the slash before this segment
    std::string_view segment = rest.substr(0, rest.find('/'));
    rest.remove_prefix(segment.size());
    slash_at_end = segment.empty() || is_dots(segment);
    if (segment == "..") {
      if (out.empty()) return fail(Errc::protocol, Side::client, "the path leads above the root");
      out.resize(out.rfind('/'));
    } else if (!segment.empty() && segment != ".") {
      if (hides_dots(segment)) return fail(Errc::protocol, Side::client, "a hidden dot segment in the path");
      out.append(1, '/').append(segment);
    }
  }
  if (slash_at_end || out.empty()) out += '/';
  out.append(target.substr(query));
  if (out == target) return NormalPath{};
  return NormalPath{std::move(out)};
}

}  // namespace meshd
