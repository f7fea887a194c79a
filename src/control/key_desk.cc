// SPDX-License-Identifier: Apache-2.0
#include "control/key_desk.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "control/https_get.h"
#include "jwt/jwk_set.h"

namespace meshd {
namespace {

constexpr std::string_view kWellKnown = "/.well-known/openid-configuration";

// Where the keys are looked for.
std::string source_text(const std::string& issuer, const model::KeySource& from) {
  if (!from.file.empty()) return from.file;
  if (!from.url.empty()) return from.url;
  std::string_view base = issuer;
  if (base.ends_with('/')) base.remove_suffix(1);
  return std::string(base) + std::string(kWellKnown);
}

std::string store_key(const std::string& name) { return "jwks." + name; }

// The address of the keys, as the issuer describes itself (OpenID Connect Discovery 1.0 section 4.3).
Outcome<std::string> keys_url(const std::string& text, const std::string& issuer) {
  auto j = parse_json_unique(text);
  if (!j) return fail(Errc::protocol, "the issuer's description is " + j.error().what);
  if (text_of(*j, "issuer") != issuer)
    return fail(Errc::identity, "the description found there is of issuer '" +
                                    text_of(*j, "issuer").substr(0, 200) + "'; the file says '" + issuer +
                                    "'");
  std::string url = text_of(*j, "jwks_uri");
  if (url.empty()) return fail(Errc::protocol, "the issuer's description names no jwks_uri");
  return url;
}

Task<Outcome<std::string>> get_text(Resolver& resolver, std::shared_ptr<const TlsContext> tls,
                                    std::string url, size_t most) {
  auto parsed = parse_https_url(url);
  if (!parsed) co_return fail(parsed.error());
  HttpsGet get;
  get.url = std::move(*parsed);
  get.tls = std::move(tls);
  get.bytes_max = most;
  Task<Outcome<std::string>> got = https_get(resolver, std::move(get));
  co_return co_await got;
}

// What the issuer publishes now.
Task<Outcome<std::string>> get_keys(Resolver& resolver, std::string issuer, model::KeySource from) {
  auto tls = world_tls(from.roots);
  if (!tls) co_return fail(tls.error());
  std::string url = from.url;
  if (url.empty()) {
    Task<Outcome<std::string>> asked =
        get_text(resolver, *tls, source_text(issuer, from), kDiscoveryBytesMax);
    auto description = co_await asked;
    if (!description) co_return fail(description.error());
    auto found = keys_url(*description, issuer);
    if (!found) co_return fail(found.error());
    url = std::move(*found);
  }
  Task<Outcome<std::string>> asked = get_text(resolver, *tls, std::move(url), kJwkSetBytesMax);
  co_return co_await asked;
}

}  // namespace

KeyDesk::KeyDesk(store::Store& store, const Clock& clock, std::function<void()> changed)
    : store_(store),
      clock_(clock),
      changed_(std::move(changed)),
      random_(static_cast<uint64_t>(clock.now().ns)) {}

KeyDesk::~KeyDesk() { *alive_ = false; }

// What was kept of this issuer by a server that ran before, if it is from the same place.
KeyDesk::EntryPtr KeyDesk::restored(const model::Issuer& issuer) {
  auto e = std::make_shared<Entry>();
  e->name = issuer.name;
  e->issuer = issuer.issuer;
  e->from = issuer.keys;
  e->next = clock_.now();
  auto kept = store_.settings().get(store_key(e->name));
  if (!kept || !*kept) return e;
  auto j = parse_json(**kept);
  if (!j || text_of(*j, "issuer") != e->issuer || text_of(*j, "source") != source_text(e->issuer, e->from))
    return e;
  auto set = parse_jwk_set(text_of(*j, "keys"));
  if (!set) return e;
  e->text = set->text;
  e->keys = set->keys.size();
  e->fetched = int_of(*j, "fetched");
  return e;
}

void KeyDesk::fill(model::Model& model) {
  filling_ = true;
  std::map<std::string, EntryPtr> next;
  for (model::Issuer& issuer : model.jwt) {
    auto it = entries_.find(issuer.name);
    bool same =
        it != entries_.end() && it->second->issuer == issuer.issuer && it->second->from == issuer.keys;
    EntryPtr e = same ? it->second : restored(issuer);
    // A file is here at once: the first content has its keys already.
    if (!e->from.file.empty() && e->text.empty()) read_key_file(*e);
    issuer.key_set = e->text;
    next[issuer.name] = std::move(e);
  }
  entries_ = std::move(next);
  filling_ = false;
}

void KeyDesk::want(const std::string& issuer) {
  auto it = entries_.find(issuer);
  if (it == entries_.end() || !it->second->from.file.empty()) return;
  Entry& e = *it->second;
  Instant soonest = e.asked + kKeysAskedEvery;
  e.next = std::min(e.next, std::max(soonest, clock_.now()));
  if (e.next <= clock_.now()) tick();
}

void KeyDesk::tick() {
  Instant now = clock_.now();
  auto entries = entries_;  // a change makes new ones
  for (auto& [name, e] : entries) {
    if (!e->from.file.empty()) {
      read_key_file(*e);
    } else if (!e->under_way && e->next <= now) {
      e->under_way = true;
      e->asked = now;
      spawn(ask(this, e, alive_));
    }
  }
}

Task<void> KeyDesk::ask(KeyDesk* self, EntryPtr e, std::shared_ptr<bool> alive) {
  Task<Outcome<std::string>> asked = get_keys(self->resolver_, e->issuer, e->from);
  auto set = co_await asked;
  if (!*alive) co_return;
  e->under_way = false;
  self->take(*e, std::move(set));
}

void KeyDesk::read_key_file(Entry& e) {
  struct stat st{};
  Entry::Look look;
  if (stat(e.from.file.c_str(), &st) == 0)
    look = {st.st_ino, st.st_size, st.st_mtim.tv_sec * 1'000'000'000LL + st.st_mtim.tv_nsec};
  bool tried = e.asked.ns != 0;
  if (tried && look == e.file) return;
  e.file = look;
  e.asked = clock_.now();
  take(e, read_file(e.from.file, kJwkSetBytesMax));
}

void KeyDesk::take(Entry& e, Outcome<std::string> text) {
  Instant now = clock_.now();
  auto set = text ? parse_jwk_set(*text) : Outcome<JwkSet>(fail(text.error()));
  if (!set) {
    // What is known stays good: an issuer that cannot be asked has not taken its keys back.
    if (e.error != set.error().what)
      log::warn("the keys of an issuer of tokens cannot be fetched",
                {{"issuer", e.name}, {"why", set.error().what}});
    e.error = set.error().what;
    e.retry = e.retry.count() == 0 ? kKeysRetryFirst : std::min(e.retry * 2, kKeysRetryMost);
    e.next = now + std::min(e.retry, e.from.refresh);
    return;
  }
  if (!e.error.empty()) log::info("the keys of an issuer of tokens are here again", {{"issuer", e.name}});
  e.error.clear();
  e.retry = milliseconds(0);
  e.fetched = clock_.unix_now();
  e.keys = set->keys.size();
  e.ignored = set->ignored;
  // A tenth either way, so that many meshes do not ask one issuer in step.
  auto refresh = e.from.refresh.count();
  e.next =
      now + milliseconds(refresh * 9 / 10 +
                         random_.below(static_cast<uint32_t>(std::clamp<int64_t>(refresh / 5, 1, 1 << 30))));
  bool others = set->text != e.text;
  e.text = std::move(set->text);
  JsonObject kept{{"issuer", json(e.issuer)},
                  {"source", json(source_text(e.issuer, e.from))},
                  {"keys", json(e.text)},
                  {"fetched", json(e.fetched)}};
  if (auto ok = store_.settings().set(store_key(e.name), to_text(Json(std::move(kept)))); !ok)
    log::warn("an issuer's keys are in use but not stored", {{"issuer", e.name}, {"why", ok.error().what}});
  if (!others) return;
  log::info("an issuer of tokens has other keys",
            {{"issuer", e.name}, {"keys", e.keys}, {"ignored", e.ignored}});
  if (!filling_) changed_();
}

Json KeyDesk::status_json() const {
  JsonArray out;
  for (const auto& [name, e] : entries_) {
    JsonObject o;
    o["name"] = json(name);
    o["issuer"] = json(e->issuer);
    o["source"] = json(source_text(e->issuer, e->from));
    o["keys"] = json(static_cast<int64_t>(e->keys));
    o["ignored"] = json(static_cast<int64_t>(e->ignored));
    o["fetched"] = json(e->fetched == 0 ? std::string() : format_time(e->fetched));
    o["error"] = json(e->error);
    out.push_back(Json(std::move(o)));
  }
  return Json(std::move(out));
}

CheckList KeyDesk::checks() const {
  CheckList out;
  for (const auto& [name, e] : entries_) {
    std::string what = source_text(e->issuer, e->from) + ": ";
    if (e->fetched == 0)
      what += "none was ever fetched";
    else
      what += std::to_string(e->keys) + (e->keys == 1 ? " key" : " keys") + ", seen there " +
              format_duration(std::chrono::seconds(std::max<int64_t>(clock_.unix_now() - e->fetched, 0))) +
              " ago";
    bool good = e->error.empty() && e->fetched != 0;
    if (!e->error.empty()) what += "; now " + e->error;
    out.add("jwt.keys",
            good              ? CheckList::kOk
            : e->text.empty() ? CheckList::kFinding
                              : CheckList::kNote,
            name, what,
            e->text.empty() ? "until they are here, requests that show its tokens are answered 503" : "");
  }
  return out;
}

}  // namespace meshd
