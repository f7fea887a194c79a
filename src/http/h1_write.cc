// SPDX-License-Identifier: Apache-2.0
#include "http/h1_write.h"

#include <charconv>
#include <cstring>

#include "base/limits.h"

namespace meshd {
namespace {

// Writes into a block of exactly the size that a first pass counted.
struct Counter {
  size_t size = 0;
  void put(std::string_view text) { size += text.size(); }
};
struct Filler {
  char* at;
  void put(std::string_view text) {
    if (text.empty()) return;
    memcpy(at, text.data(), text.size());
    at += text.size();
  }
};

template <class Out>
void put_field(Out& out, std::string_view name, std::string_view value) {
  out.put(name);
  out.put(": ");
  out.put(value);
  out.put("\r\n");
}

template <class Out>
void put_framing(Out& out, const Framing& framing) {
  if (framing.body == BodyKind::chunked) {
    put_field(out, "transfer-encoding", "chunked");
  } else if (framing.body == BodyKind::length || framing.has_length) {
    char digits[20];
    auto end = std::to_chars(digits, digits + sizeof digits, framing.length).ptr;
    put_field(out, "content-length", {digits, static_cast<size_t>(end - digits)});
  }
}

template <class Out>
void put_request(Out& out, const RequestHead& head, const Framing& framing) {
  out.put(head.method());
  out.put(" ");
  out.put(head.method() == "CONNECT" ? head.authority() : head.path());
  out.put(" HTTP/1.1\r\n");
  put_field(out, "host", head.authority());
  bool te = false;
  for (size_t i = 0; i < head.size(); ++i) {
    Field f = head[i];
    put_field(out, f.name, f.value);
    te |= f.name.size() == 2 && same_name(f.name, "te");
  }
  put_framing(out, framing);
  // TE is hop-by-hop: whoever sends it must say so (RFC 9110 section 10.1.4).
  if (!head.protocol().empty()) {
    put_field(out, "connection", te ? "upgrade, te" : "upgrade");
    put_field(out, "upgrade", head.protocol());
  } else if (te) {
    put_field(out, "connection", "te");
  }
  out.put("\r\n");
}

template <class Out>
void put_response(Out& out, const ResponseHead& head, const Framing& framing, ConnectionOption option,
                  std::string_view upgrade) {
  char line[] = "HTTP/1.1 000 ";
  line[9] = static_cast<char>('0' + head.status / 100 % 10);
  line[10] = static_cast<char>('0' + head.status / 10 % 10);
  line[11] = static_cast<char>('0' + head.status % 10);
  out.put({line, sizeof line - 1});
  out.put(reason_phrase(head.status));
  out.put("\r\n");
  for (size_t i = 0; i < head.size(); ++i) put_field(out, head[i].name, head[i].value);
  put_framing(out, framing);
  if (!upgrade.empty()) {
    put_field(out, "connection", "upgrade");
    put_field(out, "upgrade", upgrade);
  } else if (option != ConnectionOption::none) {
    put_field(out, "connection", option == ConnectionOption::close ? "close" : "keep-alive");
  }
  out.put("\r\n");
}

// "1a2b\r\n" before each piece of content.
Chunk chunk_line(size_t size) {
  char text[20];
  char* end = std::to_chars(text, text + 16, size, 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  return Chunk::copy({text, static_cast<size_t>(end - text)});
}

Chunk last_chunk(const Fields* trailers) {
  if (trailers == nullptr || trailers->empty()) return Chunk::literal("0\r\n\r\n");
  std::string text = "0\r\n";
  for (size_t i = 0; i < trailers->size(); ++i)
    text.append((*trailers)[i].name).append(": ").append((*trailers)[i].value).append("\r\n");
  return Chunk::copy(text.append("\r\n"));
}

// Closes the stream when a write waits and nothing moves.
class WriteGuard {
 public:
  explicit WriteGuard(ByteStream& stream) : stream_(stream) {}
  void arm() {
    queued_ = stream_.queued();
    timer_.start(kWriteStall);
  }
  void disarm() { timer_.stop(); }

 private:
  static void fired(void* self) {
    auto& guard = *static_cast<WriteGuard*>(self);
    if (guard.stream_.queued() != guard.queued_)
      guard.arm();
    else
      guard.stream_.close({Errc::stalled, Side::client, "the peer takes nothing"});
  }
  ByteStream& stream_;
  size_t queued_ = 0;
  Timer timer_{&WriteGuard::fired, this};
};

}  // namespace

Chunk write_request_head(const RequestHead& head, const Framing& framing) {
  Counter count;
  put_request(count, head, framing);
  Block* block = Block::make(static_cast<uint32_t>(count.size));
  Filler fill{block->data()};
  put_request(fill, head, framing);
  return Chunk::adopt(block, count.size);
}

Chunk write_response_head(const ResponseHead& head, const Framing& framing, ConnectionOption option,
                          std::string_view upgrade) {
  Counter count;
  put_response(count, head, framing, option, upgrade);
  Block* block = Block::make(static_cast<uint32_t>(count.size));
  Filler fill{block->data()};
  put_response(fill, head, framing, option, upgrade);
  return Chunk::adopt(block, count.size);
}

Task<Sent> send_message(ByteStream& stream, Chunk head, Body* body, Framing framing) {
  WriteGuard guard(stream);
  uint64_t left = framing.length;
  bool ended =
      body == nullptr || framing.body == BodyKind::none || (framing.body == BodyKind::length && left == 0);
  Chunks out;
  if (!head.empty()) out.push_back(std::move(head));
  do {
    Result<Chunk> piece;
    bool pulled = false;
    if (!ended) {
      auto next = body->pull();
      // Head and first content in one write, where the content is there already. A pull that is not ready
      // has taken nothing, so it can be dropped and asked again after the head is written.
      pulled = out.empty() || next.await_ready();
      if (pulled) piece = co_await next;
    }
    if (pulled) {
      if (!piece) co_return Sent{{}, fail(piece.error()), out.empty()};
      ended = piece->empty();
      if (framing.body == BodyKind::length) {
        if (piece->size() > left || (ended && left > 0))
          co_return Sent{{},
                         fail(Errc::protocol, Side::self, "the content has not the length it declared"),
                         out.empty()};
        left -= piece->size();
        ended = left == 0;
      }
      if (framing.body != BodyKind::chunked) {
        if (!piece->empty()) out.push_back(std::move(*piece));
      } else if (piece->empty()) {
        out.push_back(last_chunk(body->trailers()));
      } else {
        out.push_back(chunk_line(piece->size()));
        out.push_back(std::move(*piece));
        out.push_back(Chunk::literal("\r\n"));
      }
    }
    if (out.empty()) break;
    guard.arm();
    auto written = co_await stream.write(std::move(out));
    guard.disarm();
    out = Chunks();
    if (!written) co_return Sent{fail(written.error()), {}};
  } while (!ended);
  co_return Sent{};
}

}  // namespace meshd
