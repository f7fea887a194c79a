// SPDX-License-Identifier: Apache-2.0
#include "net/cgroup_tree.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "base/file.h"

namespace meshd {

TEST_CASE("a cgroup is of the first unit below the slices, and of no unit that a user has inside") {
  struct Row {
    const char *path, *unit, *own;
  };
  for (const Row& r : {
           Row{"/system.slice/web.service", "web.service", "/system.slice/web.service"},
           Row{"/system.slice/web.service/worker", "web.service", "/system.slice/web.service"},
           Row{"/system.slice/system-api.slice/api@1.service/a/b", "api@1.service",
               "/system.slice/system-api.slice/api@1.service"},
           Row{"/user.slice/user-7.slice/user@7.service/app.slice/web.service", "user@7.service",
               "/user.slice/user-7.slice/user@7.service"},
           Row{"/system.slice/_cpu.service", "cpu.service", "/system.slice/_cpu.service"},
           Row{"/init.scope", "init.scope", "/init.scope"},
           Row{"/", "", ""},
           Row{"", "", ""},
           Row{"/system.slice", "", ""},
           Row{"/docker/web.service", "", ""},
           Row{"//web.service", "", ""},
       }) {
    CAPTURE(r.path);
    UnitOfPath u = unit_of(r.path);
    CHECK(u.unit == r.unit);
    CHECK(std::string_view(r.path).substr(0, u.end) == r.own);
  }
}

TEST_CASE("below is at a slash") {
  CHECK(is_below("/a/b", "/a/b"));
  CHECK(is_below("/a/b/c", "/a/b"));
  CHECK(is_below("/a", "/"));
  CHECK_FALSE(is_below("/a/bc", "/a/b"));
  CHECK_FALSE(is_below("/a", "/a/b"));
}

TEST_CASE("cgroups are named by a walk where handles are not for us, in both layouts") {
  for (const char* layout : {"", "/unified"}) {
    CAPTURE(layout);
    std::string root = "/tmp/meshd-cgroups-" + std::to_string(getpid());
    std::string unit = root + "/sys/fs/cgroup" + layout + "/system.slice/system-x.slice/x@1.service";
    std::filesystem::create_directories(unit + "/below");
    REQUIRE(write_file(unit + "/cgroup.events", "populated 1\nfrozen 0\n"));
    struct stat st{};
    REQUIRE(stat((unit + "/below").c_str(), &st) == 0);
    {
      CgroupTree tree(root);
      CHECK(tree.layout() == (*layout ? CgroupTree::Layout::hybrid : CgroupTree::Layout::v2));
      CHECK(tree.path_of(st.st_ino) == "/system.slice/system-x.slice/x@1.service/below");
      CHECK_FALSE(tree.path_of(1'234'567'890'123));
      auto found = tree.find_unit("x@1.service");
      REQUIRE(found);
      CHECK(found->populated);
      CHECK_FALSE(tree.find_unit("below"));
      CHECK(tree.find("/system.slice"));
    }
    std::filesystem::remove_all(root);
  }
  CHECK(CgroupTree("/nonexistent").layout() == CgroupTree::Layout::none);
}

}  // namespace meshd
