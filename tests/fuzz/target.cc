// SPDX-License-Identifier: Apache-2.0
// target: "METHOD TARGET" through normalise_path and check_request. What is normal stays as it is, stays below the
// root for any backend, and every spelling of a head leads to the same request.
#include "fuzz.h"
#include "http/semantics.h"

namespace meshd::fuzz {
namespace {

std::string decoded(std::string_view path) {
  auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
  std::string out;
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      out += path[i];
      continue;
    }
    out += static_cast<char>(digit(path[i + 1]) * 16 + digit(path[i + 2]));
    i += 2;
  }
  return out;
}

// What a backend that decodes first, takes \ for / and drops ;parameters might climb to.
void check_no_climb(std::string_view path) {
  std::string plain = decoded(path);
  for (char& c : plain)
    if (c == '\\') c = '/';
  for (std::string_view rest = plain; !rest.empty();) {
    std::string_view segment = cut(rest, '/');
    segment = segment.substr(0, segment.find(';'));
    must(segment != "." && segment != "..", "a dot segment is left for the backend", path);
  }
}

void check_normal(std::string_view target) {
  auto normal = normalise_path(target);
  if (!normal) return;
  std::string once = normal->changed ? *normal->changed : std::string(target);
  must(once.starts_with('/'), "a normal path begins with a slash", once);
  auto again = normalise_path(once);
  must(again.has_value(), "a normal path is refused", once);
  must(!again->changed, "normalising twice is not normalising once", once);
  std::string_view path = std::string_view(once).substr(0, once.find('?'));
  must(path.find("//") == std::string_view::npos, "two slashes in a row", once);
  check_no_climb(path);
  size_t query = target.find('?');
  if (query != std::string_view::npos)
    must(once.ends_with(target.substr(query)), "the query was changed", once);
}

// The head that HTTP/1 would write for `head` means the same.
void check_request_again(const RequestHead& head) {
  RequestHead again;
  again.set_method(head.method());
  again.set_scheme("http");
  again.set_path(head.method() == "CONNECT" ? head.authority() : head.path());
  again.add("host", head.authority());
  Framing framing;
  auto checked = check_request(again, framing, {.connect = true});
  must(checked.has_value(), "what was accepted is refused", checked ? "" : checked.error().why);
  must(again.path() == head.path() && again.authority() == head.authority(), "the request reads differently",
       again.path());
}

}  // namespace

FUZZ_TARGET(target) {
  check_normal(bytes);
  std::string_view rest = bytes;
  std::string_view method = cut(rest, ' ');
  check_normal(rest);
  RequestHead head;
  head.set_method(method);
  head.set_scheme("http");
  head.set_path(rest);
  head.add("host", "Host.test:80");
  Framing framing;
  if (check_request(head, framing, {.connect = true})) check_request_again(head);
}

}  // namespace meshd::fuzz
