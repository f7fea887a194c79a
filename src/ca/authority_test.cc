// SPDX-License-Identifier: Apache-2.0
#include "ca/authority.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "tls/csr.h"
#include "tls/verify_svid.h"

namespace meshd {
namespace {

constexpr UnixSeconds kNow = 1'760'000'000;

struct TempDir {
  std::string path;
  TempDir() {
    char name[] = "/tmp/meshd-ca-test-XXXXXX";
    path = mkdtemp(name);
  }
  ~TempDir() { std::filesystem::remove_all(path); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
};

unsigned mode_of(const std::string& path) {
  struct stat st{};
  stat(path.c_str(), &st);
  return st.st_mode & 0777;
}

Result<SpiffeId> verify(const CertificateChain& chain, const Authority& ca, UnixSeconds now) {
  return verify_svid(chain, ca.bundle(), {.now = now, .role = PeerRole::client});
}

std::string a_request() { return make_csr(KeyPair::generate().value()).value(); }

}  // namespace

TEST_CASE("a new authority signs leaves that verify") {
  TempDir dir;
  auto ca = Authority::create(dir.path + "/ca", "mesh.example", kNow);
  REQUIRE(ca.has_value());
  REQUIRE(ca->trust_domain() == "mesh.example");
  REQUIRE(ca->pin() == "sha256:" + ca->root().fingerprint());
  REQUIRE(ca->root().public_key()->curve() == Curve::p384);
  KeyPair key = KeyPair::generate().value();
  auto chain = ca->sign(make_csr(key).value(), node_id("mesh.example", "n1"), kNow);
  REQUIRE(chain.has_value());
  REQUIRE(chain->size() == 2);
  REQUIRE(chain->leaf().public_key().value() == key.public_key());
  REQUIRE(chain->leaf().not_after() == kNow + 86400);
  auto id = verify(*chain, *ca, kNow);
  REQUIRE(id.has_value());
  REQUIRE(node_of(*id) == "n1");
  REQUIRE(ca->sign(a_request(), node_id("mesh.example", "n1"), kNow, 5)->leaf().not_after() == kNow + 5);
}

TEST_CASE("its files are private, and it comes back from them") {
  TempDir dir;
  std::string path = dir.path + "/ca";
  auto made = Authority::create(path, "mesh.example", kNow);
  REQUIRE(mode_of(path) == 0700);
  for (const char* file : {"/root.key", "/issuing.key"}) REQUIRE(mode_of(path + file) == 0600);
  auto again = Authority::load(path, kNow);
  REQUIRE(again.has_value());
  REQUIRE(again->trust_domain() == "mesh.example");
  REQUIRE(again->root() == made->root());
  REQUIRE(again->issuing() == made->issuing());
  REQUIRE(again->has_root_key());
  auto chain = again->sign(a_request(), service_id("mesh.example", "web"), kNow);
  REQUIRE(verify(*chain, *made, kNow).has_value());
}

TEST_CASE("an existing authority is never overwritten") {
  TempDir dir;
  std::string path = dir.path + "/ca";
  auto first = Authority::create(path, "mesh.example", kNow);
  auto second = Authority::create(path, "mesh.example", kNow);
  REQUIRE(second.error().code == Errc::conflict);
  REQUIRE(Authority::load(path, kNow)->root() == first->root());
}

TEST_CASE("keys that others may read are refused") {
  TempDir dir;
  std::string path = dir.path + "/ca";
  REQUIRE(Authority::create(path, "mesh.example", kNow).has_value());
  for (const char* file : {"/root.key", "/issuing.key"}) {
    chmod((path + file).c_str(), 0640);
    auto ca = Authority::load(path, kNow);
    REQUIRE(ca.error().code == Errc::permission);
    REQUIRE(ca.error().what.find(file) != std::string::npos);
    chmod((path + file).c_str(), 0600);
  }
  REQUIRE(Authority::load(path, kNow).has_value());
}

TEST_CASE("missing, damaged and mixed-up files are named") {
  TempDir dir;
  std::string path = dir.path + "/ca", other = dir.path + "/other";
  REQUIRE(Authority::load(path, kNow).error().code == Errc::not_found);
  REQUIRE(Authority::create(path, "mesh.example", kNow).has_value());
  REQUIRE(Authority::create(other, "mesh.example", kNow).has_value());
  std::string good = read_file(path + "/root.key", 10000).value();
  REQUIRE(write_file(path + "/root.key", read_file(other + "/root.key", 10000).value()));
  REQUIRE(Authority::load(path, kNow).error().what.find("root.key is not the key of root.crt") !=
          std::string::npos);
  REQUIRE(write_file(path + "/root.key", "garbage"));
  REQUIRE(Authority::load(path, kNow).error().what.find("/root.key: ") != std::string::npos);
  REQUIRE(write_file(path + "/root.key", good));
  REQUIRE(write_file(path + "/root.crt", "garbage"));
  REQUIRE(Authority::load(path, kNow).error().what.find("/root.crt: ") != std::string::npos);
}

TEST_CASE("the issuing certificate is replaced at half its life, and old leaves stay good") {
  TempDir dir;
  std::string path = dir.path + "/ca";
  auto ca = Authority::create(path, "mesh.example", kNow);
  auto before = ca->sign(a_request(), service_id("mesh.example", "web"), kNow, 20 * 86400);
  UnixSeconds half = kNow + kIssuingLifetime / 2;
  Certificate old = ca->issuing();
  REQUIRE(ca->rotate_if_due(half - 1).value() == false);
  REQUIRE(ca->rotate_if_due(half).value() == true);
  REQUIRE(ca->issuing() != old);
  REQUIRE(ca->rotate_if_due(half).value() == false);
  REQUIRE(verify(*before, *ca, half).has_value());
  REQUIRE(verify(*ca->sign(a_request(), service_id("mesh.example", "web"), half), *ca, half).has_value());
  REQUIRE(Authority::load(path, half)->issuing() == ca->issuing());
}

TEST_CASE("a rotation that was cut between its two files is mended") {
  TempDir dir;
  std::string path = dir.path + "/ca";
  auto ca = Authority::create(path, "mesh.example", kNow);
  std::string old_certificate = read_file(path + "/issuing.crt", 10000).value();
  UnixSeconds half = kNow + kIssuingLifetime / 2;
  REQUIRE(ca->rotate_if_due(half).value());
  REQUIRE(write_file(path + "/issuing.crt", old_certificate));
  SECTION("with the root key, by a new certificate") {
    auto again = Authority::load(path, half);
    REQUIRE(again.has_value());
    REQUIRE(
        verify(*again->sign(a_request(), service_id("mesh.example", "web"), half), *ca, half).has_value());
  }
  SECTION("without it, by the previous key") {
    REQUIRE(unlink((path + "/root.key").c_str()) == 0);
    auto again = Authority::load(path, half);
    REQUIRE(again.has_value());
    REQUIRE(again->issuing().to_pem() == old_certificate);
    REQUIRE(
        verify(*again->sign(a_request(), service_id("mesh.example", "web"), half), *ca, half).has_value());
  }
}

TEST_CASE("without the root key it signs, and says when it cannot rotate") {
  TempDir dir;
  std::string path = dir.path + "/ca";
  REQUIRE(Authority::create(path, "mesh.example", kNow).has_value());
  REQUIRE(unlink((path + "/root.key").c_str()) == 0);
  auto ca = Authority::load(path, kNow);
  REQUIRE_FALSE(ca->has_root_key());
  REQUIRE(ca->sign(a_request(), service_id("mesh.example", "web"), kNow).has_value());
  REQUIRE(ca->rotate_if_due(kNow).value() == false);
  REQUIRE_FALSE(ca->rotate_if_due(kNow + kIssuingLifetime / 2).has_value());
}

TEST_CASE("a failed rotation keeps the old certificate in use, here and on disk") {
  for (const char* file : {"/issuing.key", "/issuing.crt"}) {
    TempDir dir;
    std::string path = dir.path + "/ca";
    auto ca = Authority::create(path, "mesh.example", kNow);
    Certificate old = ca->issuing();
    // A directory where the temporary file would be: write_file cannot succeed.
    REQUIRE(mkdir((path + file + ".tmp." + std::to_string(getpid())).c_str(), 0700) == 0);
    UnixSeconds half = kNow + kIssuingLifetime / 2;
    REQUIRE_FALSE(ca->rotate_if_due(half).has_value());
    REQUIRE(ca->issuing() == old);
    REQUIRE(Authority::load(path, half)->issuing() == old);
  }
}

TEST_CASE("it signs no foreign id, no garbage, and not its own key") {
  TempDir dir;
  std::string path = dir.path + "/ca";
  auto ca = Authority::create(path, "mesh.example", kNow);
  REQUIRE_FALSE(ca->sign(a_request(), service_id("other.example", "web"), kNow).has_value());
  REQUIRE_FALSE(ca->sign("garbage", service_id("mesh.example", "web"), kNow).has_value());
  KeyPair issuing = KeyPair::from_pem(read_file(path + "/issuing.key", 10000).value()).value();
  REQUIRE_FALSE(ca->sign(make_csr(issuing).value(), service_id("mesh.example", "web"), kNow).has_value());
}

TEST_CASE("lifetimes of seconds work, for tests of renewal") {
  TempDir dir;
  auto ca =
      Authority::create(dir.path + "/ca", "mesh.example", kNow, {.root = 3600, .issuing = 20, .leaf = 4});
  auto chain = ca->sign(a_request(), service_id("mesh.example", "web"), kNow);
  REQUIRE(chain->leaf().not_after() == kNow + 4);
  REQUIRE(ca->rotate_if_due(kNow + 10).value());
}

TEST_CASE(
    "a root rotation overlaps: at each step who trusts the bundle of the step before takes every leaf") {
  TempDir dir;
  auto ca = Authority::create(dir.path + "/ca", "mesh.example", kNow);
  REQUIRE(ca.has_value());
  std::string first = ca->pin();
  SpiffeId id = node_id("mesh.example", "n1");
  std::vector<CertificateChain> leaves{*ca->sign(a_request(), id, kNow)};
  TrustBundle old = ca->bundle();
  REQUIRE(ca->begin_rotation(kNow, false).has_value());
  REQUIRE(ca->begin_rotation(kNow, false).error().code == Errc::conflict);
  constexpr RotationPhase kOrder[] = {RotationPhase::distribute, RotationPhase::switching,
                                      RotationPhase::renew, RotationPhase::retire, RotationPhase::none};
  for (RotationPhase phase : kOrder) {
    // What a killed server finds is what it left.
    auto again = Authority::load(dir.path + "/ca", kNow);
    REQUIRE(again.has_value());
    REQUIRE(again->rotation() == ca->rotation());
    REQUIRE(again->pin() == ca->pin());
    REQUIRE(again->bundle().to_pem() == ca->bundle().to_pem());
    ca = std::move(again);
    INFO("phase " << name_of(phase));
    REQUIRE(ca->rotation().phase == phase);
    auto fresh = ca->sign(a_request(), id, kNow);
    REQUIRE(fresh.has_value());
    leaves.push_back(*fresh);
    // Nobody has heard of this step yet: those who trust as before take what is signed now.
    REQUIRE(verify_svid(*fresh, old, {.now = kNow}).has_value());
    old = ca->bundle();
    if (phase == RotationPhase::retire || phase == RotationPhase::none) {
      REQUIRE(old.roots().size() == 1);
      REQUIRE_FALSE(verify(leaves.front(), *ca, kNow).has_value());
      REQUIRE_FALSE(exists(dir.path + "/ca/root.key"));
      REQUIRE_FALSE(exists(dir.path + "/ca/issuing.key"));
    } else {
      REQUIRE(old.roots().size() == 2);
      for (const CertificateChain& leaf : leaves) REQUIRE(verify(leaf, *ca, kNow).has_value());
    }
    if (phase != RotationPhase::none) REQUIRE(ca->advance_rotation(kNow).has_value());
  }
  REQUIRE(ca->pin() != first);
  REQUIRE(ca->advance_rotation(kNow).error().code == Errc::conflict);
  // And another time.
  REQUIRE(ca->begin_rotation(kNow, true).has_value());
  REQUIRE(ca->rotation().force);
  for (int i = 0; i < 4; ++i) REQUIRE(ca->advance_rotation(kNow).has_value());
  REQUIRE(Authority::load(dir.path + "/ca", kNow)->pin() == ca->pin());
}

TEST_CASE("who knows only the old root takes leaves of the new one while it rotates, and nobody else's") {
  TempDir dir;
  auto ca = Authority::create(dir.path + "/ca", "mesh.example", kNow);
  TrustBundle old = ca->bundle();
  REQUIRE(ca->begin_rotation(kNow, false).has_value());
  REQUIRE(ca->advance_rotation(kNow).has_value());
  auto chain = ca->sign(a_request(), node_id("mesh.example", "n1"), kNow);
  REQUIRE(verify_svid(*chain, old, {.now = kNow}).has_value());
  REQUIRE(chain->size() == 3);
  // A token that names the old root still finds its server.
  CertificateChain shown = *chain;
  for (const Certificate& root : ca->shown_roots()) shown.push(root);
  REQUIRE(shown.size() <= kChainMax);
  for (const Certificate& root : ca->shown_roots()) {
    auto pinned = pinned_bundle(shown, pin_of(root), "mesh.example");
    REQUIRE(pinned.has_value());
    REQUIRE(verify_svid(shown, *pinned, {.now = kNow}).has_value());
  }
  REQUIRE_FALSE(verify_svid(CertificateChain({chain->leaf(), chain->certificates()[1]}), old, {.now = kNow}));
}

TEST_CASE("a rotation that has not switched can be taken back") {
  TempDir dir;
  auto ca = Authority::create(dir.path + "/ca", "mesh.example", kNow);
  std::string pin = ca->pin();
  REQUIRE(ca->abort_rotation(kNow).error().code == Errc::conflict);
  REQUIRE(ca->begin_rotation(kNow, false).has_value());
  REQUIRE(ca->abort_rotation(kNow).has_value());
  REQUIRE(ca->bundle().roots().size() == 1);
  REQUIRE(ca->pin() == pin);
  REQUIRE_FALSE(exists(dir.path + "/ca/g2"));
  REQUIRE(ca->begin_rotation(kNow, false).has_value());
  REQUIRE(ca->advance_rotation(kNow).has_value());
  REQUIRE(ca->abort_rotation(kNow).error().code == Errc::conflict);
}

TEST_CASE("a flipped byte in the authority's state is found, and the state before is used") {
  TempDir dir;
  auto ca = Authority::create(dir.path + "/ca", "mesh.example", kNow);
  REQUIRE(ca->begin_rotation(kNow, false).has_value());
  std::string path = dir.path + "/ca/authority.json";
  std::string good = read_file(path, 65536).value();
  RotationState expected = load_rotation(path).value();
  RotationState before = load_rotation(path + ".prev").value();
  for (size_t at = 0; at < good.size(); ++at) {
    for (char bit : {1, 0x20}) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ bit);
      REQUIRE(write_file(path, bad).has_value());
      auto loaded = load_rotation(path);
      REQUIRE(loaded.has_value());
      REQUIRE((*loaded == before || *loaded == expected));
    }
  }
  REQUIRE(write_file(path, "{}").has_value());
  REQUIRE(write_file(path + ".prev", "{}").has_value());
  REQUIRE_FALSE(Authority::load(dir.path + "/ca", kNow).has_value());
}

