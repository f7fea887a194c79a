// SPDX-License-Identifier: Apache-2.0
// fields.h: an ordered list of header or trailer fields over one buffer (RFC 9110 section 5).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/small_vector.h"

namespace meshd {

struct Field {
  std::string_view name;   // as received; compare with same_name
  std::string_view value;  // without surrounding white space
};

// Two texts of one size, ASCII case-insensitive.
bool same_letters(const char* a, const char* b, size_t size);
// ASCII case-insensitive.
inline bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && same_letters(a.data(), b.data(), a.size());
}

// Fields keep their order and the case of their names. Views stay valid until the next change.
// The buffer only grows: what is removed stays in it until clear().
class Fields {
 public:
  size_t size() const { return slots_.size(); }
  bool empty() const { return slots_.empty(); }
  Field operator[](size_t i) const { return {view(slots_[i].name), view(slots_[i].value)}; }
  // Bytes of all names and values.
  size_t bytes() const;

  // Value of the first field of that name.
  std::optional<std::string_view> find(std::string_view name) const;
  size_t count(std::string_view name) const;
  // Begins anew with a copy of `text`, a whole head, which it gives: fields whose name and value are parts of it are
  // added without a copy of their own.
  std::string_view adopt(std::string_view text);
  // `name` and `value` may point into this object.
  void add(std::string_view name, std::string_view value);
  // Replaces all fields of that name by one.
  void set(std::string_view name, std::string_view value);
  // Gives how many were removed.
  size_t remove(std::string_view name);
  void clear();

 protected:
  struct Slice {
    uint32_t offset = 0;
    uint32_t size = 0;
  };
  std::string_view view(Slice s) const { return std::string_view(text_).substr(s.offset, s.size); }
  // Where `text` lies in the buffer; it is appended unless it is there already.
  Slice keep(std::string_view text);

 private:
  struct Slot {
    Slice name, value;
  };
  bool holds(std::string_view part) const {
    return part.data() >= text_.data() && part.data() + part.size() <= text_.data() + text_.size();
  }
  std::string text_;
  SmallVector<Slot, 16> slots_;
};

enum class HttpVersion : uint8_t { http10, http11, http2 };

// The head of a request. After the semantic layer (semantics.h) has passed it: method is a token,
// authority is a checked host[:port] (empty only in HTTP/1.0), path is normalised origin-form with
// query ("/a?b"), "*" for OPTIONS, or empty for CONNECT; fields hold no Host, no framing and no hop-by-hop fields.
class RequestHead : public Fields {
 public:
  std::string_view method() const { return view(method_); }
  std::string_view path() const { return view(path_); }  // with query
  std::string_view path_only() const { return path().substr(0, path().find('?')); }
  std::string_view authority() const { return view(authority_); }
  std::string_view scheme() const { return view(scheme_); }  // "http" or "https"
  std::string_view protocol() const {
    return view(protocol_);
  }  // :protocol (RFC 8441) or Upgrade's value; else empty
  // Empty again, its memory kept for the next head of a connection.
  void reset() {
    clear();
    method_ = path_ = authority_ = scheme_ = protocol_ = Slice{};
    version = HttpVersion::http11;
  }
  void set_method(std::string_view v) { method_ = keep(v); }
  void set_path(std::string_view v) { path_ = keep(v); }
  void set_authority(std::string_view v) { authority_ = keep(v); }
  void set_scheme(std::string_view v) { scheme_ = keep(v); }
  void set_protocol(std::string_view v) { protocol_ = keep(v); }
  HttpVersion version = HttpVersion::http11;

 private:
  Slice method_, path_, authority_, scheme_, protocol_;
};

// The head of a response, interim (1xx) or final. After the semantic layer: no framing and no hop-by-hop fields.
class ResponseHead : public Fields {
 public:
  uint16_t status = 200;
  HttpVersion version = HttpVersion::http11;
};

}  // namespace meshd
