// SPDX-License-Identifier: Apache-2.0
// https_get.cc: name → connection → TLS with the server's name proven → GET → 200.
#include "control/https_get.h"

#include <algorithm>
#include <charconv>

#include "base/file.h"
#include "http/h1_client.h"
#include "http/message.h"
#include "loop/loop.h"
#include "net/tcp_stream.h"
#include "tls/tls_stream.h"

namespace meshd {
namespace {

constexpr std::string_view kScheme = "https://";
constexpr size_t kRootsBytesMax = 4 * 1024 * 1024;
constexpr size_t kAddressesTried = 4;
// Where distributions keep the authorities that they trust: Debian and its kin, then Fedora and its.
constexpr const char* kSystemRoots[] = {"/etc/ssl/certs/ca-certificates.crt",
                                        "/etc/pki/tls/certs/ca-bundle.crt"};

std::unexpected<Detailed> failed(const HttpsUrl& url, Errc code, const std::string& why) {
  return fail(code, url.authority + ": " + why);
}

void end_call(void* cancellation) {
  static_cast<Cancellation*>(cancellation)
      ->fire({Errc::timeout, Side::upstream, "the server did not answer in time"});
}

Task<Outcome<std::unique_ptr<TcpStream>>> connect_any(Resolver& resolver, const HttpsGet& get) {
  auto addresses = co_await resolver.resolve(get.url.host, get.url.port);
  if (!addresses) co_return failed(get.url, addresses.error().code, addresses.error().why);
  Error last{Errc::resolve, Side::upstream, "the name has no address"};
  for (size_t i = 0; i < std::min(addresses->size(), kAddressesTried); ++i) {
    auto tcp = co_await tcp_connect((*addresses)[i], get.limit);
    if (tcp) co_return std::move(*tcp);
    last = tcp.error();
  }
  co_return failed(get.url, last.code, "no connection: " + std::string(last.why));
}

}  // namespace

Outcome<HttpsUrl> parse_https_url(std::string_view url) {
  auto bad = [&](const char* why) {
    return fail(Errc::invalid_argument, "'" + std::string(url.substr(0, 200)) + "' " + why);
  };
  if (!url.starts_with(kScheme)) return bad("does not begin with https://");
  for (char c : url)
    if (static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) >= 0x7f || c == '#' ||
        c == '\\')
      return bad("is no address");
  HttpsUrl out;
  size_t end = std::min(url.find_first_of("/?", kScheme.size()), url.size());
  out.authority = url.substr(kScheme.size(), end - kScheme.size());
  out.target = url.substr(end);
  if (!out.target.starts_with('/')) out.target.insert(0, "/");
  std::string_view host = out.authority;
  if (host.contains('@')) return bad("names a user");
  size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) {
    std::string_view port = host.substr(colon + 1);
    auto [stop, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
    if (error != std::errc() || stop != port.data() + port.size() || out.port == 0)
      return bad("has a bad port");
    host = host.substr(0, colon);
  }
  bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host.empty() || host.find_first_of("[]") != std::string_view::npos ||
      (bracketed ? !SocketAddress::from_ip(host, out.port) : host.contains(':')))
    return bad("names no host");
  out.host = host;
  return out;
}

Outcome<std::shared_ptr<const TlsContext>> world_tls(const std::string& roots_file) {
  Outcome<std::string> pem = fail(Errc::not_found, "this machine has no file of trusted authorities");
  if (!roots_file.empty()) {
    pem = read_file(roots_file, kRootsBytesMax);
  } else {
    for (const char* path : kSystemRoots)
      if (!pem) pem = read_file(path, kRootsBytesMax);
  }
  if (!pem) return fail(pem.error());
  TlsSettings settings;
  settings.check = PeerCheck::name;
  settings.roots = std::move(*pem);
  settings.alpn = {"http/1.1"};
  auto tls = TlsContext::client(std::move(settings));
  if (!tls)
    return fail(
        Errc::invalid_argument,
        (roots_file.empty() ? std::string("the system's authorities") : roots_file) + ": " + tls.error().why);
  return *tls;
}

Task<Outcome<std::string>> https_get(Resolver& resolver, HttpsGet get) {
  auto tcp = co_await connect_any(resolver, get);
  if (!tcp) co_return fail(tcp.error());
  ClientOptions options;
  options.sni = get.url.host;
  options.limit = get.limit;
  std::unique_ptr<ByteStream> lower = std::move(*tcp);
  auto tls = co_await tls_connect(std::move(lower), get.tls, std::move(options));
  if (!tls) co_return failed(get.url, tls.error().code, tls.error().why);

  Request request;
  request.head.set_method("GET");
  request.head.set_scheme("https");
  request.head.set_authority(get.url.authority);
  request.head.set_path(get.url.target);
  request.head.add("accept", "application/json, application/jwk-set+json");
  request.head.add("user-agent", "meshd");
  Cancellation cancellation;
  request.cancellation = &cancellation;
  Timer timer(end_call, &cancellation);
  timer.start(get.limit);
  std::unique_ptr<ByteStream> stream = std::move(*tls);
  H1Client client(std::move(stream));
  auto response = co_await client.call(request);
  if (!response) co_return failed(get.url, response.error().code, response.error().why);
  if (response->head.status != 200)
    co_return failed(get.url, Errc::protocol,
                     "it answers with status " + std::to_string(response->head.status));
  if (!response->body) co_return std::string();
  auto text = co_await read_all(*response->body, get.bytes_max);
  if (!text) co_return failed(get.url, text.error().code, text.error().why);
  co_return std::move(*text);
}

}  // namespace meshd
