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

}  // namespace meshd
