// SPDX-License-Identifier: Apache-2.0
#include "control/publish.h"

#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>

#include "control/config_watch.h"
#include "control/server_kit.h"

namespace meshd {

TEST_CASE("a good file becomes a revision, the server's file and content for the nodes") {
  Loop loop;
  TestServer server;
  server.add_node("n1");
  server.add_node("n2");
  Published done = server.publish(test_file());
  CHECK(done.accepted);
  CHECK(done.changed);
  CHECK(done.revision.value == 1);
  CHECK(done.rendered.empty());
  CHECK(done.diff.starts_with("--- revision 0\n"));
  CHECK(*read_file(server.file, 1 << 20) == test_file());
  REQUIRE(server.publisher->content());
  CHECK(server.publisher->content()->snapshot->service("web") != nullptr);

  SECTION("the same text again makes no revision") {
    Published again = server.publish(test_file());
    CHECK(again.accepted);
    CHECK(!again.changed);
    CHECK(again.revision.value == 1);
    CHECK(again.diff.empty());
  }
  SECTION("a changed text shows its difference") {
    Published next = server.publish(test_file(50));
    CHECK(next.revision.value == 2);
    CHECK(next.diff.find("-      - { tags: { version: v1 }, weight: 90 }\n+      - { tags: { version: v1 }, "
                         "weight: 50 }") != std::string::npos);
  }
  SECTION("a restarted server acts on it") {
    std::string sha = server.publisher->content()->sha256;
    server.restart();
    CHECK(server.publisher->revision().value == 1);
    CHECK(server.publisher->content()->sha256 == sha);
  }
  SECTION("a new node changes the content and not the revision") {
    std::string sha = server.publisher->content()->sha256;
    server.add_node("n3");
    CHECK(server.publisher->revision().value == 1);
    CHECK(server.publisher->content()->sha256 != sha);
  }
}

TEST_CASE("a wrong file changes nothing and tells every error") {
  Loop loop;
  TestServer server;
  server.publish(test_file());
  std::string sha = server.publisher->content()->sha256;
  Published done = server.publish("services:\n  web:\n    protocl: http\n    listen: many\n");
  CHECK(!done.accepted);
  CHECK(done.revision.value == 1);
  CHECK(done.rendered.find("unknown key 'protocl'") != std::string::npos);
  CHECK(done.rendered.find(server.file + ":4:") != std::string::npos);
  CHECK(done.summary.find("2 errors") != std::string::npos);
  CHECK(done.summary.find("the running configuration (revision 1) is unchanged") != std::string::npos);
  CHECK(server.latest_stored().value == 1);
  CHECK(*read_file(server.file, 1 << 20) == test_file());
  CHECK(server.publisher->content()->sha256 == sha);
}

TEST_CASE("a node that has not joined is a warning, another trust domain an error at its place") {
  Loop loop;
  TestServer server;
  server.add_node("n1");
  Published done = server.publish(test_file());
  CHECK(done.accepted);
  REQUIRE(done.diagnostics.size() == 1);
  CHECK(done.diagnostics[0].code == md::unknown_node);
  CHECK(done.diagnostics[0].at.line == 6);
  CHECK(done.diagnostics[0].hint == "did you mean 'n1'?");

  std::string foreign = test_file();
  foreign.replace(foreign.find("test.mesh"), 9, "rest.mesh");
  done = server.publish(foreign);
  CHECK(!done.accepted);
  CHECK(done.diagnostics[0].code == md::other_trust_domain);
  CHECK(done.diagnostics[0].at.line == 1);
}

TEST_CASE("checking changes nothing") {
  Loop loop;
  TestServer server;
  Change change;
  change.text = test_file();
  Published checked = server.publisher->check(change);
  CHECK(checked.accepted);
  CHECK(!checked.changed);
  CHECK(!exists(server.file));
  CHECK(!server.publisher->content());
}

TEST_CASE("the server's file keeps its mode and its link when it is replaced") {
  TestDir dir;
  REQUIRE(write_file(dir / "real.yaml", "old", {.mode = 0664}));
  REQUIRE(chmod((dir / "real.yaml").c_str(), 0664) == 0);
  REQUIRE(symlink("real.yaml", (dir / "link.yaml").c_str()) == 0);
  REQUIRE(replace_config_file(dir / "link.yaml", "new"));
  struct stat st{};
  REQUIRE(lstat((dir / "link.yaml").c_str(), &st) == 0);
  CHECK(S_ISLNK(st.st_mode));
  REQUIRE(stat((dir / "real.yaml").c_str(), &st) == 0);
  CHECK((st.st_mode & 0777) == 0644);  // under the usual umask of 022
  CHECK(*read_file(dir / "real.yaml", 100) == "new");
}

TEST_CASE("an edit that was never in force is kept beside the file that replaces it") {
  Loop loop;
  TestServer server;
  server.publish(test_file());
  server.publish(test_file(50));
  CHECK(!exists(server.file + ".prev"));
  REQUIRE(write_file(server.file, "services: [half of a thou"));
  server.publish(test_file(40));
  CHECK(*read_file(server.file + ".prev", 1 << 20) == "services: [half of a thou");
  CHECK(*read_file(server.file, 1 << 20) == test_file(40));
}

TEST_CASE("where the file cannot be written there is no revision either") {
  Loop loop;
  TestServer server;
  server.publish(test_file());
  std::filesystem::remove(server.file);
  std::filesystem::create_directory(server.file);
  Change change;
  change.text = test_file(1);
  auto done = server.publisher->publish(change);
  REQUIRE(!done);
  CHECK(server.latest_stored().value == 1);
  CHECK(server.publisher->revision().value == 1);
}

TEST_CASE("an edit of the file is published once it has come to rest") {
  Loop loop;
  TestServer server;
  REQUIRE(write_file(server.file, test_file()));
  ConfigWatch watch(*server.publisher);
  watch.begin();
  CHECK(server.publisher->revision().value == 1);

  REQUIRE(write_file(server.file, test_file(50)));
  watch.check();  // sees that it changed
  CHECK(server.publisher->revision().value == 1);
  watch.check();  // sees that it rests
  CHECK(server.publisher->revision().value == 2);
  CHECK((*server.store->revisions().latest())->author == "file");
  CHECK(watch.problem().empty());

  SECTION("a broken edit is told and changes nothing") {
    REQUIRE(write_file(server.file, "services: 7\n"));
    watch.check();
    watch.check();
    CHECK(server.publisher->revision().value == 2);
    CHECK(watch.problem().find("error[MD") != std::string::npos);
    CHECK(watch.problem().find("revision 2) is unchanged") != std::string::npos);
    REQUIRE(write_file(server.file, test_file(50)));
    watch.check();
    watch.check();
    CHECK(watch.problem().empty());
    CHECK(server.publisher->revision().value == 2);
  }
  SECTION("a missing file is told and changes nothing") {
    std::filesystem::remove(server.file);
    watch.check();
    watch.check();
    CHECK(watch.problem().find("No such file") != std::string::npos);
    CHECK(server.publisher->revision().value == 2);
  }
  SECTION("an edit made while the server was off is taken at its start") {
    server.restart();
    REQUIRE(write_file(server.file, test_file(7)));
    ConfigWatch next(*server.publisher);
    next.begin();
    CHECK(server.publisher->revision().value == 3);
  }
  SECTION("what the API publishes is not taken for an edit") {
    server.publish(test_file(3));
    watch.check();
    watch.check();
    CHECK(server.publisher->revision().value == 3);
  }
}

}  // namespace meshd
