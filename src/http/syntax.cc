// SPDX-License-Identifier: Apache-2.0
// syntax.cc: the smallest rules of RFC 9110 section 5.6: tokens, values, white space, lists.
#include <array>

#include "http/semantics.h"

namespace meshd {
namespace {

constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[static_cast<size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<size_t>(c)] = true;
  for (char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr std::array<bool, 256> kToken = make_token_table();

}  // namespace

bool is_token(std::string_view text) {
  if (text.empty()) return false;
  for (char c : text)
    if (!kToken[static_cast<unsigned char>(c)]) return false;
  return true;
}

// obs-text (0x80 and above) passes: it is opaque to us, and real fields carry UTF-8.
// Without a way out of the loop it looks at sixteen at a time.
bool is_field_value(std::string_view text) {
  uint8_t bad = 0;
  for (char c : text) {
    auto u = static_cast<uint8_t>(c);
    bad |= static_cast<uint8_t>(u < 0x20) & static_cast<uint8_t>(u != '\t');
    bad |= static_cast<uint8_t>(u == 0x7f);
  }
  return bad == 0;
}

std::string_view trim_ows(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool next_member(std::string_view& list, std::string_view& member) {
  if (list.data() == nullptr) return false;
  size_t comma = list.find(',');
  member = trim_ows(list.substr(0, comma));
  list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  return true;
}

bool lists(const Fields& fields, std::string_view name, std::string_view member) {
  for (size_t i = 0; i < fields.size(); ++i) {
    Field f = fields[i];
    if (!same_name(f.name, name)) continue;
    std::string_view list = f.value, one;
    while (next_member(list, one))
      if (same_name(one, member)) return true;
  }
  return false;
}

}  // namespace meshd
