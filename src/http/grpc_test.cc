// SPDX-License-Identifier: Apache-2.0
#include "http/grpc.h"

#include <catch2/catch_test_macros.hpp>

namespace meshd {
namespace {

RequestHead call(std::string_view type, std::string_view timeout = {}) {
  RequestHead head;
  head.set_method("POST");
  head.add("content-type", type);
  if (!timeout.empty()) head.add("grpc-timeout", timeout);
  return head;
}

TEST_CASE("gRPC is a POST of application/grpc, with or without a codec's name") {
  for (const char* type :
       {"application/grpc", "application/grpc+proto", "application/grpc;charset=x", "Application/GRPC"})
    CHECK(is_grpc(call(type)));
  for (const char* type : {"application/grpc-web", "application/grpcx", "application/json", ""})
    CHECK_FALSE(is_grpc(call(type)));
  RequestHead get = call("application/grpc");
  get.set_method("GET");
  CHECK_FALSE(is_grpc(get));
}

TEST_CASE("a call's own deadline") {
  struct Case {
    const char* text;
    int64_t ms;  // -1: none
  };
  for (const Case& c :
       {Case{"1H", 3'600'000}, Case{"2M", 120'000}, Case{"3S", 3'000}, Case{"99999999m", 99'999'999},
        Case{"1u", 1}, Case{"1500u", 2}, Case{"1n", 1}, Case{"0m", 0}, Case{"m", -1}, Case{"5", -1},
        Case{"5s", -1}, Case{"-5m", -1}, Case{"+5m", -1}, Case{"5 m", -1}, Case{"123456789m", -1}}) {
    CAPTURE(c.text);
    auto got = grpc_timeout(call("application/grpc", c.text));
    CHECK((got ? got->count() : -1) == c.ms);
  }
  CHECK_FALSE(grpc_timeout(call("application/grpc")));
}

TEST_CASE("our own errors reach a gRPC client as a status, anybody else as before") {
  Error late{Errc::timeout, Side::upstream, "took 100 % too long"};
  Response r = make_refusal(call("application/grpc"), late, "route=a");
  CHECK(r.head.status == 200);
  CHECK(r.head.find("content-type") == "application/grpc");
  CHECK(r.head.find("grpc-status") == "4");
  CHECK(r.head.find("grpc-message") == "meshd: took 100 %25 too long (timeout; route=a)");
  CHECK(r.head.find("x-meshd-error") == "timeout; route=a");
  CHECK(r.body == nullptr);
  Response plain = make_refusal(call("text/plain"), late);
  CHECK(plain.head.status == 504);
  CHECK_FALSE(plain.head.find("grpc-status"));

  CHECK(grpc_status_for({Errc::no_endpoint, Side::self, ""}) == 14);
  CHECK(grpc_status_for({Errc::denied, Side::client, ""}) == 7);
  CHECK(grpc_status_for({Errc::overload, Side::self, ""}) == 8);
  CHECK(grpc_status_for({Errc::no_route, Side::client, ""}) == 12);
  CHECK(grpc_status_for({Errc::internal, Side::self, ""}) == 13);
}

}  // namespace
}  // namespace meshd
