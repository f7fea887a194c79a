// SPDX-License-Identifier: Apache-2.0
#include "tls/pem.h"

#include "base/encode.h"
#include "base/file.h"

namespace meshd {
namespace {

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kEnd = "-----END ";
constexpr std::string_view kDashes = "-----";

std::unexpected<Error> bad(const char* why) { return fail(Errc::invalid_argument, Side::self, why); }

}  // namespace

std::string to_pem(std::string_view label, std::string_view der) {
  std::string text = to_base64(der);
  std::string out;
  out.reserve(text.size() + text.size() / 64 + 2 * label.size() + 64);
  out.append(kBegin).append(label).append(kDashes) += '\n';
  for (size_t at = 0; at < text.size(); at += 64) out.append(text, at, 64) += '\n';
  out.append(kEnd).append(label).append(kDashes) += '\n';
  wipe(text);  // it may have been a private key
  return out;
}

Result<std::vector<PemBlock>> parse_pem(std::string_view text) {
  std::vector<PemBlock> blocks;
  for (;;) {
    size_t begin = text.find(kBegin);
    if (begin == std::string_view::npos) return blocks;
    text.remove_prefix(begin + kBegin.size());
    size_t label_end = text.find(kDashes);
    if (label_end == std::string_view::npos || label_end > 64)
      return bad("a PEM block has a broken first line");
    std::string label(text.substr(0, label_end));
    text.remove_prefix(label_end + kDashes.size());

    std::string end = std::string(kEnd) + label + std::string(kDashes);
    size_t body_end = text.find(end);
    if (body_end == std::string_view::npos) return bad("a PEM block has no end");
    std::string base64;
    base64.reserve(body_end);
    for (char c : text.substr(0, body_end))
      if (c != '\n' && c != '\r' && c != ' ' && c != '\t') base64 += c;
    text.remove_prefix(body_end + end.size());

    auto der = from_base64(base64);
    wipe(base64);
    if (!der || der->empty()) return bad("a PEM block is not base64");
    blocks.push_back({std::move(label), std::move(*der)});
  }
}

}  // namespace meshd
