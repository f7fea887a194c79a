// SPDX-License-Identifier: Apache-2.0
// client_hello: what the first bytes of a connection speak, and the server name that a ClientHello asks for. What is
// decided of few bytes stays so when more come, and a name lies within the bytes.
#include <algorithm>
#include <functional>

#include "base/limits.h"
#include "fuzz.h"
#include "proxy/sniff.h"

namespace meshd::fuzz {

FUZZ_TARGET(client_hello) {
  std::string_view name = server_name(bytes);
  if (!name.empty()) {
    std::less_equal<const char*> before;
    must(before(bytes.data(), name.data()) && before(name.data() + name.size(), bytes.data() + bytes.size()),
         "a name that is not of these bytes");
    must(sniff(bytes) == FirstBytes::tls, "a server name of what is no ClientHello");
  }
  must(bytes.size() <= kSniffMax || sniff(bytes) != FirstBytes::undecided, "undecided over its limit");

  FirstBytes whole = sniff(bytes.substr(0, kSniffMax));
  FastRandom random = random_of(bytes);
  for (int i = 0; i < 16 && !bytes.empty(); ++i) {
    // Cuts near the front decide most.
    uint32_t most = static_cast<uint32_t>(std::min(bytes.size(), i < 8 ? size_t{32} : kSniffMax));
    std::string_view some = bytes.substr(0, random.below(most));
    FirstBytes early = sniff(some);
    must(early == FirstBytes::undecided || early == whole, "what was decided changes as more comes", some);
    std::string_view early_name = server_name(some);
    must(early_name.empty() || early_name == name, "a name changes as more comes", early_name);
  }
}

}  // namespace meshd::fuzz
