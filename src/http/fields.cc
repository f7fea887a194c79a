// SPDX-License-Identifier: Apache-2.0
#include "http/fields.h"

#include <algorithm>

namespace meshd {
namespace {

unsigned char lower(char c) {
  auto u = static_cast<unsigned char>(c);
  return u >= 'A' && u <= 'Z' ? static_cast<unsigned char>(u | 0x20) : u;
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

Fields::Slice Fields::keep(std::string_view text) {
  if (text_.capacity() == 0) text_.reserve(1024);  // most heads fit: one allocation each
  Slice s{static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(text.size())};
  if (text_.capacity() - text_.size() >= text.size()) {
    text_.append(text);
  } else {
    std::string own(text);  // it may point into text_, which moves
    text_.append(own);
  }
  return s;
}

std::optional<std::string_view> Fields::find(std::string_view name) const {
  for (const Slot& s : slots_)
    if (s.name.size == name.size() && same_name(view(s.name), name)) return view(s.value);
  return std::nullopt;
}

size_t Fields::count(std::string_view name) const {
  size_t n = 0;
  for (const Slot& s : slots_) n += s.name.size == name.size() && same_name(view(s.name), name);
  return n;
}

void Fields::add(std::string_view name, std::string_view value) {
  // Room for both first: keeping the name must not move the buffer under a value that points into it.
  if (text_.capacity() - text_.size() < name.size() + value.size()) {
    std::string own_name(name);
    std::string own_value(value);
    text_.reserve(std::max<size_t>(1024, (text_.size() + name.size() + value.size()) * 2));
    Slice n = keep(own_name);
    Slice v = keep(own_value);
    slots_.push_back({n, v});
    return;
  }
  Slice n = keep(name);
  Slice v = keep(value);
  slots_.push_back({n, v});
}

void Fields::set(std::string_view name, std::string_view value) {
  std::string own_name(name);
  std::string own_value(value);
  remove(own_name);
  add(own_name, own_value);
}

size_t Fields::remove(std::string_view name) {
  size_t kept = 0;
  size_t before = slots_.size();
  for (size_t i = 0; i < before; ++i) {
    if (slots_[i].name.size == name.size() && same_name(view(slots_[i].name), name)) continue;
    slots_[kept++] = slots_[i];
  }
  while (slots_.size() > kept) slots_.pop_back();
  return before - kept;
}

void Fields::clear() {
  text_.clear();
  slots_.clear();
}

}  // namespace meshd
