// SPDX-License-Identifier: Apache-2.0
// decide.cc: both sides in one, and their words.
#include "snapshot/decide.h"

namespace meshd {

Decision decide(const Snapshot& snapshot, const RequestFacts& facts) {
  Decision out;
  out.service = facts.to ? facts.to : snapshot.service_for_host(facts.host);
  if (!out.service) return out;
  out.policy = authorize(snapshot, *out.service, facts);
  out.routing = route_request(*out.service, facts);
  out.reason = out.policy.allowed() ? out.routing.reason : Errc::denied;
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
