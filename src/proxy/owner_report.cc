// SPDX-License-Identifier: Apache-2.0
#include "proxy/owner_report.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <vector>

namespace meshd {
namespace {

using std::chrono::steady_clock;

constexpr int kCostSamples = 101;

struct Matches {
  bool found = false;
  std::string now;
};

Matches matches(const OwnerClaim& c, const CgroupTree& tree) {
  Matches m{true, {}};
  auto add = [&m](bool found, const std::string& what) {
    m.found &= found;
    m.now += (m.now.empty() ? "" : ", ") + what;
  };
  auto cgroup = [&](const std::string& name, const std::optional<CgroupTree::Found>& f) {
    if (!f)
      add(false, "no cgroup of " + name);
    else
      add(f->populated, f->populated ? "in " + f->path : f->path + " is empty");
  };
  if (!c.unit.empty()) cgroup(c.unit, tree.find_unit(c.unit));
  if (!c.cgroup.empty()) cgroup(c.cgroup, tree.find(c.cgroup));
  if (!c.user.empty())
    add(c.uid.has_value(),
        c.uid ? "user " + c.user + " is uid " + std::to_string(*c.uid) : "no user " + c.user);
  return m;
}

const OwnerClaim* claim_of(const OwnersNow& look, const Workload& w) {
  for (const OwnerClaim& c : look.owners.claims)
    if (c.service == w.service->name && w.selectors != nullptr && c.at.line == w.selectors->at.line &&
        c.at.column == w.selectors->at.column)
      return &c;
  return nullptr;
}

std::string place(const Snapshot& s, SourcePos at) {
  if (at.line == 0) return {};
  return s.model.file + ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
}

std::string stranger_on(const OwnersNow& look, const Workload& w) {
  if (w.endpoint == nullptr) return {};
  auto at = SocketAddress::from_ip(w.endpoint->app_address, w.endpoint->port);
  return at ? look.guard.stranger_on(w.endpoint->id, *at) : std::string();
}

// The median of telling who made a connection of our own, which is what a loop does for each it accepts.
std::optional<std::chrono::nanoseconds> cost(const OwnersNow& look) {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int accepted = -1;
  auto any = SocketAddress::from_ip("127.0.0.1", 0);
  auto name_of_end = [](int fd, bool peer) {
    sockaddr_storage s{};
    socklen_t size = sizeof s;
    auto* sa = reinterpret_cast<sockaddr*>(&s);
    (void)(peer ? getpeername(fd, sa, &size) : getsockname(fd, sa, &size));
    return SocketAddress::from_sockaddr(sa, size);
  };
  std::optional<std::chrono::nanoseconds> median;
  if (listener >= 0 && client >= 0 && bind(listener, any->sa(), any->size()) == 0 &&
      listen(listener, 1) == 0) {
    SocketAddress at = name_of_end(listener, false);
    if (connect(client, at.sa(), at.size()) == 0)
      accepted = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  }
  if (accepted >= 0) {
    SocketAddress source = name_of_end(accepted, true), destination = name_of_end(accepted, false);
    std::vector<std::chrono::nanoseconds> spent;
    for (int i = 0; i < kCostSamples; ++i) {
      auto begin = steady_clock::now();
      OwnerAnswer owner = find_caller(source, destination, accepted);
      (void)look.owners.find(owner, owner ? look.cgroups.path_of(owner->cgroup) : nullptr);
      spent.push_back(steady_clock::now() - begin);
    }
    std::ranges::nth_element(spent, spent.begin() + kCostSamples / 2);
    median = spent[kCostSamples / 2];
  }
  for (int fd : {listener, client, accepted})
    if (fd >= 0) close(fd);
  return median;
}

class Checks : public CheckList {
 public:
  explicit Checks(const OwnersNow& look) : look_(look) {
    for (const OwnerClaim& c : look.owners.claims) {
      cgroups_ |= c.by_cgroup();
      any_ = true;
    }
  }

  void kernel() {
    OwnerSupport s = owner_support();
    if (!s.queries)
      add("identity.kernel", any_ ? kFinding : kNote, "",
          "the kernel does not say who owns a socket (sock_diag): callers are the node itself, ports are not "
          "checked",
          "load the module inet_diag, and allow netlink sockets (RestrictAddressFamilies=AF_NETLINK)");
    else if (!s.cgroups)
      add("identity.kernel", cgroups_ ? kFinding : kNote, "",
          "the kernel does not say a socket's cgroup (INET_DIAG_CGROUP_ID): units and cgroups name nobody, "
          "their "
          "ports are not checked",
          "use Linux 5.8 or later, with CONFIG_SOCK_CGROUP_DATA; until then name users");
    else
      add("identity.kernel", kOk, "", "sock_diag names users and cgroups", "");
  }