TEST_CASE("an organisation's own root, or its intermediate with the chain, becomes the mesh's") {
  TempDir dir;
  auto root_key = std::make_shared<const KeyPair>(KeyPair::generate(Curve::p384).value());
  Certificate root =
      issue_root(*root_key, {"mesh.example", "Example Corp root", valid_for(kNow, 86400 * 3650)}).value();
  auto middle_key = std::make_shared<const KeyPair>(KeyPair::generate().value());
  CaSpec spec{"mesh.example", "Example Corp mesh CA", valid_for(kNow, 86400 * 365), 1};
  Certificate middle = issue_intermediate({root_key, root}, middle_key->public_key(), spec).value();
  spec.path_length = 0;
  Certificate last = issue_intermediate({root_key, root}, middle_key->public_key(), spec).value();
  SpiffeId id = node_id("mesh.example", "n1");

  struct Case {
    CaImport import;
    size_t chain;  // of a leaf
    bool rotates;
  };
  Case cases[] = {{{CertificateChain({root}), root_key}, 2, true},
                  {{CertificateChain({middle, root}), middle_key}, 3, true},
                  {{CertificateChain({last, root}), middle_key}, 2, false}};
  int n = 0;
  for (const Case& c : cases) {
    std::string at = dir.path + "/ca" + std::to_string(++n);
    INFO("case " << n);
    REQUIRE(Authority::import(at, "mesh.example", c.import, kNow).has_value());
    auto ca = Authority::load(at, kNow);
    REQUIRE(ca.has_value());
    REQUIRE(ca->root() == root);
    REQUIRE(ca->issuing().path_length() == 0);
    auto chain = ca->sign(a_request(), id, kNow);
    REQUIRE(chain->size() == c.chain);
    REQUIRE(verify(*chain, *ca, kNow).has_value());
    REQUIRE(ca->has_root_key() == c.rotates);
    UnixSeconds later = kNow + 86400 * 200;
    auto rotated = ca->rotate_if_due(later);
    REQUIRE(rotated.has_value() == c.rotates);
    if (!c.rotates) continue;
    REQUIRE(*rotated);
    auto next = Authority::load(at, later)->sign(a_request(), id, later);
    REQUIRE(verify(*next, *ca, later).has_value());
  }
  // What nodes would refuse is refused here.
  REQUIRE_FALSE(Authority::import(dir.path + "/x", "other.example", cases[0].import, kNow).has_value());
  REQUIRE_FALSE(
      Authority::import(dir.path + "/y", "mesh.example", {CertificateChain({last, root}), root_key}, kNow)
          .has_value());
}

