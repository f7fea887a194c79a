// SPDX-License-Identifier: Apache-2.0
// limits.h: every limit of the program, in one place, each with its reason.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace meshd {

using std::chrono::milliseconds;
using std::chrono::seconds;

// ---- bytes in motion
inline constexpr uint32_t kReadBlock =
    64 * 1024 - 64;  // one read() fills at most this; with malloc's header under 64 KiB
inline constexpr size_t kReadMin = 4 * 1024;  // a read with less room would cost system calls
inline constexpr size_t kStreamInboxMax =
    128 * 1024;  // unread bytes held per TCP connection before reading stops
inline constexpr size_t kStreamOutboxHigh = 256 * 1024;  // unsent bytes per connection before a writer waits
inline constexpr size_t kTlsRecordMax = 16 * 1024;       // RFC 8446 5.1
inline constexpr int kListenBacklog = 1024;              // net.core.somaxconn caps it anyway

// ---- HTTP (RFC 9110, 9112, 9113)
inline constexpr size_t kRequestLineMax = 16 * 1024;  // 414; browsers and proxies stay under 8 KiB
inline constexpr size_t kHeadBytesMax = 64 * 1024;    // 431; nginx takes 32 KiB, Envoy 60 KiB
inline constexpr size_t kHeadFieldsMax = 100;         // 431
// How much a head may grow on its way between two nodes, by the fields that say where it comes from and by framing:
// its limits count where it enters the mesh, and must not refuse it later.
inline constexpr size_t kHopFields = 8;
inline constexpr size_t kHopBytes = 1024;
inline constexpr size_t kFieldNameMax = 256;  // longest registered name has 45
inline constexpr size_t kChunkLineMax = 256;  // chunk-size line with extensions
inline constexpr size_t kTrailerBytesMax = 8 * 1024;
inline constexpr milliseconds kHeadDeadline{10'000};   // first byte of a head to its end (slow loris)
inline constexpr milliseconds kKeepAliveIdle{60'000};  // client connection without a request
inline constexpr milliseconds kUpstreamIdle{
    55'000};  // pooled connection: below what servers usually allow (60 s)
inline constexpr milliseconds kBodyStall{30'000};  // no byte of a request's content, or of an answer taken
inline constexpr milliseconds kAnswerSilence{
    300'000};  // between two pieces of an answer: events and streams are silent for minutes
inline constexpr milliseconds kWriteStall{
    120'000};  // a peer takes nothing; its kernel may hold megabytes a slow reader has yet to read
inline constexpr milliseconds kAbandonWatch{
    1'000};  // an answer waits this long before we look whether its client has gone
inline constexpr size_t kDiscardMax =
    64 * 1024;  // rest of an answered request's content read away to keep its connection
inline constexpr milliseconds kLinger{
    2'000};  // after our last byte: time for the peer to read it before a reset can drop it
inline constexpr int kInterimMax = 16;  // 1xx before one answer
inline constexpr int kPipelinedPerTurn =
    32;  // requests of one connection per loop turn, so that none starves the others
inline constexpr uint32_t kH2StreamsMax = 100;     // per connection at an edge
inline constexpr uint32_t kMeshStreamsMax = 1000;  // per connection between nodes
inline constexpr uint32_t kEdgeStreamWindow = 64 * 1024;
inline constexpr uint32_t kEdgeConnectionWindow = 1024 * 1024;
inline constexpr uint32_t kMeshStreamWindow = 512 * 1024;  // 40 Gbit/s at 0.1 ms, 100 Mbit/s at 40 ms
inline constexpr uint32_t kMeshConnectionWindow = 16 * 1024 * 1024;

// ---- connections
inline constexpr milliseconds kConnectTimeout{1'000};    // default of defaults.timeout.connect
inline constexpr milliseconds kRequestTimeout{10'000};   // default of defaults.timeout.request
inline constexpr milliseconds kTunnelIdle{300'000};      // default of defaults.timeout.idle for opaque TCP
inline constexpr milliseconds kHandshakeTimeout{5'000};  // TLS handshake, first byte to last
inline constexpr milliseconds kDrainDeadline{10'000};    // SIGTERM to exit with connections still open
// Unacknowledged data, or a window that stays closed, before a peer is given up. Linux makes no difference between
// the two: with 20 s a client that reads 1 KiB/s was cut after 20 s (measured, 6.18), because it opens its window
// only once it has read 64 KiB.
inline constexpr milliseconds kTcpUserTimeout{120'000};
inline constexpr int kUnsentMax =
    128 * 1024;  // unsent bytes the kernel holds per connection; without a bound 3.8 MB for a slow reader
inline constexpr size_t kIdlePerPool =
    256;  // idle connections kept per program and loop: below what servers commonly allow (nginx: 512 or 768)
inline constexpr size_t kIdleTunnels =
    1'024;  // the same of tunnels, which cost no descriptor: more requests at once than these make new ones each time
inline constexpr size_t kH2ConnectionsMax = 64;  // HTTP/2 connections per (identity, endpoint) and loop
inline constexpr size_t kReplayMax =
    64 * 1024;  // content of a request kept for another try; larger is sent once
inline constexpr size_t kRateKeysMax =
    100'000;  // budgets of rate limits that are not full; beyond, some share one
// `protocol: detect`: how long a new connection may be silent before its upstream is opened, for servers that speak
// first. HTTP and TLS clients speak within this time on any local network.
inline constexpr milliseconds kDetectGrace{2};
inline constexpr milliseconds kDetectPatience{
    1'000};  // the same, where clients were seen to speak first: no connection is opened for nothing
inline constexpr size_t kSniffMax = 16 * 1024;  // bytes looked at; a ClientHello or a request line fits

// What all connections of one loop may buffer together; beyond 92, 95 and 98 % of it the loop sheds (proxy/shed.h).
// A slow reader holds some 0.5 MiB: this is room for 500 of them, and the smallest machines can give it.
inline constexpr size_t kLoopBuffersMax = 256 * 1024 * 1024;
inline constexpr milliseconds kShedInterval{250};  // between two looks at it
inline constexpr int kShedRetryAfter = 1;          // seconds that a refused client is asked to wait

// ---- routes
inline constexpr size_t kRegexBytesMax = 1024;  // a pattern as written
inline constexpr int kRegexProgramMax = 2000;   // instructions it compiles to; common ones stay below 200
inline constexpr size_t kRegexMemory =
    512 * 1024;  // of one pattern with its cache of states, for all loops together

inline constexpr size_t kRespondBodyMax = 64 * 1024;  // of an answer that stands in the file
inline constexpr size_t kMirrorBodyMax =
    64 * 1024;                              // content copied for a mirror; over it the copy is not sent
inline constexpr size_t kMirrorsMax = 256;  // copies under way per loop; further ones are not sent

// ---- control plane
inline constexpr size_t kConfigBytesMax = 8 * 1024 * 1024;  // the file
inline constexpr size_t kControlLineMax = 1024 * 1024;      // one NDJSON line of the control stream
inline constexpr size_t kAdminBodyMax =
    16 * 1024 * 1024;  // request or answer body of control and admin calls
inline constexpr int kJsonDepthMax = 32;
inline constexpr size_t kMailboxMax = 65'536;  // messages waiting for one loop; the sender is told when full

// ---- telemetry
inline constexpr size_t kSeriesMax =
    10'000;  // label sets per metric and loop; the rest goes to an overflow series
inline constexpr size_t kHistogramsMax = 1'000;  // the same for histograms, 3.5 KiB each
inline constexpr size_t kLabelBytesMax = 256;    // of a label's value; a DNS name fits (RFC 1035: 253)

}  // namespace meshd
