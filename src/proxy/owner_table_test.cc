// SPDX-License-Identifier: Apache-2.0
#include "proxy/owner_table.h"

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "base/file.h"
#include "model/config.h"

namespace meshd {

namespace {

// A root directory with /etc/passwd.
struct FakeRoot {
  std::string path = "/tmp/meshd-owners-" + std::to_string(getpid());
  FakeRoot() {
    std::filesystem::create_directories(path + "/etc");
    REQUIRE(write_file(path + "/etc/passwd", "root:x:0:0::/root:/bin/sh\napi:x:1234:1:::\napi2:x:9:1:::\n"));
  }
  ~FakeRoot() { std::filesystem::remove_all(path); }
};

SnapshotPtr snapshot_of(const char* instances) {
  std::string text = "version: 1\nmesh: { name: t, trust_domain: t.mesh }\nservices:\n";
  text += instances;
  auto parsed = model::parse_config(text);
  REQUIRE(parsed.model);
  return compile(*parsed.model, {{"n1", "127.0.1.1", 15008, ""}}, Revision{1});
}

struct Asked {
  uint32_t uid;
  const char* path;  // null: not known
  const char* expected;
  IdentifiedBy by;
};

void check(const OwnerTable& t, std::initializer_list<Asked> rows) {
  for (const Asked& r : rows) {
    std::string path = r.path ? r.path : "";
    CAPTURE(r.uid, path, r.expected);
    Identified who = t.find(SocketOwner{r.uid, 1, 1}, r.path ? &path : nullptr);
    CHECK(who.id.path == r.expected);
    CHECK(name_of(who.by) == name_of(r.by));
  }
}

constexpr const char *kWeb = "/ns/default/sa/web", *kApi = "/ns/default/sa/api",
                     *kNode = "/ns/meshd-system/sa/node.n1";

}  // namespace

TEST_CASE("a caller is the workload of its unit, else of its user, else the node; never a neighbour") {
  FakeRoot root;
  auto s = snapshot_of(
      "  web: { instances: [{ node: n1, port: 80, unit: web.service }] }\n"
      "  api: { instances: [{ node: n1, port: 81, user: api }] }\n"
      "  other: { instances: [{ node: n2, user: root }] }\n"
      "  late: { instances: [{ node: n1, user: nobody-here }] }\n");
  OwnerTable t = resolve_owners(*s, "n1", "t.mesh", root.path);
  check(t, {
               {1234, "/system.slice/web.service", kWeb, IdentifiedBy::unit},
               {0, "/system.slice/web.service/worker", kWeb, IdentifiedBy::unit},
               {1234, "/system.slice/other.service", kApi, IdentifiedBy::user},
               {9, "/system.slice/web.service2", kNode, IdentifiedBy::nobody},
               {0, "/user.slice/user@0.service/web.service", kNode, IdentifiedBy::nobody},
               {0, "/", kNode, IdentifiedBy::nobody},
               // Without its cgroup api's user may be web.service's.
               {1234, nullptr, kNode, IdentifiedBy::unknown},
           });
  for (NoOwner why : {NoOwner::gone, NoOwner::unavailable})
    CHECK(t.find(std::unexpected(why), nullptr).id.path == kNode);
  CHECK_FALSE(t.trivial());
}

TEST_CASE("the narrowest selector wins, all that it says must hold, and two alike are nobody") {
  FakeRoot root;
  auto s = snapshot_of(
      "  web: { instances: [{ node: n1, port: 80, cgroup: /pods }] }\n"
      "  api: { instances: [{ node: n1, port: 81, cgroup: /pods/api/ }] }\n"
      "  job: { instances: [{ node: n1, unit: job, user: api }] }\n"
      "  one: { instances: [{ node: n1, unit: twin.service }] }\n"
      "  two: { instances: [{ node: n1, unit: twin.service }] }\n");
  OwnerTable t = resolve_owners(*s, "n1", "t.mesh", root.path);
  check(t, {
               {5, "/pods/x", kWeb, IdentifiedBy::cgroup},
               {5, "/pods/api/x", kApi, IdentifiedBy::cgroup},
               {5, "/pods/apix", kWeb, IdentifiedBy::cgroup},
               {1234, "/system.slice/job.service", "/ns/default/sa/job", IdentifiedBy::unit},
               {5, "/system.slice/job.service", kNode, IdentifiedBy::nobody},
               {5, "/system.slice/twin.service", kNode, IdentifiedBy::ambiguous},
           });
}

TEST_CASE("only instances with a selector and a port have their listener looked at") {
  FakeRoot root;
  auto s = snapshot_of(
      "  web: { instances: [{ node: n1, port: 80, unit: web.service }] }\n"
      "  api: { instances: [{ node: n1, port: 81 }] }\n");
  OwnerTable t = resolve_owners(*s, "n1", "t.mesh", root.path);
  const OwnerClaim* web = t.claim_on(s->endpoint_on("n1", "web", 80)->id);
  REQUIRE(web);
  CHECK(web->text() == "unit web.service");
  CHECK(t.claim_on(s->endpoint_on("n1", "api", 81)->id) == nullptr);
}

TEST_CASE(
    "any_local names the callers that nothing else names, and none that went before they were asked for") {
  auto s = snapshot_of("  shell: { instances: [{ node: n1, any_local: true }] }\n");
  OwnerTable t = resolve_owners(*s, "n1", "t.mesh", "/nonexistent");
  CHECK(t.trivial());
  CHECK(t.find(std::unexpected(NoOwner::gone), nullptr).id.path == "/ns/default/sa/shell");
  CHECK(resolve_owners(*s, "n2", "t.mesh", "/nonexistent")
            .find(std::unexpected(NoOwner::gone), nullptr)
            .id.path == "/ns/meshd-system/sa/node.n2");

  auto both = snapshot_of(
      "  shell: { instances: [{ node: n1, any_local: true }] }\n"
      "  web: { instances: [{ node: n1, unit: web.service }] }\n");
  OwnerTable u = resolve_owners(*both, "n1", "t.mesh", "/nonexistent");
  check(u, {{0, "/", "/ns/default/sa/shell", IdentifiedBy::any_local},
            {0, "/system.slice/web.service", kWeb, IdentifiedBy::unit}});
  CHECK(u.find(std::unexpected(NoOwner::gone), nullptr).id.path == kNode);
}

}  // namespace meshd
