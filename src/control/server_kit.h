// SPDX-License-Identifier: Apache-2.0
// server_kit.h: a server's parts over a real store and authority in a directory of the test's own, without a network;
// and a node that speaks the control protocol at it. Included by tests only.
#pragma once
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/encode.h"
#include "base/file.h"
#include "ca/token.h"
#include "control/certificates.h"
#include "control/distribute.h"
#include "control/join.h"
#include "control/last_good.h"
#include "control/ndjson.h"
#include "control/publish.h"
#include "control/registry.h"
#include "control/server_tokens.h"
#include "control/test_dir.h"
#include "loop/loop.h"
#include "tls/csr.h"
#include "tls/digest.h"

namespace meshd {

using std::chrono::seconds;

inline constexpr const char* kDomain = "test.mesh";

// A mesh with a service on n1 and one on n2; `weight` makes one text differ from another.
inline std::string test_file(int weight = 90) {
  return "mesh: { name: test, trust_domain: test.mesh }\n"
         "services:\n"
         "  web:\n"
         "    instances:\n"
         "      - { node: n1, port: 8080, tags: { version: v1 } }\n"
         "      - { node: n2, port: 8080, tags: { version: v2 } }\n"
         "  batch:\n"
         "    instances: [{ node: n2, any_local: true }]\n"
         "routes:\n"
         "  - name: split\n"
         "    service: web\n"
         "    to:\n"
         "      - { tags: { version: v1 }, weight: " +
         std::to_string(weight) +
         " }\n"
         "      - { tags: { version: v2 }, weight: 10 }\n"
         "policy:\n"
         "  default: allow\n";
}

// What a test stands on; without it there is nothing to judge.
template <class T>
void must(const T& good, const char* what = "a step of the test's preparation") {
  if (static_cast<bool>(good)) return;
  fprintf(stderr, "failed: %s\n", what);
  abort();
}

template <class T>
Task<void> store_into(Task<T> task, std::optional<T>& out) {
  out.emplace(co_await task);
}

// Runs `task` on the loop to its end.
template <class T>
T finish(Loop& loop, Task<T> task) {
  std::optional<T> out;
  spawn(store_into(std::move(task), out));
  loop.run_until([&] { return out.has_value(); });
  return std::move(*out);
}

struct TestServer {
  TestDir dir;
  FakeClock clock;
  std::string file = dir / "mesh.yaml";
  std::unique_ptr<store::Store> store;
  std::optional<Authority> authority;
  std::unique_ptr<Registry> registry;
  std::unique_ptr<Publisher> publisher;
  std::unique_ptr<Distributor> distributor;
  std::unique_ptr<JoinDesk> join;
  std::unique_ptr<CertificateDesk> certificates;

  TestServer() {
    auto made = Authority::create(dir / "ca", kDomain, clock.unix_now());
    must(made);
    authority.emplace(std::move(*made));
    begin();
  }
  // What is left when the process is killed, and what a new one makes of it.
  void restart() {
    certificates.reset();
    join.reset();
    distributor.reset();
    publisher.reset();
    registry.reset();
    store.reset();
    begin();
  }
  void begin() {
    auto opened = store::Store::open(dir / "mesh.db", clock, sha256_hex);
    must(opened);
    store = std::move(*opened);
    registry = std::make_unique<Registry>(*store, clock);
    must(registry->load());
    publisher = std::make_unique<Publisher>(*store, *registry, Publisher::Settings{kDomain, file});
    distributor = std::make_unique<Distributor>(*registry, clock);
    publisher->on_content = [this](const ContentPtr& content) { distributor->set_content(content); };
    must(publisher->load());
    registry->on_list_change = [this] { publisher->nodes_changed(); };
    join =
        std::make_unique<JoinDesk>(*store, *authority, *registry, clock,
                                   JoinDesk::Settings{kDomain, server_id(kDomain, "n1").uri(),
                                                      [] { return std::string("127.0.0.1:15012"); },
                                                      [this] { return leaf_lifetime(publisher->model()); }});
    certificates = std::make_unique<CertificateDesk>(*store, *authority, *publisher, clock);
  }

