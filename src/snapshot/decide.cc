// SPDX-License-Identifier: Apache-2.0
// decide.cc: both sides in one, and their words.
#include "snapshot/decide.h"

#include <array>

#include "base/limits.h"
#include "snapshot/rewrite.h"

namespace meshd {

Decision decide(const Snapshot& snapshot, const RequestFacts& facts) {
  Decision out;
  out.service = facts.to ? facts.to : snapshot.service_for_host(facts.host);
  if (!out.service) return out;
  out.routing = route_request(*out.service, facts);
  // The called node judges what is sent: perhaps another service's request, or another path.
  std::array<char, kRequestLineMax> room;
  RequestFacts sent = facts;
  const ServiceEntry* to = out.service;
  if (out.routing.to != nullptr) {
    to = out.routing.to->service;
    if (auto path = rewritten_path(*out.routing.route, facts.path, room))
      sent.path = *path;
    else if (out.routing.ok())
      out.routing.reason = Errc::protocol;
  }
  out.policy = authorize(snapshot, *to, sent);
  // What is never sent is judged by nobody: no route takes it or leads anywhere, the route answers itself, or no path
  // comes out of the rewrite.
  bool judged = out.routing.ok() && out.routing.to != nullptr;
  out.reason = judged && !out.policy.allowed() ? Errc::denied : out.routing.reason;
  return out;
}

namespace {

std::string place(const Snapshot& snapshot, SourcePos at) {
  if (at.line == 0) return {};
  return " at " + snapshot.model.file + ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
}

}  // namespace

std::string policy_text(const Snapshot& snapshot, const Authorization& authorization) {
  return (authorization.rule ? "rule=" + authorization.rule->name : "default") +
         place(snapshot, authorization.at);
}

std::string route_text(const Snapshot& snapshot, const Routing& routing) {
  if (!routing.route) return "route=-";
  return "route=" + (routing.route->name.empty() ? "-" : routing.route->name) +
         place(snapshot, routing.route->at);
}

}  // namespace meshd
