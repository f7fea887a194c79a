// SPDX-License-Identifier: Apache-2.0
// match.h: which requests a route takes: conditions that must all hold, as the file writes them.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/principal.h"

namespace meshd::model {

enum class PathMatch : uint8_t { any, exact, prefix, regex };
enum class ValueMatchKind : uint8_t { exact, prefix, regex, present, absent };

// Of a header field or a query parameter.
struct ValueMatch {
  SourcePos at;
  std::string name;  // of a field: lower case
  ValueMatchKind kind = ValueMatchKind::present;
  std::string value;  // for regex the pattern, on the whole value
};

// Of a gRPC call, whose path is /SERVICE/METHOD.
struct GrpcMatch {
  SourcePos at;         // line 0: no such condition
  std::string service;  // "shop.Cart"; empty: every
  std::string method;   // empty: every
  bool wanted() const { return at.line != 0; }
};

struct Match {
  PathMatch path_kind = PathMatch::any;
  std::string path;                  // for regex the pattern, on the whole path
  std::vector<ValueMatch> headers;   // all must hold
  std::vector<std::string> methods;  // any of; empty: every
  std::vector<ValueMatch> query;     // all must hold
  std::vector<std::string> hosts;    // any of, lower case, `*.` at the start takes all below; empty: every
  std::vector<Principal> from;       // any of; empty: every caller
  GrpcMatch grpc;
  std::vector<std::string> server_names;  // as hosts; of opaque connections that begin TLS
  bool opaque = false;                    // opaque connections only

  // Whether it looks at what only HTTP shows, or at what only opaque connections show. With both it never holds.
  bool looks_at_http() const {
    return path_kind != PathMatch::any || !headers.empty() || !methods.empty() || !query.empty() ||
           !hosts.empty() || grpc.wanted();
  }
  bool looks_at_opaque() const { return opaque || !server_names.empty(); }
};

std::string_view name_of(PathMatch kind);
std::string_view name_of(ValueMatchKind kind);
// "x-canary = 1", "x-user ^= beta-", "x-id ~ [0-9]+", "x-debug present": for lists and explanations.
std::string text_of(const ValueMatch& match);
// "prefix /v2"; empty for any.
std::string path_text(const Match& match);

// Whether every request that `b` matches is matched by `a` too. Never true wrongly; false where it is not obvious.
bool covers(const Match& a, const Match& b);

// "shop.example.com", or "*.example.com" for all names below; lower case.
bool is_host_pattern(std::string_view text);
// Whether `host`, in any case, with a port and a final dot or without, is what `pattern` names.
bool host_matches(std::string_view host, std::string_view pattern);
// Whether every host that `inner` takes is one that `outer` takes.
bool host_pattern_covers(std::string_view outer, std::string_view inner);

}  // namespace meshd::model