  Published publish(const std::string& text) {
    Change change;
    change.text = text;
    change.author = "test";
    auto done = publisher->publish(change);
    must(done);
    return std::move(*done);
  }
  void add_node(const std::string& name) {
    store::NodeRecord node;
    node.name = name;
    node.address = "127.0.1." + name.substr(1);
    node.mesh_port = 15008;
    node.spiffe_id = node_id(kDomain, name).uri();
    node.joined_at = clock.unix_now();
    must(store->nodes().upsert(node));
    registry->added(node);
  }
  JoinToken token(UnixSeconds lifetime = 60, std::optional<std::string> node = std::nullopt) {
    auto made = make_token(*store, clock,
                           {"127.0.0.1:15012", authority->pin(), kDomain, lifetime, std::move(node), "test"});
    must(made);
    return *JoinToken::parse(made->text);
  }
  Outcome<Json> join_with(const JoinToken& token, const std::string& name,
                          const std::string& from = "127.0.0.9") {
    auto key = KeyPair::generate();
    JsonObject j;
    j["token_id"] = json(token.id);
    j["secret"] = json(to_base64url(token.secret));
    j["node"] = json(name);
    j["address"] = json("127.0.1.7");
    j["csr"] = json(*make_csr(*key));
    return join->join(Json(std::move(j)), from);
  }
  Revision latest_stored() { return (*store->revisions().latest())->number; }
};

// A node's end of /v1/sync, in memory. Takes everything unless told to refuse.
class FakeNode {
 public:
  FakeNode(std::string name, SealedSnapshot has = {}) : name_(std::move(name)), has_(std::move(has)) {}
  ~FakeNode() {
    leave();
    Loop::current().run_until([this] { return over_; });
  }

  void connect(TestServer& server) {
    out_ = LineSender();
    response_ = server.distributor->open(name_, out_.body());
    must(response_.head.status == 200);
    JsonObject hello;
    hello["type"] = json("hello");
    hello["revision"] = json(static_cast<int64_t>(has_.stored.revision.value));
    hello["sha256"] = json(has_.sha256);
    hello["address"] = json("127.0.1." + name_.substr(1));
    hello["mesh_port"] = json(int64_t{15008});
    out_.send(Json(std::move(hello)));
    over_ = false;
    spawn(listen());
  }
  // The stream is gone. The loop has to run for it to be seen.
  void leave() {
    if (response_.body) response_.body->close({Errc::reset, Side::client, "the node is gone"});
    out_.finish();
  }
  void say(const std::string& line) { out_.send_line(line); }

  const SealedSnapshot& has() const { return has_; }
  Revision revision() const { return has_.stored.revision; }
  bool over() const { return over_; }

  std::string refuse_with;  // not empty: the next commits are refused with this
  bool mute = false;        // answers nothing
  size_t commits = 0, full = 0, objects = 0, pings = 0;
  std::string health;  // the last one, as text
  Json trial;          // the last one

 private:
  Task<void> listen() {
    LineReader lines(*response_.body);
    for (;;) {
      auto line = co_await lines.next();
      if (!line) break;
      take(*parse_json(*line));
    }
    over_ = true;
  }
  void take(const Json& j) {
    std::string type = text_of(j, "type");
    if (type == "snapshot") {
      head_ = j;
      delta_ = {};
    } else if (type == "object") {
      delta_.changed.push_back(*decode_object(to_text(member(j, "object"))));
      ++objects;
    } else if (type == "remove") {
      delta_.removed.push_back({text_of(j, "kind"), text_of(j, "name")});
    } else if (type == "commit") {
      commit();
    } else if (type == "health") {
      health = to_text(member(j, "down"));
    } else if (type == "trial") {
      trial = j;
    } else if (type == "ping") {
      ++pings;
    }
  }
  void commit() {
    ++commits;
    bool all = int_of(head_, "base") == 0;
    if (all) ++full;
    uint64_t revision = static_cast<uint64_t>(int_of(head_, "revision"));
    SealedSnapshot next =
        seal({{revision}, meshd::apply(all ? std::vector<Object>() : has_.stored.objects, delta_)});
    must(next.sha256 == text_of(head_, "sha256"));
    if (refuse_with.empty()) has_ = std::move(next);
    if (mute) return;
    JsonObject answer;
    answer["type"] = json(refuse_with.empty() ? "ack" : "nack");
    answer["revision"] = json(static_cast<int64_t>(revision));
    if (!refuse_with.empty()) answer["error"] = json(refuse_with);
    out_.send(Json(std::move(answer)));
  }

  std::string name_;
  SealedSnapshot has_;
  LineSender out_;
  Response response_;
  Json head_;
  Delta delta_;
  bool over_ = true;
};

}  // namespace meshd
