// SPDX-License-Identifier: Apache-2.0
#include "store/chain.h"

namespace meshd::store {

std::string chain_hash(const Hash& hash, std::string_view previous,
                       std::initializer_list<std::string_view> fields) {
  std::string input;
  auto put = [&input](std::string_view field) {
    input += std::to_string(field.size());
    input += ':';
    input += field;
  };
  put(previous);
  for (std::string_view field : fields) put(field);
  return hash(input);
}

}  // namespace meshd::store
