// SPDX-License-Identifier: Apache-2.0
// chain.h: rows that hash the row before them, so that a changed, missing or inserted row is found.
#pragma once
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

namespace meshd::store {

// SHA-256 as 64 hex digits; handed in because hashing lives above this floor (tls/digest.h: sha256_hex).
using Hash = std::function<std::string(std::string_view)>;

// The hash of a row with these fields that follows the row with `previous` (empty for the first). Each field goes in
// with its length, so that no two rows give the same input.
std::string chain_hash(const Hash& hash, std::string_view previous,
                       std::initializer_list<std::string_view> fields);

}  // namespace meshd::store
