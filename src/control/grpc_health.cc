// SPDX-License-Identifier: Apache-2.0
#include "control/grpc_health.h"

#include <array>
#include <charconv>

#include "http/h2_client.h"
#include "loop/loop.h"

namespace meshd {
namespace {

constexpr std::string_view kPath = "/grpc.health.v1.Health/Check";
constexpr size_t kPrefix = 5;  // compressed or not, and the message's length

void end_call(void* cancellation) {
  static_cast<Cancellation*>(cancellation)
      ->fire({Errc::timeout, Side::upstream, "the health check took too long"});
}

// What is left of a protobuf message (protobuf.dev, Encoding). A read that fails leaves it malformed for good.
struct Wire {
  std::string_view left;
  bool good = true;

  uint64_t varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      if (left.empty()) break;
      auto byte = static_cast<unsigned char>(left.front());
      left.remove_prefix(1);
      if (shift == 63 && byte > 1) break;  // more than 64 bits
      value |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return value;
    }
    good = false;
    return 0;
  }
  void skip(uint64_t bytes) {
    if (bytes > left.size())
      good = false;
    else
      left.remove_prefix(static_cast<size_t>(bytes));
  }
  void skip_field(uint64_t wire_type) {
    switch (wire_type) {
      case 0: varint(); break;
      case 1: skip(8); break;
      case 2: skip(varint()); break;
      case 5: skip(4); break;
      default: good = false;  // groups, which nobody has written since proto2
    }
  }
};

std::string words_for_status(std::string_view code) {
  std::string name = "grpc " + grpc_status_name(code);
  if (code == "12") return name + ": the program has no grpc.health.v1.Health";
  if (code == "5") return name + ": the program has no service of that name";
  return name;
}

std::string words_for_answer(std::string_view content) {
  auto status = grpc_health_status(content);
  if (!status) return "the grpc answer is malformed";
  switch (*status) {
    case 0: return "grpc UNKNOWN";
    case 1: return {};
    case 2: return "grpc NOT_SERVING";
    case 3: return "grpc SERVICE_UNKNOWN";
    default: return "grpc serving status " + std::to_string(*status);
  }
}

RequestHead head_for(const GrpcHealthQuestion& q) {
  RequestHead head;
  head.set_method("POST");
  head.set_scheme("http");
  head.set_authority(q.authority);
  head.set_path(kPath);
  head.add("content-type", "application/grpc");
  head.add("te", "trailers");
  head.add("grpc-timeout", std::to_string(q.limit.count()) + "m");
  head.add("user-agent", "meshd-health");
  return head;
}

}  // namespace

std::string grpc_status_name(std::string_view code) {
  constexpr std::array kNames = {
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  size_t number = 0;
  auto [end, error] = std::from_chars(code.data(), code.data() + code.size(), number);
  if (error != std::errc() || end != code.data() + code.size()) return "status that is no number";
  return number < kNames.size() ? kNames[number] : "status " + std::to_string(number);
}

std::string grpc_health_request(std::string_view service) {
  std::string message;
  if (!service.empty()) {
    message += '\x0a';  // field 1, bytes
    for (size_t n = service.size();; n >>= 7) {
      message += static_cast<char>(n < 0x80 ? n : (n & 0x7f) | 0x80);
      if (n < 0x80) break;
    }
    message += service;
  }
  std::string out(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(message.size() >> shift & 0xff);
  return out + message;
}

std::optional<uint64_t> grpc_health_status(std::string_view content) {
  if (content.size() < kPrefix || content[0] != 0) return std::nullopt;
  uint64_t length = 0;
  for (size_t i = 1; i < kPrefix; ++i) length = length << 8 | static_cast<unsigned char>(content[i]);
  if (length != content.size() - kPrefix) return std::nullopt;
  Wire wire{content.substr(kPrefix)};
  uint64_t status = 0;
  while (wire.good && !wire.left.empty()) {
    uint64_t tag = wire.varint();
    if (tag >> 3 == 0) return std::nullopt;
    if (tag >> 3 != 1)
      wire.skip_field(tag & 7);
    else if ((tag & 7) != 0)
      return std::nullopt;
    else
      status = wire.varint();
  }
  if (!wire.good) return std::nullopt;
  return status;
}

Task<std::string> ask_grpc_health(std::unique_ptr<ByteStream> stream, GrpcHealthQuestion question) {
  Request request;
  request.head = head_for(question);
  request.body = make_body(Chunk::copy(grpc_health_request(question.service)));
  Cancellation cancellation;
  request.cancellation = &cancellation;
  Timer timer(end_call, &cancellation);
  timer.start(question.limit);
  H2Client client(std::move(stream), H2Options::upstream());
  auto response = co_await client.call(request);
  if (!response) {
    Errc code = response.error().code;
    co_return code == Errc::protocol ? std::string("it speaks no HTTP/2") : std::string(name_of(code));
  }
  if (response->head.status != 200) co_return "http " + std::to_string(response->head.status);
  std::string content;
  if (response->body) {
    auto read = co_await read_all(*response->body, kGrpcHealthAnswerMax);
    if (!read) co_return std::string(name_of(read.error().code));
    content = std::move(*read);
  }
  // An answer that is only an error has its status in the head ("Trailers-Only").
  auto status = response->head.find("grpc-status");
  if (!status && response->body && response->body->trailers() != nullptr)
    status = response->body->trailers()->find("grpc-status");
  if (!status) co_return std::string("the answer is not grpc");
  if (*status != "0") co_return words_for_status(*status);
  co_return words_for_answer(content);
}

}  // namespace meshd
