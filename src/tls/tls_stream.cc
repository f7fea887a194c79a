// SPDX-License-Identifier: Apache-2.0
// tls_stream.cc: a connection after its handshake (handshake.cc): reads, writes, the end.
#include "tls/tls_stream.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "tls/tls_impl.h"

namespace meshd {
namespace {

// The most that mbedTLS puts into a record: it counts the content type into the 16 KiB (ssl_tls.c,
// mbedtls_ssl_get_max_out_record_payload), and would make two records of one byte more.
constexpr size_t kRecordPayload = kTlsRecordMax - 1;
// What each record adds: header 5, content type 1, tag 16 (RFC 8446 5.2), padding up to 15.
constexpr size_t kRecordOverhead = 37;

// Plaintext of all connections of a thread is read into one slab in turn.
ReadSlab& plain_slab() {
  thread_local ReadSlab slab;
  return slab;
}

}  // namespace

TlsStream::Impl::Impl(std::unique_ptr<ByteStream> lower_stream, std::shared_ptr<const TlsContext> with,
                      Side peer_side)
    : context(std::move(with)), lower(std::move(lower_stream)), side(peer_side) {
  mbedtls_ssl_init(&ssl);
  notes.context = context.get();
}

TlsStream::Impl::~Impl() {
  mbedtls_ssl_free(&ssl);
  if (open != nullptr) Block::unref(open);
}

int TlsStream::Impl::pull(void* self, unsigned char* out, size_t n) {
  ChunkQueue& inbox = static_cast<Impl*>(self)->inbox;
  if (inbox.empty()) return MBEDTLS_ERR_SSL_WANT_READ;
  const Chunk& front = inbox.chunks().front();
  size_t some = std::min(n, front.size());
  std::memcpy(out, front.data(), some);
  inbox.drop(some);
  return static_cast<int>(some);
}

int TlsStream::Impl::push(void* self, const unsigned char* bytes, size_t n) {
  Impl& i = *static_cast<Impl*>(self);
  for (size_t done = 0; done < n;) {
    if (i.open == nullptr) {
      // Exact where little is to come, so that a small message does not keep a large block alive.
      size_t size = std::clamp<size_t>(std::max(i.expected_out, n - done), 64, kReadBlock);
      i.open = Block::make(static_cast<uint32_t>(size));
      i.open_used = 0;
    }
    size_t some = std::min<size_t>(n - done, i.open->size - i.open_used);
    std::memcpy(i.open->data() + i.open_used, bytes + done, some);
    i.open_used += some;
    done += some;
    i.expected_out -= std::min(i.expected_out, some);
    if (i.open_used == i.open->size)
      i.outbox.push_back(Chunk::adopt(std::exchange(i.open, nullptr), i.open_used));
  }
  return static_cast<int>(n);
}

Chunks TlsStream::Impl::take_out() {
  if (open != nullptr) outbox.push_back(Chunk::adopt(std::exchange(open, nullptr), open_used));
  expected_out = 0;
  return std::exchange(outbox, Chunks());
}

Error TlsStream::Impl::break_with(Error why) {
  if (!broken) broken = why;
  return *broken;
}

Error TlsStream::Impl::error_of(int status) const {
  switch (status) {
    case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
      // The alert's two bytes are still in the message buffer (RFC 8446 6).
      switch (ssl.in_msg != nullptr ? ssl.in_msg[1] : 0) {
        case MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE:
          return {Errc::tls, side, "the peer found no common TLS parameters"};
        case MBEDTLS_SSL_ALERT_MSG_PROTOCOL_VERSION: return {Errc::tls, side, "the peer speaks no TLS 1.3"};
        case MBEDTLS_SSL_ALERT_MSG_NO_APPLICATION_PROTOCOL:
          return {Errc::tls, side, "the peer speaks no common protocol"};
        case MBEDTLS_SSL_ALERT_MSG_CERT_REQUIRED: return {Errc::tls, side, "the peer asks for a certificate"};
        case MBEDTLS_SSL_ALERT_MSG_BAD_CERT:
        case MBEDTLS_SSL_ALERT_MSG_UNSUPPORTED_CERT:
        case MBEDTLS_SSL_ALERT_MSG_CERT_REVOKED:
        case MBEDTLS_SSL_ALERT_MSG_CERT_EXPIRED:
        case MBEDTLS_SSL_ALERT_MSG_CERT_UNKNOWN:
        case MBEDTLS_SSL_ALERT_MSG_UNKNOWN_CA:
        case MBEDTLS_SSL_ALERT_MSG_ACCESS_DENIED:
          return {Errc::tls, side, "the peer refuses our certificate"};
        default: return {Errc::tls, side, "the peer ended the connection with a TLS alert"};
      }
    case MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE:
      return {Errc::identity, side, "the peer shows no certificate"};
    case MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION: return {Errc::tls, side, "the peer speaks no TLS 1.3"};
    case MBEDTLS_ERR_SSL_INVALID_RECORD: return {Errc::tls, side, "the peer does not speak TLS"};
    case MBEDTLS_ERR_SSL_INVALID_MAC: return {Errc::tls, side, "a TLS record was changed on the way"};
    case MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE: return {Errc::tls, side, "no common TLS parameters"};
    case MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE: return {Errc::tls, side, "an unexpected TLS message"};
    case MBEDTLS_ERR_SSL_ALLOC_FAILED: return {Errc::exhausted, Side::self, "out of memory for TLS"};
    case MBEDTLS_ERR_SSL_COUNTER_WRAPPING:
      return {Errc::tls, Side::self, "too many TLS records on one connection"};
    default: return {Errc::tls, side, "TLS failed"};
  }
}

namespace {

// Reading failed. mbedTLS may have written an alert that says why; nobody waits for it to leave.
void break_reading(TlsStream::Impl& i, int status) {
  i.break_with(i.error_of(status));
  Chunks alert = i.take_out();
  if (alert.empty()) return;
  auto sent = i.lower->write(std::move(alert));
  (void)sent;
}

constexpr Error kNoMemory{Errc::exhausted, Side::self, "out of memory for TLS"};

// Decrypts what is in the inbox, as far as a block of the slab goes: bytes taken.
size_t decrypt(TlsStream::Impl& i) {
  std::span<char> space = plain_slab().space();
  size_t used = 0;
  // As many records as are there and fit.
  while (used < space.size()) {
    int n =
        mbedtls_ssl_read(&i.ssl, reinterpret_cast<unsigned char*>(space.data() + used), space.size() - used);
    if (n > 0) {
      used += static_cast<size_t>(n);
      continue;
    }
    // A ticket that we do not use, or an empty record: go on.
    if (n == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET || n == 0) continue;
    if (n == MBEDTLS_ERR_SSL_WANT_READ) {
      if (i.inbox.empty()) break;
      continue;  // a warning was skipped; the next record is here
    }
    if (n == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
      i.at_end = true;
    else
      break_reading(i, n);
    break;
  }
  return used;
}

// What reading gave without waiting: bytes, the end or an error; nothing when more ciphertext is needed.
std::optional<Result<Chunk>> read_now(TlsStream::Impl& i) {
  if (i.broken) return Result<Chunk>(fail(*i.broken));
  if (i.at_end) return Result<Chunk>(Chunk());
  size_t used = 0;
  // Where the library still has its buffers, it is asked even without bytes: it lets go of a message when asked for the
  // next.
  if (!i.inbox.empty() || i.buffers.lent()) {
    if (!i.buffers.lend(i.ssl)) return Result<Chunk>(fail(i.break_with(kNoMemory)));
    used = decrypt(i);
  }
  i.buffers.take_back(i.ssl);
  if (used > 0) {
    i.total_read += used;
    return Result<Chunk>(plain_slab().take(used));
  }
  if (i.broken) return Result<Chunk>(fail(*i.broken));
  if (i.at_end) return Result<Chunk>(Chunk());
  return std::nullopt;
}

// Takes what the lower stream gave into the inbox.
void arrived(TlsStream::Impl& i, Result<Chunk> bytes) {
  if (!bytes)
    i.break_with(bytes.error());
  else if (bytes->empty())
    i.break_with({Errc::reset, i.side, "the connection ended without a TLS close"});
  else
    i.inbox.push(std::move(*bytes));
}

Task<Result<Chunk>> read_later(LocalPtr<TlsStream::Impl> impl) {
  TlsStream::Impl& i = *impl;
  for (;;) {
    auto bytes = co_await i.lower->read();
    arrived(i, std::move(bytes));
    if (auto plain = read_now(i)) co_return std::move(*plain);
  }
}

// Encrypts `n` bytes as one record. Errors are final.
Result<> write_record(TlsStream::Impl& i, const char* bytes, size_t n) {
  while (n > 0) {
    int done = mbedtls_ssl_write(&i.ssl, reinterpret_cast<const unsigned char*>(bytes), n);
    if (done <= 0) return fail(i.break_with(i.error_of(done)));
    bytes += done;
    n -= static_cast<size_t>(done);
  }
  return {};
}

// Full records straight from large chunks; small ones are gathered, because each record costs 22 bytes and a call.
Result<> write_records(TlsStream::Impl& i, const Chunks& chunks) {
  thread_local char gathered[kRecordPayload];
  size_t used = 0;
  for (const Chunk& chunk : chunks) {
    std::string_view rest = chunk.view();
    if (rest.empty()) continue;
    if (used > 0) {
      size_t some = std::min(rest.size(), kRecordPayload - used);
      std::memcpy(gathered + used, rest.data(), some);
      used += some;
      rest.remove_prefix(some);
      if (used < kRecordPayload) continue;
      if (auto written = write_record(i, gathered, used); !written) return written;
      used = 0;
    }
    size_t whole = rest.size() - rest.size() % kRecordPayload;
    bool last = &chunk == chunks.end() - 1;
    if (last) whole = rest.size();
    for (size_t at = 0; at < whole; at += kRecordPayload)
      if (auto written = write_record(i, rest.data() + at, std::min(kRecordPayload, whole - at)); !written)
        return written;
    rest.remove_prefix(whole);
    std::memcpy(gathered, rest.data(), rest.size());
    used = rest.size();
  }
  return write_record(i, gathered, used);
}

Task<Result<size_t>> write_later(LocalPtr<TlsStream::Impl> impl, Await<Result<size_t>> below, size_t size) {
  auto taken = co_await below;
  if (!taken) co_return fail(impl->break_with(taken.error()));
  co_return size;
}

Task<Result<>> finish_later(LocalPtr<TlsStream::Impl> impl, Chunks notify) {
  TlsStream::Impl& i = *impl;
  auto sent = co_await i.lower->write(std::move(notify));
  if (!sent) co_return fail(i.break_with(sent.error()));
  co_return co_await i.lower->finish();
}

}  // namespace

TlsStream::TlsStream(LocalPtr<Impl> impl) : impl_(std::move(impl)) {}
TlsStream::~TlsStream() {
  if (impl_) close({Errc::cancelled, Side::self, "stream destroyed"});
}

Await<Result<Chunk>> TlsStream::read() {
  // The inbox holds something only if the last read left it there or the handshake did.
  if (auto now = read_now(*impl_)) return std::move(*now);
  return read_later(impl_);
}

Await<Result<size_t>> TlsStream::write(Chunks chunks) {
  Impl& i = *impl_;
  if (i.broken) return Result<size_t>(fail(*i.broken));
  assert(!i.finished);
  size_t size = total_size(chunks);
  if (size == 0) return size;
  i.expected_out = size + (size / kRecordPayload + 1) * kRecordOverhead;
  if (!i.buffers.lend(i.ssl)) return Result<size_t>(fail(i.break_with(kNoMemory)));
  auto written = write_records(i, chunks);
  i.buffers.take_back(i.ssl);
  if (!written) return Result<size_t>(fail(written.error()));
  i.total_written += size;
  Await<Result<size_t>> below = i.lower->write(i.take_out());
  if (!below.await_ready()) return write_later(impl_, std::move(below), size);
  auto taken = below.await_resume();
  if (!taken) return Result<size_t>(fail(i.break_with(taken.error())));
  return size;
}

Await<Result<>> TlsStream::finish() {
  Impl& i = *impl_;
  if (i.broken) return Result<>(fail(*i.broken));
  if (i.finished) return Result<>();
  i.finished = true;
  if (!i.buffers.lend(i.ssl)) return Result<>(fail(i.break_with(kNoMemory)));
  int status = mbedtls_ssl_close_notify(&i.ssl);
  i.buffers.take_back(i.ssl);
  if (status != 0) return Result<>(fail(i.break_with(i.error_of(status))));
  return finish_later(impl_, i.take_out());
}

void TlsStream::close(Error why) {
  impl_->break_with(why);
  impl_->inbox.clear();
  impl_->lower->close(why);
}

bool TlsStream::ready() const {
  const Impl& i = *impl_;
  return i.broken || i.at_end || !i.inbox.empty() || mbedtls_ssl_get_bytes_avail(&i.ssl) > 0 ||
         i.lower->ready();
}

bool TlsStream::worn() const {
  // Sequence numbers, big-endian; 2^23 leaves as many again for what is under way.
  auto past_limit = [](const unsigned char* counter) {
    uint64_t n = 0;
    for (int at = 0; counter != nullptr && at < 8; ++at) n = n << 8 | counter[at];
    return n >= 1u << 23;
  };
  return past_limit(impl_->ssl.cur_out_ctr) || past_limit(impl_->ssl.in_ctr);
}

size_t TlsStream::queued() const { return impl_->lower->queued(); }
const std::optional<SpiffeId>& TlsStream::peer_id() const { return impl_->peer_id; }
std::string_view TlsStream::sni() const { return impl_->notes.sni; }
const TlsContext& TlsStream::context() const { return *impl_->context; }
ByteStream& TlsStream::lower() { return *impl_->lower; }
uint64_t TlsStream::bytes_read() const { return impl_->total_read; }
uint64_t TlsStream::bytes_written() const { return impl_->total_written; }

CertificateChain TlsStream::peer_chain() const {
  CertificateChain chain;
  for (const mbedtls_x509_crt* c = mbedtls_ssl_get_peer_cert(&impl_->ssl); c != nullptr; c = c->next)
    if (auto certificate = Certificate::from_der(view_of(c->raw))) chain.push(std::move(*certificate));
  return chain;
}

const Identity* TlsStream::local_identity() const {
  const auto& identities = impl_->context->settings().identities;
  return identities.empty() ? nullptr : &identities[impl_->notes.identity];
}

std::string_view TlsStream::alpn() const {
  const char* name = mbedtls_ssl_get_alpn_protocol(&impl_->ssl);
  return name == nullptr ? std::string_view() : name;
}

}  // namespace meshd