  void tree() {
    CgroupTree& tree = look_.cgroups.tree();
    if (tree.layout() == CgroupTree::Layout::none) {
      add("identity.cgroup-tree", cgroups_ ? kFinding : kNote, "",
          "no unified cgroup hierarchy (version 2) is mounted: units and cgroups name nobody",
          "boot with systemd.unified_cgroup_hierarchy=1, or name users");
      return;
    }
    add("identity.cgroup-tree", kOk, "",
        std::string(tree.layout() == CgroupTree::Layout::hybrid ? "hybrid" : "version 2") + " at " +
            tree.mount(),
        "");
    if (tree.by_handle())
      add("identity.cgroup-names", kOk, "", "a new cgroup is looked up by its id", "");
    else
      add("identity.cgroup-names", kNote, "", "a new cgroup is looked up by a walk over the whole tree",
          "give meshd CAP_DAC_READ_SEARCH");
  }

  void price() {
    auto spent = cost(look_);
    if (!spent) return;
    char text[96];
    snprintf(text, sizeof text, "%.1f µs for each new connection (at most %d)",
             static_cast<double>(spent->count()) / 1000, static_cast<int>(kIdentifyCost.count()));
    add("identity.cost", *spent <= kIdentifyCost ? kOk : kNote, "", text,
        *spent <= kIdentifyCost ? "" : "the machine is busy, or its processors are slow");
  }

  void selectors() {
    for (const OwnerClaim& c : look_.owners.claims) {
      Matches m = matches(c, look_.cgroups.tree());
      bool no_user = !c.user.empty() && !c.uid;
      add("identity.selector",
          m.found   ? kOk
          : no_user ? kFinding
                    : kNote,
          c.service, c.text() + " (" + place(look_.snapshot, c.at) + "): " + m.now,
          m.found ? ""
          : no_user
              ? "create the user, or correct its name in the file"
              : "start it, or correct its name in the file; until then nothing is " + c.service + " here");
    }
  }

  void shared() {
    const auto& claims = look_.owners.claims;
    for (size_t i = 0; i < claims.size(); ++i)
      for (size_t j = 0; j < i; ++j) {
        const OwnerClaim &a = claims[j], &b = claims[i];
        if (a.id == b.id || a.unit != b.unit || a.cgroup != b.cgroup || a.user != b.user) continue;
        add("identity.shared", kFinding, b.service,
            a.service + " and " + b.service + " are both " + b.text() + " (" + place(look_.snapshot, b.at) +
                "): its calls are the node's own",
            "run them as two units or users");
      }
  }

  void ports() {
    for (const Workload& w : look_.snapshot.workloads_on(look_.node)) {
      if (w.endpoint == nullptr || look_.owners.claim_on(w.endpoint->id) == nullptr) continue;
      std::string stranger = stranger_on(look_, w);
      std::string port = "port " + std::to_string(w.endpoint->port);
      if (stranger.empty())
        add("identity.port", kOk, w.service->name, port + " is no stranger's", "");
      else
        add("identity.port", kFinding, w.service->name,
            port + " is " + stranger + ", declared is " + look_.owners.claim_on(w.endpoint->id)->text() +
                ": nothing is sent to it",
            "see who it is with `ss -ltnp sport = :" + std::to_string(w.endpoint->port) + "`");
    }
  }

 private:
  const OwnersNow& look_;
  bool any_ = false, cgroups_ = false;
};

}  // namespace

Json workloads_json(const OwnersNow& look) {
  JsonArray out;
  for (const Workload& w : look.snapshot.workloads_on(look.node)) {
    if (w.service == nullptr) continue;
    JsonObject o;
    o["service"] = json(w.service->name);
    if (w.endpoint != nullptr) o["port"] = json(int64_t{w.endpoint->port});
    if (w.selectors != nullptr) o["at"] = json(place(look.snapshot, w.selectors->at));
    const OwnerClaim* c = claim_of(look, w);
    bool any = w.selectors != nullptr && w.selectors->any_local;
    if (c != nullptr) {
      Matches m = matches(*c, look.cgroups.tree());
      o["identified_by"] = json(!c->unit.empty() ? "unit" : !c->cgroup.empty() ? "cgroup" : "user");
      o["selector"] = json(c->text());
      o["matches"] = Json(m.found);
      o["now"] = json(m.now);
      if (std::string s = stranger_on(look, w); !s.empty()) o["port_owner"] = json(s);
    } else {
      o["identified_by"] = json(any ? "any-local" : "port");
      o["matches"] = Json(true);
      o["now"] = json(any ? "every local caller that nothing else names"
                          : "by its declared port only: its calls are the node's own");
    }
    out.push_back(Json(std::move(o)));
  }
  return Json(std::move(out));
}

CheckList owner_checks(const OwnersNow& look) {
  Checks c(look);
  c.kernel();
  c.tree();
  c.price();
  c.selectors();
  c.shared();
  c.ports();
  return c;
}

}  // namespace meshd
