// SPDX-License-Identifier: Apache-2.0
#include "http/fields.h"

#include <algorithm>
#include <cstring>

namespace meshd {
namespace {

constexpr size_t kUsualHead = 1024;  // most heads fit: one allocation each

unsigned char lower(char c) {
  auto u = static_cast<unsigned char>(c);
  return u >= 'A' && u <= 'Z' ? static_cast<unsigned char>(u | 0x20) : u;
}

}  // namespace

bool same_letters(const char* a, const char* b, size_t size) {
  // Eight at a time while they are the same bytes, as names nearly always are, or differ in more than case.
  for (; size >= 8; a += 8, b += 8, size -= 8) {
    uint64_t x, y;
    memcpy(&x, a, 8);
    memcpy(&y, b, 8);
    if (x == y) continue;
    if (((x ^ y) & ~uint64_t{0x2020202020202020}) != 0) return false;
    for (size_t i = 0; i < 8; ++i)
      if (lower(a[i]) != lower(b[i])) return false;
  }
  for (size_t i = 0; i < size; ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

Fields::Slice Fields::keep(std::string_view text) {
  auto size = static_cast<uint32_t>(text.size());
  if (size == 0) return {};
  if (holds(text)) return {static_cast<uint32_t>(text.data() - text_.data()), size};
  if (text_.capacity() < kUsualHead) text_.reserve(kUsualHead);
  Slice s{static_cast<uint32_t>(text_.size()), size};
  text_.append(text);
  return s;
}

std::string_view Fields::adopt(std::string_view text) {
  clear();
  // With room for what nodes add on the way.
  text_.reserve(std::max(kUsualHead, text.size() + text.size() / 2));
  text_.assign(text);
  return text_;
}

size_t Fields::bytes() const {
  size_t n = 0;
  for (const Slot& s : slots_) n += s.name.size + s.value.size;
  return n;
}

std::optional<std::string_view> Fields::find(std::string_view name) const {
  for (const Slot& s : slots_)
    if (same_name(view(s.name), name)) return view(s.value);
  return std::nullopt;
}

size_t Fields::count(std::string_view name) const {
  size_t n = 0;
  for (const Slot& s : slots_) n += same_name(view(s.name), name);
  return n;
}

void Fields::add(std::string_view name, std::string_view value) {
  // A value that lies in the buffer is noted first: keeping the name may move it.
  bool held = holds(value);
  Slice v = held ? keep(value) : Slice{};
  Slice n = keep(name);
  slots_.push_back({n, held ? v : keep(value)});
}

void Fields::set(std::string_view name, std::string_view value) {
  remove(name);
  add(name, value);
}

size_t Fields::remove(std::string_view name) {
  auto named = [&](const Slot& s) { return same_name(view(s.name), name); };
  Slot* kept = std::remove_if(slots_.begin(), slots_.end(), named);
  auto removed = static_cast<size_t>(slots_.end() - kept);
  for (size_t i = 0; i < removed; ++i) slots_.pop_back();
  return removed;
}

void Fields::clear() {
  text_.clear();
  slots_.clear();
}

}  // namespace meshd