TEST_CASE("with the root key elsewhere the next issuing certificate comes by request") {
  TempDir dir;
  std::string at = dir.path + "/ca";
  auto made = Authority::create(at, "mesh.example", kNow);
  auto root_key = read_key_file(at + "/root.key", nullptr).value();
  Issuer root{root_key, made->root()};
  std::filesystem::remove(at + "/root.key");
  auto ca = Authority::load(at, kNow);
  REQUIRE_FALSE(ca->has_root_key());
  UnixSeconds due = kNow + 86400 * 20;
  auto rotated = ca->rotate_if_due(due);
  REQUIRE_FALSE(rotated.has_value());
  REQUIRE(rotated.error().what.find("meshd ca request") != std::string::npos);
  auto csr = ca->request_issuing();
  REQUIRE(csr.has_value());
  PublicKey key = public_key_of_csr(*csr).value();
  REQUIRE(public_key_of_csr(ca->request_issuing().value()).value() == key);

  auto sign = [&](const PublicKey& k, UnixSeconds from, const Issuer& by) {
    return issue_intermediate(by, k, {"mesh.example", "next", valid_for(from, kIssuingLifetime)}).value();
  };
  Certificate good = sign(key, due, root);
  auto other = std::make_shared<const KeyPair>(KeyPair::generate(Curve::p384).value());
  Issuer foreign{other,
                 issue_root(*other, {"mesh.example", "foreign", valid_for(kNow, kRootLifetime)}).value()};
  std::string before = ca->issuing().serial();
  REQUIRE_FALSE(
      ca->install_issuing(CertificateChain({sign(other->public_key(), due, root)}), due).has_value());
  REQUIRE_FALSE(ca->install_issuing(CertificateChain({sign(key, due, foreign)}), due).has_value());
  REQUIRE_FALSE(ca->install_issuing(CertificateChain({sign(key, due + 86400, root)}), due).has_value());
  REQUIRE(ca->issuing().serial() == before);
  REQUIRE(ca->install_issuing(CertificateChain({good, made->root()}), due).has_value());
  auto again = Authority::load(at, due);
  REQUIRE(again->issuing() == good);
  REQUIRE(verify(*again->sign(a_request(), node_id("mesh.example", "n1"), due), *again, due).has_value());
  REQUIRE_FALSE(again->install_issuing(CertificateChain({good}), due).has_value());
}

TEST_CASE("with a host key every key of the authority is sealed, also those that lay open") {
  TempDir dir;
  std::string at = dir.path + "/ca";
  REQUIRE(Authority::create(at, "mesh.example", kNow).has_value());
  auto seal = std::make_shared<const KeySeal>(KeySeal::from_secret(std::string(32, 's')).value());
  auto ca = Authority::load(at, kNow, {}, seal);
  REQUIRE(ca.has_value());
  REQUIRE(ca->rotate_issuing(kNow).has_value());
  REQUIRE(ca->begin_rotation(kNow, false).has_value());
  size_t keys = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(at)) {
    std::string name = file.path().string();
    if (name.find(".key") == std::string::npos) continue;
    INFO(name);
    ++keys;
    REQUIRE_FALSE(is_plain_key_file(name));
  }
  REQUIRE(keys == 5);  // root, issuing and the one before, and the next root's two
  REQUIRE_FALSE(Authority::load(at, kNow).has_value());
  REQUIRE(Authority::load(at, kNow, {}, seal).has_value());
}

}  // namespace meshd
