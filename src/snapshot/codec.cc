// SPDX-License-Identifier: Apache-2.0
// codec.cc: objects as lines of text. What an object holds: objects.cc
#include "snapshot/codec.h"

#include "base/json.h"
#include "base/limits.h"

namespace meshd {
namespace {

constexpr std::string_view kFormat = "meshd-snapshot";
constexpr int64_t kVersion = 1;

}  // namespace

std::string encode_object(const Object& object) {
  // The object's JSON is canonical already; it is put in as it is.
  return "{\"json\":" + object.json + ",\"kind\":" + to_text(json(object.kind)) +
         ",\"name\":" + to_text(json(object.name)) + "}";
}

Outcome<Object> decode_object(std::string_view line) {
  if (line.size() > kControlLineMax)
    return fail(Errc::limit, "an object of more than " + std::to_string(kControlLineMax) + " bytes");
  auto j = parse_json(line);
  if (!j) return fail(j.error());
  Object out{text_of(*j, "kind"), text_of(*j, "name"), {}};
  const Json& body = member(*j, "json");
  if (out.kind.empty() || out.name.empty() || !body.is<JsonObject>() || j->get<JsonObject>().size() != 3)
    return fail(Errc::invalid_argument, "not an object of a snapshot");
  out.json = to_text(body);
  return out;
}

std::string encode_snapshot(const StoredSnapshot& snapshot) {
  JsonObject header{{"format", json(kFormat)},
                    {"objects", json(static_cast<int64_t>(snapshot.objects.size()))},
                    {"revision", json(static_cast<int64_t>(snapshot.revision.value))},
                    {"version", json(kVersion)}};
  std::string out = to_text(Json(std::move(header))) + "\n";
  for (const Object& o : snapshot.objects) out += encode_object(o) + "\n";
  return out;
}

Outcome<StoredSnapshot> decode_snapshot(std::string_view text) {
  auto next_line = [&text]() {
    size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return line;
  };
  if (!text.ends_with('\n')) return fail(Errc::invalid_argument, "the snapshot is cut short");
  auto header = parse_json(next_line());
  if (!header || text_of(*header, "format") != kFormat)
    return fail(Errc::invalid_argument, "this is not a snapshot");
  int64_t version = int_of(*header, "version");
  if (version != kVersion)
    return fail(Errc::unsupported_version, "snapshot format " + std::to_string(version) +
                                               "; this version reads " + std::to_string(kVersion));
  StoredSnapshot out;
  int64_t revision = int_of(*header, "revision", -1), objects = int_of(*header, "objects", -1);
  if (revision < 0 || objects < 0) return fail(Errc::invalid_argument, "the snapshot's header is damaged");
  out.revision.value = static_cast<uint64_t>(revision);
  while (!text.empty()) {
    auto o = decode_object(next_line());
    if (!o) return fail(o.error());
    out.objects.push_back(std::move(*o));
  }
  if (out.objects.size() != static_cast<size_t>(objects))
    return fail(Errc::invalid_argument, "the snapshot is cut short");
  return out;
}

}  // namespace meshd
