// SPDX-License-Identifier: Apache-2.0
#include "ca/rotation.h"

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "tls/digest.h"

namespace meshd {
namespace {

constexpr size_t kFileMax = 64 * 1024;
constexpr RotationPhase kPhases[] = {RotationPhase::none, RotationPhase::distribute, RotationPhase::switching,
                                     RotationPhase::renew, RotationPhase::retire};

JsonObject to_json(const RotationState& s) {
  JsonObject j;
  j["trust_domain"] = json(s.trust_domain);
  j["phase"] = json(name_of(s.phase));
  j["active"] = json(s.active);
  j["other"] = json(s.other);
  j["force"] = Json(s.force);
  j["count"] = json(int64_t{s.count});
  j["since"] = json(s.since);
  return j;
}

// A directory of ours, or none: nothing that leads elsewhere.
bool is_place(const std::string& name) {
  return name.empty() || (name.starts_with("g") && name.size() <= 12 &&
                          name.find_first_not_of("0123456789", 1) == std::string::npos && name.size() > 1);
}

Outcome<RotationState> read_one(const std::string& path) {
  auto text = read_file(path, kFileMax);
  if (!text) return fail(std::move(text.error()));
  Detailed damaged{Errc::invalid_argument, path + " is damaged; restore it from a backup"};
  auto j = parse_json(*text);
  if (!j || !j->is<JsonObject>()) return fail(damaged);
  RotationState s;
  s.trust_domain = text_of(*j, "trust_domain");
  s.active = text_of(*j, "active");
  s.other = text_of(*j, "other");
  s.force = flag_of(*j, "force");
  s.count = static_cast<uint32_t>(int_of(*j, "count", 1));
  s.since = int_of(*j, "since");
  bool known = false;
  for (RotationPhase phase : kPhases) {
    if (text_of(*j, "phase") != name_of(phase)) continue;
    s.phase = phase;
    known = true;
  }
  std::string sum = sha256_hex(to_text(Json(to_json(s))));
  if (!known || text_of(*j, "sha256") != sum || !is_place(s.active) || !is_place(s.other))
    return fail(damaged);
  return s;
}

}  // namespace

std::string_view name_of(RotationPhase phase) {
  switch (phase) {
    case RotationPhase::none: return "none";
    case RotationPhase::distribute: return "distribute";
    case RotationPhase::switching: return "switch";
    case RotationPhase::renew: return "renew";
    case RotationPhase::retire: return "retire";
  }
  return "none";
}

Outcome<> save_rotation(const std::string& path, const RotationState& state) {
  JsonObject j = to_json(state);
  j["sha256"] = json(sha256_hex(to_text(Json(j))));
  return write_file(path, to_pretty_text(Json(std::move(j))), {.keep_previous = true});
}

Outcome<RotationState> load_rotation(const std::string& path) {
  auto newest = read_one(path);
  if (newest || newest.error().code != Errc::invalid_argument) return newest;
  auto previous = read_one(path + ".prev");
  if (!previous) return newest;
  log::warn("the authority's state is damaged; the one before is used", {{"why", newest.error().what}});
  return previous;
}

}  // namespace meshd
