// SPDX-License-Identifier: Apache-2.0
#include "http/h2_websocket.h"

#include "base/encode.h"
#include "base/random.h"
#include "tls/digest.h"

namespace meshd {
namespace {

constexpr std::string_view kProtocol = "websocket";
constexpr std::string_view kKey = "sec-websocket-key";
constexpr std::string_view kAccept = "sec-websocket-accept";
constexpr size_t kKeyBytes = 16;  // RFC 6455 section 4.1

bool is_success(int status) { return status / 100 == 2; }

}  // namespace

std::string websocket_accept(std::string_view key) {
  return to_base64(sha1(std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
}

bool is_extended_connect(const RequestHead& head) {
  return head.method() == "CONNECT" && !head.protocol().empty();
}

bool is_websocket_upgrade(const RequestHead& head) {
  return head.method() == "GET" && same_name(head.protocol(), kProtocol);
}

Result<> connect_to_upgrade(RequestHead& head) {
  if (!same_name(head.protocol(), kProtocol))
    return fail(Errc::unsupported, Side::client, "extended CONNECT for a protocol other than websocket");
  head.set_method("GET");
  head.set(kKey, to_base64(random_bytes(kKeyBytes)));
  return {};
}

Result<> upgrade_answer_to_connect(ResponseHead& answer, const RequestHead& upgrade) {
  if (answer.status == 101) {
    auto key = upgrade.find(kKey);
    auto accept = answer.find(kAccept);
    if (!key || !accept || *accept != websocket_accept(*key))
      return fail(Errc::protocol, Side::upstream, "the upstream did not accept the WebSocket's key");
    answer.status = 200;
  } else if (is_success(answer.status)) {
    return fail(Errc::protocol, Side::upstream, "the upstream did not switch to WebSocket");
  }
  answer.remove(kAccept);
  return {};
}

Result<std::unique_ptr<RequestHead>> upgrade_to_connect(const RequestHead& upgrade) {
  auto key = upgrade.find(kKey);
  std::optional<std::string> bytes;
  if (key && upgrade.count(kKey) == 1) bytes = from_base64(*key);
  if (!bytes || bytes->size() != kKeyBytes)
    return fail(Errc::protocol, Side::client, "a WebSocket without a proper key");
  auto connect = std::make_unique<RequestHead>();
  connect->set_method("CONNECT");
  connect->set_scheme(upgrade.scheme());
  connect->set_authority(upgrade.authority());
  connect->set_path(upgrade.path());
  connect->set_protocol(kProtocol);
  connect->version = HttpVersion::http2;
  for (size_t i = 0; i < upgrade.size(); ++i)
    if (!same_name(upgrade[i].name, kKey)) connect->add(upgrade[i].name, upgrade[i].value);
  return Result<std::unique_ptr<RequestHead>>(std::move(connect));
}

void connect_answer_to_upgrade(ResponseHead& answer, const RequestHead& upgrade) {
  answer.remove(kAccept);
  if (!is_success(answer.status)) return;
  answer.status = 101;
  answer.add(kAccept, websocket_accept(upgrade.find(kKey).value_or("")));
}

}  // namespace meshd
