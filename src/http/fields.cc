// SPDX-License-Identifier: Apache-2.0
#include "http/fields.h"

#include <algorithm>
#include <cstring>

namespace meshd {
namespace {

constexpr size_t kUsualHead = 1024;  // most heads fit: one allocation each

template <class Word>
Word load(const char* at) {
  Word w;
  memcpy(&w, at, sizeof w);
  return w;
}

// Eight bytes at once: they differ, if at all, in the case of letters.
bool same_word(uint64_t x, uint64_t y) {
  constexpr uint64_t kEach = 0x0101010101010101;
  uint64_t differ = x ^ y;
  if (differ == 0) return true;
  if ((differ & ~(kEach * 0x20)) != 0) return false;
  uint64_t low = (x | kEach * 0x20) & kEach * 0x7f;
  // The high bit of each byte: at least 'a', not beyond 'z', and ASCII.
  uint64_t letter = (low + kEach * (0x80 - 'a')) & ~(low + kEach * (0x7f - 'z')) & ~x & kEach * 0x80;
  return (differ & ~(letter >> 2)) == 0;
}

}  // namespace

bool same_letters(const char* a, const char* b, size_t size) {
  // The last word overlaps the one before.
  if (size >= 8) {
    for (size_t i = 0; i + 8 < size; i += 8)
      if (!same_word(load<uint64_t>(a + i), load<uint64_t>(b + i))) return false;
    return same_word(load<uint64_t>(a + size - 8), load<uint64_t>(b + size - 8));
  }
  auto ends = [size](const char* at) {
    return uint64_t{load<uint32_t>(at)} << 32 | load<uint32_t>(at + size - 4);
  };
  if (size >= 4) return same_word(ends(a), ends(b));
  for (size_t i = 0; i < size; ++i)
    if (!same_word(static_cast<uint8_t>(a[i]), static_cast<uint8_t>(b[i]))) return false;
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
