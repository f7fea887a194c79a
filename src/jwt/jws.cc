// SPDX-License-Identifier: Apache-2.0
#include "jwt/jws.h"

#include "base/encode.h"

namespace meshd {

std::expected<Jws, TokenFault> parse_jws(std::string_view compact) {
  constexpr auto malformed = std::unexpected(TokenFault::malformed);
  if (compact.size() > kTokenBytesMax) return malformed;
  size_t first = compact.find('.');
  size_t second = first == std::string_view::npos ? first : compact.find('.', first + 1);
  if (second == std::string_view::npos || compact.find('.', second + 1) != std::string_view::npos)
    return malformed;
  auto header = from_base64url(compact.substr(0, first));
  auto payload = from_base64url(compact.substr(first + 1, second - first - 1));
  auto signature = from_base64url(compact.substr(second + 1));
  if (!header || !payload || !signature) return malformed;
  auto fields = parse_json_unique(*header);
  if (!fields || !fields->is<JsonObject>() || fields->get<JsonObject>().contains("crit")) return malformed;
  const Json &algorithm = member(*fields, "alg"), &kid = member(*fields, "kid");
  if (!algorithm.is<std::string>()) return malformed;
  Jws out;
  if (kid.is<std::string>())
    out.kid = kid.get<std::string>();
  else if (fields->get<JsonObject>().contains("kid"))
    return malformed;
  out.algorithm = algorithm.get<std::string>();
  out.signing_input = compact.substr(0, second);
  out.payload = std::move(*payload);
  out.signature = std::move(*signature);
  return out;
}

}  // namespace meshd
