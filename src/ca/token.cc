// SPDX-License-Identifier: Apache-2.0
#include "ca/token.h"

#include "base/encode.h"
#include "base/json.h"
#include "base/random.h"
#include "http/semantics.h"
#include "tls/digest.h"
#include "tls/spiffe_id.h"

namespace meshd {
namespace {

constexpr std::string_view kPrefix = "meshd1.";
constexpr size_t kChecksumBytes = 4;
constexpr size_t kSecretBytes = 32;
constexpr size_t kIdBytes = 8;

std::unexpected<Detailed> bad(std::string what) { return fail(Errc::invalid_argument, std::move(what)); }

// The end of most sentences here: people cannot mend a token, only fetch one.
constexpr const char* kAgain = "; copy it again, or make a new one on the server with: meshd token create";

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

bool valid_pin(std::string_view pin) {
  constexpr std::string_view kKind = "sha256:";
  if (!pin.starts_with(kKind)) return false;
  auto hash = from_hex(pin.substr(kKind.size()));
  return hash && hash->size() == 32;
}

// "host:port" or "[v6]:port"; whether the host exists is for the connection to find out.
bool valid_server(std::string_view server) {
  auto asked = parse_authority(server);
  return asked && asked->port.value_or(0) != 0;
}

}  // namespace

JoinToken JoinToken::make(std::string server, std::string pin, std::string trust_domain) {
  return {std::move(server), std::move(pin), std::move(trust_domain), to_hex(random_bytes(kIdBytes)),
          random_bytes(kSecretBytes)};
}

std::string JoinToken::to_text() const {
  JsonObject o;
  o["a"] = json(server);
  o["d"] = json(trust_domain);
  o["i"] = json(id);
  o["p"] = json(pin);
  o["s"] = json(to_base64url(secret));
  std::string body = meshd::to_text(Json(o));
  return std::string(kPrefix) + to_base64url(body + sha256(body).substr(0, kChecksumBytes));
}

Outcome<JoinToken> JoinToken::parse(std::string_view text) {
  text = trim(text);
  if (text.empty()) return bad("the join token is empty; make one on the server with: meshd token create");
  if (text.size() > kTokenBytesMax) return bad("this is not a join token: it is longer than 2048 bytes");
  if (!text.starts_with("meshd"))
    return bad(
        "this is not a join token: one begins with \"meshd1.\"; make one on the server with: meshd token "
        "create");
  if (!text.starts_with(kPrefix)) {
    if (text.size() < kPrefix.size() || text.find('.') == std::string_view::npos)
      return bad(std::string("the join token is cut off") + kAgain);
    return bad("the join token is of another version of meshd (\"" +
               std::string(text.substr(0, text.find('.'))) +
               "\", this one reads \"meshd1\"); install the server's version here");
  }
  auto bytes = from_base64url(text.substr(kPrefix.size()));
  if (!bytes || bytes->size() <= kChecksumBytes)
    return bad(std::string("the join token is damaged or cut off") + kAgain);
  std::string_view body = std::string_view(*bytes).substr(0, bytes->size() - kChecksumBytes);
  if (sha256(body).substr(0, kChecksumBytes) != std::string_view(*bytes).substr(body.size()))
    return bad(std::string("the join token is damaged or cut off") + kAgain);

  auto parsed = parse_json(body);
  if (!parsed) return bad(std::string("the join token is malformed") + kAgain);
  JoinToken token{text_of(*parsed, "a"), text_of(*parsed, "p"), text_of(*parsed, "d"), text_of(*parsed, "i"),
                  from_base64url(text_of(*parsed, "s")).value_or("")};
  if (!valid_server(token.server)) return bad(std::string("the join token has no server address") + kAgain);
  if (!valid_pin(token.pin)) return bad(std::string("the join token does not name the server's CA") + kAgain);
  if (!valid_trust_domain(token.trust_domain))
    return bad(std::string("the join token has no trust domain") + kAgain);
  auto id = from_hex(token.id);
  if (!id || id->size() != kIdBytes || token.secret.size() != kSecretBytes)
    return bad(std::string("the join token has no secret") + kAgain);
  return token;
}

std::string secret_hash(std::string_view secret) { return sha256_hex(secret); }

bool secret_matches(std::string_view secret, std::string_view stored_hash) {
  return equal_constant_time(secret_hash(secret), stored_hash);
}

}  // namespace meshd
