// SPDX-License-Identifier: Apache-2.0
// protocol.h: what nodes and server say to each other on the control port: HTTP/2 over TLS 1.3, JSON.
//
// POST /v1/join           no client certificate. The node has checked the server's pin before it sends this.
//   → {"token_id","secret": base64url,"node","address","mesh_port": 15008,"zone","version","csr": PEM}
//   ← 200 {"node","trust_domain","server_id": SPIFFE ID,"control": "ip:port","bundle": PEM,"chain": PEM}
//   ← 403 {"error"}: the same sentence for an unknown, used or expired token; 409 {"error"}: the node's name is taken
// POST /v1/certificates   with the node's certificate.
//   → {"requests": [{"id": SPIFFE ID,"csr": PEM}]}
//   ← 200 {"certificates": [{"id","chain": PEM} or {"id","error"}],"bundle": PEM,"time": unix seconds}
//     A node gets its own id and those of services placed on it in the current revision.
// POST /v1/recover        no client certificate: the node's has expired. The node has checked the root's pin (recover.h).
//   → {"chain": PEM,"csr": PEM,"time": unix seconds,"proof": base64}
//   ← as /v1/certificates, with the node's own alone; 403 {"error"}
// POST /v1/sync           with the node's certificate: both bodies stay open and carry NDJSON lines.
//   node → server
//     {"type":"hello","revision": R,"sha256": hex,"version","address","mesh_port","zone","trust": N,"under"}   first; what the node has
//     {"type":"ack","revision": R}   {"type":"nack","revision": R,"error"}
//     {"type":"trusted","number": N,"under": pin}     the trust document it has; the root above all its certificates
//     {"type":"health","down": {"<endpoint id, 16 hex digits>": "reason"}}     of its own instances; on each change
//     {"type":"answer","what","n", …}                                          to an ask, and flows and keys by themselves (shadow_node.h, flow_node.h)
//     {"type":"answer","what": "keys","issuer": NAME}  a token names a key that this issuer is not known to have (key_desk.h)
//     {"type":"status", …}                                                     each heartbeat: the node's status JSON
//     {"type":"arms","epoch": E,"arms": [{"route","arm","requests","failures","steps"}]}   each second while watched:
//       sums since the node's process began, which `epoch` names (control/figures.h)
//     {"type":"back","revision": R,"sha256": hex,"why"}           R was on trial; time or guard sent the node back to what this
//       names. A node that lost the server says hello with it instead, and tries again
//     {"type":"demand","at": ns of its clock,"acts": N or 0,"limits": {NAME: thousandths of requests a second}}
//                                                     of mesh-wide rate limits, each 200 ms; which grant it acts on
//   server → node
//     {"type":"trust","number": N,"text","signature","chain"}     whom to trust (trust_doc.h); before everything else
//     {"type":"snapshot","revision": R,"base": B,"sha256": hex}   base 0: what follows is everything, else what changed
//     {"type":"object","object": {"json","kind","name"}}          (snapshot/codec.h)
//     {"type":"remove","kind","name"}
//     {"type":"commit","revision": R}                             take effect; sha256 is over encode_snapshot's text
//     {"type":"health","down": {"<endpoint id>": "reason"}}       of the whole mesh; replaces the last one
//     {"type":"trial","revision": R,"before": B,"seconds_left","guard","min_requests"}   R, which may follow, must be
//       confirmed in time, or is gone back from to B; {"type":"trial","revision": R,"confirmed": true}
//     {"type":"watch","routes": [name]}                           whose arms to report; replaces the last one
//     {"type":"shares","number": N,"of": the demand's "at","set": {NAME: share, of 10^9}}   all it has until 2 s after
//                                                     that "at" (limit_shares.h)
//     {"type":"shadow","id","base": sha256,"sha256": hex}   a candidate, as a difference from the content `base`; then
//     {"type":"shadow-object","object"} {"type":"shadow-remove","kind","name"} … {"type":"shadow-commit","id"}
//     {"type":"shadow-end"}                                       there is none
//     {"type":"ask","what": "shadow" or "flows","n": N}
//     {"type":"ping","time": unix seconds}                        each heartbeat
// Lines have at most kControlLineMax bytes. Unknown types are ignored, so that versions can differ by one.
#pragma once
#include <chrono>

namespace meshd {

inline constexpr std::chrono::milliseconds kHeartbeat{5'000};
inline constexpr std::chrono::milliseconds kSilenceMax{15'000};  // three heartbeats: the other side is away

}  // namespace meshd
