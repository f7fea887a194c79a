// SPDX-License-Identifier: Apache-2.0
#include "control/distribute.h"

#include <catch2/catch_test_macros.hpp>

#include "control/protocol.h"
#include "control/server_kit.h"

namespace meshd {

namespace {

// Lets everything that is under way come to rest: turns of the loop, not time.
void settle(Loop& loop) {
  for (int turn = 0; turn < 8; ++turn) {
    bool over = false;
    loop.post([&over] { over = true; });
    loop.run_until([&over] { return over; });
  }
}

std::string down(const Endpoint* endpoint, const std::string& reason) {
  return "{\"type\":\"health\",\"down\":{\"" + wire_id(endpoint->id) + "\":\"" + reason + "\"}}";
}

struct Mesh {
  Loop loop;
  TestServer server;
  Mesh() {
    server.add_node("n1");
    server.add_node("n2");
    server.publish(test_file());
  }
  // Ends sessions and lets their tasks finish.
  ~Mesh() {
    server.distributor->close();
    loop.run_until([&] { return loop.tasks() == 0; });
  }
  const std::string& newest() { return server.publisher->content()->sha256; }
  bool has_newest(const FakeNode& node) { return node.has().sha256 == newest(); }
  void until_newest(const FakeNode& node) {
    loop.run_until([&] { return has_newest(node); });
    settle(loop);
  }
  const Endpoint* endpoint(const char* node) {
    return server.publisher->content()->snapshot->endpoint_on(node, "web", 8080);
  }
};

}  // namespace

TEST_CASE("a node gets everything, then what changed, and after a pause what it missed") {
  Mesh mesh;
  auto node = std::make_unique<FakeNode>("n1");
  node->connect(mesh.server);
  mesh.until_newest(*node);
  CHECK(node->full == 1);
  CHECK(node->revision().value == 1);
  CHECK(mesh.server.registry->find("n1")->sha256 == mesh.newest());
  CHECK(mesh.server.registry->find("n1")->connected);

  size_t objects = node->objects;
  mesh.server.publish(test_file(50));
  mesh.until_newest(*node);
  CHECK(node->revision().value == 2);
  CHECK(node->full == 1);
  CHECK(node->objects == objects + 1);  // the route

  SealedSnapshot kept = node->has();
  node->leave();
  settle(mesh.loop);
  CHECK(!mesh.server.registry->find("n1")->connected);
  mesh.server.publish(test_file(40));
  mesh.server.publish(test_file(30));
  FakeNode back("n1", kept);
  back.connect(mesh.server);
  mesh.until_newest(back);
  CHECK(back.commits == 1);
  CHECK(back.full == 0);
  CHECK(back.objects == 1);
  CHECK(back.revision().value == 4);

  SECTION("one that has the newest already is sent nothing and counts as having it") {
    SealedSnapshot newest = back.has();
    back.leave();
    settle(mesh.loop);
    FakeNode same("n1", newest);
    same.connect(mesh.server);
    settle(mesh.loop);
    CHECK(same.commits == 0);
    CHECK(mesh.server.registry->find("n1")->sha256 == mesh.newest());
  }
  SECTION("one whose content is forgotten gets everything") {
    back.leave();
    for (int i = 0; i < 10; ++i) mesh.server.publish(test_file(60 + i));
    FakeNode late("n1", kept);
    late.connect(mesh.server);
    mesh.until_newest(late);
    CHECK(late.full == 1);
  }
  SECTION("after a restart of the server it gets everything again") {
    mesh.server.distributor->close();
    mesh.loop.run_until([&] { return mesh.loop.tasks() == 0; });
    mesh.server.restart();
    mesh.server.publish(test_file(20));
    FakeNode again("n1", kept);
    again.connect(mesh.server);
    mesh.until_newest(again);
    CHECK(again.full == 1);
  }
}

TEST_CASE("a node that joins changes every node's content at the same revision") {
  Mesh mesh;
  FakeNode node("n1");
  node.connect(mesh.server);
  mesh.until_newest(node);
  std::string before = node.has().sha256;
  mesh.server.add_node("n3");
  mesh.until_newest(node);
  CHECK(node.has().sha256 != before);
  CHECK(node.revision().value == 1);
  CHECK(node.full == 1);
}

TEST_CASE("what a node refuses is kept with its reason and not sent again; the next change is") {
  Mesh mesh;
  FakeNode node("n1");
  node.connect(mesh.server);
  mesh.until_newest(node);
  node.refuse_with = "cannot bind 127.0.1.1:80";
  mesh.server.publish(test_file(50));
  mesh.loop.run_until([&] { return !mesh.server.registry->find("n1")->error.empty(); });
  settle(mesh.loop);
  const NodeState* state = mesh.server.registry->find("n1");
  CHECK(state->error == "cannot bind 127.0.1.1:80");
  CHECK(state->acked.value == 1);
  CHECK(state->refused_sha256 == mesh.newest());
  CHECK(node.commits == 2);
  mesh.server.add_node("n3");  // other content, same revision
  settle(mesh.loop);
  CHECK(node.commits == 3);
  node.refuse_with.clear();
  mesh.server.publish(test_file(40));
  mesh.until_newest(node);
  CHECK(mesh.server.registry->find("n1")->error.empty());
  CHECK(mesh.server.registry->find("n1")->acked.value == 3);
}

TEST_CASE("a trial is announced before its content; what a node went back from is not sent to it again") {
  Mesh mesh;
  FakeNode node("n1");
  std::string said;
  mesh.server.distributor->on_back = [&](const std::string& name, Revision r, const std::string& why) {
    said = name + " " + std::to_string(r.value) + " " + why;
  };
  node.connect(mesh.server);
  mesh.until_newest(node);
  std::string confirmed = node.has().sha256;
  CHECK(node.trial.is<picojson::null>());

  mesh.server.distributor->tell_trial([] {
    return R"({"type":"trial","revision":2})"
           "\n";
  });
  node.refuse_with = "stop here";
  mesh.server.publish(test_file(50));
  mesh.loop.run_until([&] { return node.commits == 2; });
  CHECK(int_of(node.trial, "revision") == 2);
  node.refuse_with.clear();
  settle(mesh.loop);

  node.say(R"({"type":"back","revision":2,"sha256":")" + confirmed + R"(","why":"a guard"})");
  mesh.loop.run_until([&] { return !said.empty(); });
  settle(mesh.loop);
  CHECK(said == "n1 2 a guard");
  CHECK(node.commits == 2);
  CHECK(mesh.server.registry->find("n1")->sha256 == confirmed);
  CHECK(mesh.server.registry->find("n1")->error == "went back: a guard");
  mesh.server.publish(test_file(40));
  mesh.until_newest(node);
  CHECK(node.full == 1);  // against what it went back to
  CHECK(mesh.server.registry->find("n1")->error.empty());
}

TEST_CASE("twenty nodes get a change, each as one small step") {
  Mesh mesh;
  std::vector<std::unique_ptr<FakeNode>> nodes;
  for (int i = 1; i <= 20; ++i) {
    std::string name = "n" + std::to_string(i);
    if (i > 2) mesh.server.add_node(name);
    nodes.push_back(std::make_unique<FakeNode>(name));
    nodes.back()->connect(mesh.server);
  }
  auto all = [&] { return std::ranges::all_of(nodes, [&](auto& n) { return mesh.has_newest(*n); }); };
  mesh.loop.run_until(all);
  settle(mesh.loop);
  size_t before = nodes[7]->commits;
  mesh.server.publish(test_file(10));
  mesh.loop.run_until(all);
  settle(mesh.loop);
  for (auto& node : nodes) CHECK(node->full == 1);
  CHECK(nodes[7]->commits == before + 1);
  for (auto& [name, state] : mesh.server.registry->all()) CHECK(state.sha256 == mesh.newest());
}

TEST_CASE("a node that answers late is sent only the newest after that, and one that never does is cut off") {
  Mesh mesh;
  FakeNode slow("n1"), other("n2");
  slow.mute = true;
  slow.connect(mesh.server);
  other.connect(mesh.server);
  mesh.until_newest(other);
  for (int i = 1; i <= 5; ++i) mesh.server.publish(test_file(i));
  mesh.until_newest(other);
  CHECK(other.revision().value == 6);
  CHECK(slow.commits == 1);  // waits for the answer to the first
  slow.mute = false;
  slow.say(R"({"type":"ack","revision":1})");
  settle(mesh.loop);
  CHECK(slow.commits == 2);

  slow.mute = true;
  mesh.server.publish(test_file(9));
  settle(mesh.loop);
  for (int i = 0; i < 4; ++i) {
    slow.say(R"({"type":"status"})");
    other.say(R"({"type":"status"})");
    settle(mesh.loop);
    mesh.server.clock.advance(seconds(10));
    mesh.server.distributor->tick();
  }
  settle(mesh.loop);
  CHECK(slow.over());
  CHECK(!other.over());
}

TEST_CASE("a node that says nothing for long is away, for everybody, until it is back") {
  Mesh mesh;
  FakeNode silent("n1"), other("n2");
  silent.connect(mesh.server);
  other.connect(mesh.server);
  mesh.until_newest(silent);
  mesh.until_newest(other);
  CHECK(other.health == "{}");
  for (int i = 0; i < 4; ++i) {
    mesh.server.clock.advance(seconds(5));
    other.say(R"({"type":"status","version":"1"})");
    settle(mesh.loop);
    mesh.server.distributor->tick();
    settle(mesh.loop);
  }
  CHECK(silent.over());
  CHECK(!other.over());
  CHECK(other.pings >= 3);
  CHECK(other.health == "{\"" + wire_id(mesh.endpoint("n1")->id) + "\":\"node n1 is away\"}");
  CHECK(text_of(member(node_json(*mesh.server.registry->find("n2"), mesh.server.clock), "status"),
                "version") == "1");

  FakeNode back("n1", silent.has());
  back.connect(mesh.server);
  settle(mesh.loop);
  mesh.server.distributor->tick();
  settle(mesh.loop);
  CHECK(other.health == "{}");
}

TEST_CASE("a node speaks for its own endpoints only, and everybody hears it") {
  Mesh mesh;
  FakeNode one("n1"), two("n2");
  one.connect(mesh.server);
  two.connect(mesh.server);
  mesh.until_newest(one);
  mesh.until_newest(two);
  one.say(down(mesh.endpoint("n2"), "not mine"));
  settle(mesh.loop);
  CHECK(two.health == "{}");
  one.say(down(mesh.endpoint("n1"), "http 503"));
  std::string told = "{\"" + wire_id(mesh.endpoint("n1")->id) + "\":\"http 503\"}";
  mesh.loop.run_until([&] { return two.health == told && one.health == told; });
  one.say(R"({"type":"health","down":{}})");
  mesh.loop.run_until([&] { return two.health == "{}"; });
}

TEST_CASE("a node's newer session takes the place of the older, and a removed node's session ends") {
  Mesh mesh;
  FakeNode first("n1"), second("n1");
  first.connect(mesh.server);
  mesh.until_newest(first);
  second.connect(mesh.server);
  mesh.until_newest(second);
  CHECK(first.over());
  CHECK(mesh.server.distributor->sessions() == 1);
  CHECK(mesh.server.registry->find("n1")->connected);
  REQUIRE(*mesh.server.registry->remove("n1", "test"));
  mesh.server.distributor->drop("n1");
  settle(mesh.loop);
  CHECK(second.over());
  CHECK(mesh.server.distributor->sessions() == 0);
  CHECK(mesh.server.registry->find("n1") == nullptr);
}

TEST_CASE("what is no control protocol ends the session and nothing else") {
  Mesh mesh;
  for (const char* line : {"no json", "[]", R"({"type":"ack","revision":1})"}) {
    FakeNode odd("n1");
    LineSender out;
    Response response = mesh.server.distributor->open("n1", out.body());
    out.send_line(line);
    auto end = finish(mesh.loop, read_all(*response.body, 1000));
    INFO(line);
    CHECK(!end);
  }
  CHECK(mesh.server.distributor->sessions() == 0);
}

TEST_CASE("what nodes report is written down in batches and read back") {
  Mesh mesh;
  FakeNode node("n1");
  node.connect(mesh.server);
  mesh.until_newest(node);
  node.say(R"({"type":"status","rev":7})");
  settle(mesh.loop);
  REQUIRE(mesh.server.registry->flush());
  auto record = mesh.server.store->nodes().get("n1");
  REQUIRE(record);
  CHECK((*record)->acked.value == 1);
  CHECK((*record)->last_seen == mesh.server.clock.unix_now());
  CHECK((*record)->state.find("\"rev\":7") != std::string::npos);
}

}  // namespace meshd
