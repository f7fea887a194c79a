// SPDX-License-Identifier: Apache-2.0
// test_mesh.h: an authority, the state directory of a node it has certified, and small snapshots. Included by tests only.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "ca/authority.h"
#include "control/last_good.h"
#include "control/state_dir.h"
#include "control/test_dir.h"
#include "model/config.h"
#include "snapshot/codec.h"
#include "tls/csr.h"

namespace meshd {

class TestMesh {
 public:
  explicit TestMesh(UnixSeconds now) : authority(*Authority::create(dir / "ca", "t.mesh", now)) {
    node = {.node = "n1",
            .address = "127.0.0.1",
            .trust_domain = "t.mesh",
            .server_id = server_id("t.mesh", "n1").uri(),
            .control = "127.0.0.1:1"};
    make_private_dir_of("state");
    make_private_dir_of("state/identities");
    (void)save_bundle(state, authority.bundle());
    (void)save_identity(state, kNodeIdentity, certify(node_id("t.mesh", "n1"), now));
    (void)save_node_file(state, node);
  }

  Identity certify(const SpiffeId& id, UnixSeconds now, UnixSeconds lifetime = 0) const {
    auto key = std::make_shared<const KeyPair>(std::move(*KeyPair::generate()));
    return {id, key, *authority.sign(*make_csr(*key), id, now, lifetime)};
  }

  // The answer to POST /v1/certificates, as a server gives it.
  Json answer(const Json& body, UnixSeconds now, UnixSeconds lifetime = 0) const {
    JsonArray out;
    for (const Json& r : list_of(body, "requests")) {
      JsonObject c;
      c["id"] = member(r, "id");
      auto chain = authority.sign(text_of(r, "csr"), *SpiffeId::parse(text_of(r, "id")), now, lifetime);
      c["chain"] = json(chain->to_pem());
      out.push_back(Json(std::move(c)));
    }
    JsonObject o;
    o["certificates"] = Json(std::move(out));
    o["bundle"] = json(authority.bundle().to_pem());
    o["time"] = json(now);
    return Json(std::move(o));
  }

  TestDir dir;
  Authority authority;
  StateDir state{dir / "state"};
  NodeFile node;

 private:
  void make_private_dir_of(const char* name) {
    std::filesystem::create_directory(dir / name),
        std::filesystem::permissions(dir / name, std::filesystem::perms::owner_all);
  }
};

// A mesh of nodes n1 and n2 whose file has these services (and more, such as routes).
inline std::vector<Object> objects_of(const std::string& services) {
  auto parsed =
      model::parse_config("version: 1\nmesh: { name: t, trust_domain: t.mesh }\nservices:\n" + services);
  return to_objects(parsed.model.value(), {{"n1", "127.0.0.1", 15008, ""}, {"n2", "127.0.0.2", 15008, ""}});
}
inline SnapshotPtr compiled(const std::vector<Object>& objects, uint64_t revision = 1) {
  auto desired = from_objects(objects);
  return compile(desired->model, desired->nodes, Revision{revision});
}

}  // namespace meshd
