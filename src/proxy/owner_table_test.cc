// SPDX-License-Identifier: Apache-2.0
#include "proxy/owner_table.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "base/file.h"
#include "model/config.h"

namespace meshd {

namespace {

// A root directory with /etc/passwd and one unit's cgroup.
struct FakeRoot {
  std::string path = "/tmp/meshd-owners-" + std::to_string(getpid());
  FakeRoot() {
    std::filesystem::create_directories(path + "/etc");
    std::filesystem::create_directories(path + "/sys/fs/cgroup/system.slice/web.service");
    REQUIRE(write_file(path + "/etc/passwd", "root:x:0:0::/root:/bin/sh\napi:x:1234:1:::\napi2:x:9:1:::\n"));
  }
  ~FakeRoot() { std::filesystem::remove_all(path); }
  uint64_t cgroup() const {
    struct stat st{};
    stat((path + "/sys/fs/cgroup/system.slice/web.service").c_str(), &st);
    return st.st_ino;
  }
};

SnapshotPtr snapshot_of(const char* instances) {
  std::string text = "version: 1\nmesh: { name: t, trust_domain: t.mesh }\nservices:\n";
  text += instances;
  auto parsed = model::parse_config(text);
  REQUIRE(parsed.model);
  return compile(*parsed.model, {{"n1", "127.0.1.1", 15008, ""}}, Revision{1});
}

}  // namespace

TEST_CASE("a caller is the workload of its unit, else of its user, else the node; never a neighbour") {
  FakeRoot root;
  auto s = snapshot_of(
      "  web: { instances: [{ node: n1, port: 80, unit: web.service }] }\n"
      "  api: { instances: [{ node: n1, port: 81, user: api }] }\n"
      "  other: { instances: [{ node: n2, user: root }] }\n"
      "  late: { instances: [{ node: n1, unit: not-started.service }] }\n");
  OwnerTable t = resolve_owners(*s, "n1", "t.mesh", root.path);
  CHECK(t.find(SocketOwner{1234, root.cgroup()}).path == "/ns/default/sa/web");
  CHECK(t.find(SocketOwner{1234, 77}).path == "/ns/default/sa/api");
  CHECK(t.find(SocketOwner{9, 0}).path == "/ns/meshd-system/sa/node.n1");
  CHECK(t.find(SocketOwner{0, 0}).path == "/ns/meshd-system/sa/node.n1");
  CHECK(t.find(std::nullopt).path == "/ns/meshd-system/sa/node.n1");
  CHECK_FALSE(t.trivial());
}

TEST_CASE("any_local names the callers that nothing else names") {
  auto s = snapshot_of("  shell: { instances: [{ node: n1, any_local: true }] }\n");
  OwnerTable t = resolve_owners(*s, "n1", "t.mesh", "/nonexistent");
  CHECK(t.trivial());
  CHECK(t.find(std::nullopt).path == "/ns/default/sa/shell");
  CHECK(resolve_owners(*s, "n2", "t.mesh", "/nonexistent").find(std::nullopt).path ==
        "/ns/meshd-system/sa/node.n2");
}

}  // namespace meshd
