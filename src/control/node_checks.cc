// SPDX-License-Identifier: Apache-2.0
#include "control/node_checks.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <memory>

#include "base/file.h"
#include "net/tcp_stream.h"
#include "tls/key_file.h"

namespace meshd {
namespace {

constexpr const char *kOk = CheckList::kOk, *kNote = CheckList::kNote, *kFinding = CheckList::kFinding;

std::string for_so_long(int64_t seconds) { return format_duration(std::chrono::seconds(seconds)); }

void certificates(const NodeParts& n, CheckList& out) {
  UnixSeconds now = n.time.clock().unix_now();
  for (const Identities::State& s : n.identities.states()) {
    if (!s.held) {
      out.add("cert.valid", kFinding, s.name, "no certificate" + (s.problem.empty() ? "" : ": " + s.problem),
              "see whether the server is reachable; it is asked again by itself");
      continue;
    }
    bool bad = s.state == CertState::expired || s.state == CertState::early;
    std::string until = s.state == CertState::expired ? "ended "
                        : s.state == CertState::early ? "begins "
                                                      : "good until ";
    until += format_time(s.state == CertState::early ? s.validity.not_before : s.validity.not_after);
    if (!s.problem.empty()) until += "; not renewed: " + s.problem;
    out.add("cert.valid", bad || !s.problem.empty() || s.state == CertState::ending ? kFinding : kOk, s.name,
            until,
            bad || !s.problem.empty() ? "it is tried again by itself; `meshd cert rotate` tries now" : "");
  }
  for (const Certificate& root : n.identities.bundle().roots()) {
    int64_t left = root.not_after() - now;
    out.add("cert.root", left < kRootWarn ? kFinding : kOk, pin_of(root),
            (left < 0 ? "ended " : "good until ") + format_time(root.not_after()),
            left < kRootWarn ? "on the server: meshd ca rotate" : "");
  }
}

void trust(const NodeParts& n, CheckList& out) {
  const NodeTrust& t = n.identities.trust();
  std::string problem = t.problem().empty() ? n.agent.state().trust_refused : t.problem();
  if (problem.empty())
    out.add("trust.taken", kOk, "", "number " + std::to_string(t.number()));
  else
    out.add("trust.taken", kFinding, "", problem, "what was trusted before still is; see the server's log");
}

void clocks(const NodeParts& n, CheckList& out) {
  std::string refusal = n.time.refusal();
  if (n.time.in_grace())
    out.add("clock.set", kFinding, "",
            "this machine's clock was never set; the server's time is used for a day at most",
            "set it, and let it be kept (systemd-timesyncd, chrony)");
  auto skew = n.time.skew();
  if (!skew) {
    out.add("clock.skew", kNote, "", "the server was not heard yet");
    return;
  }
  std::string what = "differs from the server's by " + std::to_string(*skew) + " s";
  if (!refusal.empty())
    out.add("clock.skew", kFinding, "", what + ": no certificate is renewed",
            "set this machine's clock right");
  else
    out.add("clock.skew", std::abs(*skew) >= kSkewWarn && !n.time.in_grace() ? kFinding : kOk, "", what,
            std::abs(*skew) >= kSkewWarn ? "set this machine's clock right" : "");
}

void files(const NodeParts& n, CheckList& out) {
  struct stat st{};
  bool open = stat(n.state.root().c_str(), &st) == 0 && (st.st_mode & 077) != 0;
  if (open)
    out.add("state.modes", kFinding, n.state.root(), "is open to others", "chmod 0700 " + n.state.root());
  bool all_private = !open, sealed = true;
  for (const std::string& name : list_identities(n.state)) {
    std::string key = n.state.key_of(name);
    if (auto ours = check_private_file(key); !ours) {
      out.add("state.modes", kFinding, key, ours.error().what);
      all_private = false;
    }
    sealed &= !is_plain_key_file(key);
  }
  if (all_private) out.add("state.modes", kOk, n.state.root(), "is closed to others, and so are its keys");
  if (sealed)
    out.add("keys.sealed", kOk, "", "private keys are sealed with this machine's host key");
  else
    out.add("keys.sealed", kNote, "", "private keys lie open in " + n.state.identities(),
            "a copy of the directory is then no copy of the keys: meshd run --host-key FILE");
}

void configuration(const NodeParts& n, CheckList& out) {
  std::string revision = "revision " + std::to_string(n.live.sealed().stored.revision.value);
  const std::string& refused = n.agent.state().refused;
  if (!n.live.snapshot())
    out.add("config.taken", kFinding, "", "there is no configuration yet",
            "see whether the server is reachable");
  else if (!refused.empty())
    out.add("config.taken", kFinding, "", refused, revision + " is still in use; see the server's log");
  else
    out.add("config.taken", kOk, "", revision);
  if (const SnapshotPtr& s = n.live.snapshot())
    for (const Quarantined& q : s->quarantined)
      out.add("config.taken", kFinding, q.kind + " " + q.name, q.status,
              s->model.file + ":" + std::to_string(q.at.line) + ":" + std::to_string(q.at.column));
  if (!n.live.storage_problem().empty())
    out.add("config.taken", kFinding, "", n.live.storage_problem(),
            "after a restart without the server an older one would act");
  for (const ListenProblem& p : n.live.listen_problems())
    out.add("listen.bound", kFinding, p.listener, p.what, "see who has the port with `ss -ltnp`");
  if (n.live.listen_problems().empty()) out.add("listen.bound", kOk, "", "every listener has its port");
}

void limits(CheckList& out) {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  bool few = files.rlim_cur < kFilesWanted;
  out.add("limits.files", few ? kNote : kOk, "", std::to_string(files.rlim_cur) + " descriptors may be open",
          few ? "LimitNOFILE=" + std::to_string(kFilesWanted) + " in the unit" : "");
}

// Those that are asked at once, and what they said.
struct Asked {
  CheckList out;
  size_t missing = 0;
  Op<bool> all;
};

Task<void> ask_peer(std::shared_ptr<Asked> asked, NodeInfo peer) {
  auto at = SocketAddress::from_ip(peer.address, peer.mesh_port);
  Result<std::unique_ptr<TcpStream>> stream = fail(Errc::invalid_argument, Side::self, "no address");
  if (at) stream = co_await tcp_connect(*at, kPeerCheckLimit);
  std::string where = peer.address + ":" + std::to_string(peer.mesh_port);
  if (stream) {
    (*stream)->close({Errc::cancelled, Side::self, "only asked"});
    asked->out.add("peer.reachable", kOk, peer.name, where + " answers");
  } else {
    asked->out.add("peer.reachable", kFinding, peer.name, where + ": " + stream.error().why,
                   "is meshd running there, and the port open between these machines?");
  }
  if (--asked->missing == 0) asked->all.complete(true);
}

}  // namespace

CheckList node_checks(const NodeParts& n) {
  CheckList out;
  certificates(n, out);
  trust(n, out);
  clocks(n, out);
  files(n, out);
  configuration(n, out);
  limits(out);
  return out;
}

Task<CheckList> peer_checks(const NodeParts& n) {
  auto asked = std::make_shared<Asked>();
  const Agent::State& server = n.agent.state();
  if (server.connected)
    asked->out.add("server.reachable", kOk, n.node.control, "connected since " + format_time(server.since));
  else
    asked->out.add("server.reachable", kFinding, n.node.control, server.problem,
                   "this node serves without it until " + format_time(n.identities.alone_until()) + " (" +
                       for_so_long(n.identities.alone_until() - n.time.clock().unix_now()) + ")");
  std::vector<NodeInfo> peers;
  if (const SnapshotPtr& s = n.live.snapshot())
    for (const NodeInfo& peer : s->nodes)
      if (peer.name != n.node.node) peers.push_back(peer);
  asked->missing = peers.size();
  for (NodeInfo& peer : peers) spawn(ask_peer(asked, std::move(peer)));
  if (!peers.empty()) co_await asked->all;
  co_return std::move(asked->out);
}

}  // namespace meshd
