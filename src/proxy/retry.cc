// SPDX-License-Identifier: Apache-2.0
#include "proxy/retry.h"

#include <algorithm>
#include <charconv>

#include "base/limits.h"
#include "http/semantics.h"

namespace meshd {
namespace {

using model::Retries;

constexpr seconds kWindow{5};
constexpr uint64_t kFloor = 3;  // retries that are always allowed within a window

// The far node's word that the application broke off before its answer began. (An application cannot forge it.)
bool broke_off(const Response& r) {
  auto reason = r.head.find("x-meshd-error");
  return reason && (reason->starts_with("reset") || reason->starts_with("closed"));
}

// The conditions that this end meets.
uint8_t met_by(const TryEnd& end) {
  if (end.unreached) return Retries::connect_failure;
  if (end.response == nullptr) {
    if (end.error->side == Side::client) return 0;
    if (end.error->code == Errc::timeout) return Retries::server_error | Retries::gateway_error;
    bool broke = end.error->code == Errc::reset || end.error->code == Errc::closed;
    return broke ? Retries::reset : 0;
  }
  int status = end.response->head.status;
  if (status == 429) return Retries::too_many;
  uint8_t broken = broke_off(*end.response) ? Retries::reset : 0;
  if (status >= 502 && status <= 504) return Retries::server_error | Retries::gateway_error | broken;
  return status >= 500 ? Retries::server_error : 0;
}

bool may_be_done_twice(const Retries& policy, std::string_view method) {
  if (policy.methods.empty()) return is_idempotent(method);
  return std::ranges::find(policy.methods, method) != policy.methods.end();
}

std::optional<seconds> retry_after(const TryEnd& end) {
  if (end.response == nullptr) return std::nullopt;
  auto text = end.response->head.find("retry-after");
  if (!text) return std::nullopt;
  int64_t n = 0;
  auto [stop, error] = std::from_chars(text->data(), text->data() + text->size(), n);
  if (error != std::errc() || stop != text->data() + text->size() || n < 0) return std::nullopt;
  return seconds(n);
}

}  // namespace

Again again(const Retries& policy, std::string_view method, const TryEnd& end) {
  uint8_t met = met_by(end) & policy.on;
  if (met == 0) return Again::no;
  if (met == Retries::connect_failure) return Again::now;
  return may_be_done_twice(policy, method) ? Again::later : Again::no;
}

milliseconds backoff(const Retries& policy, uint32_t retries, const TryEnd& end, FastRandom& random) {
  if (auto asked = retry_after(end)) return *asked;
  int64_t bound =
      std::min<int64_t>(policy.backoff_min.count() << std::min(retries, 16u), policy.backoff_max.count());
  return milliseconds(random.below(static_cast<uint32_t>(std::max<int64_t>(bound, 0)) + 1));
}

void RetryBudget::roll(Instant now) {
  if (now - since_ < kWindow) return;
  before_ = now - since_ < 2 * kWindow ? current_ : Window();
  current_ = Window();
  since_ = now;
}

bool RetryBudget::take(uint32_t permille, Instant now) {
  roll(now);
  uint64_t requests = current_.requests + before_.requests, retries = current_.retries + before_.retries;
  if (retries + 1 > std::max(kFloor, requests * permille / 1000)) return false;
  ++current_.retries;
  return true;
}

}  // namespace meshd
