// SPDX-License-Identifier: Apache-2.0
#include "tls/key_seal.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>

#include "base/random.h"
#include "tls/key_file.h"

namespace meshd {
namespace {

SharedSeal a_seal() {
  return std::make_shared<const KeySeal>(KeySeal::from_secret(random_bytes(32)).value());
}

struct TempDir {
  std::string path;
  TempDir() {
    char name[] = "/tmp/meshd-seal-test-XXXXXX";
    path = mkdtemp(name);
  }
  ~TempDir() { std::filesystem::remove_all(path); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
};

}  // namespace

TEST_CASE("a sealed text opens with its own secret and role only") {
  SharedSeal seal = a_seal();
  std::string sealed = seal->seal("the key", "root.key");
  REQUIRE(KeySeal::is_sealed(sealed));
  REQUIRE(sealed.find("the key") == std::string::npos);
  REQUIRE(seal->open(sealed, "root.key").value() == "the key");
  REQUIRE(seal->seal("the key", "root.key") != sealed);
  REQUIRE_FALSE(seal->open(sealed, "node.key").has_value());
  REQUIRE_FALSE(a_seal()->open(sealed, "root.key").has_value());
  REQUIRE_FALSE(KeySeal::from_secret(std::string(31, 'x')).has_value());
}

TEST_CASE("a sealed text that is changed or cut anywhere does not open") {
  SharedSeal seal = a_seal();
  std::string sealed = seal->seal("the key", "root.key");
  for (size_t at = 0; at < sealed.size(); ++at) {
    std::string changed = sealed;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    auto opened = seal->open(changed, "root.key");
    // The armour's line ends may change without a change of what they carry.
    REQUIRE((!opened || *opened == "the key"));
    if (at > 40 && at + 40 < sealed.size() && sealed[at] != '\n') REQUIRE_FALSE(opened.has_value());
    if (at + 1 < sealed.size()) REQUIRE_FALSE(seal->open(sealed.substr(0, at), "root.key").has_value());
  }
}

TEST_CASE("a key's file is sealed, comes back, and cannot be read without the secret") {
  TempDir dir;
  SharedSeal seal = a_seal();
  KeyPair key = KeyPair::generate().value();
  std::string path = dir.path + "/node.key";
  REQUIRE(save_key_file(path, key, seal).has_value());
  struct stat st{};
  REQUIRE(stat(path.c_str(), &st) == 0);
  REQUIRE((st.st_mode & 0777) == 0600);
  REQUIRE_FALSE(is_plain_key_file(path));
  REQUIRE((*read_key_file(path, seal))->public_key() == key.public_key());
  auto without = read_key_file(path, nullptr);
  REQUIRE_FALSE(without.has_value());
  REQUIRE(without.error().what.find("--host-key") != std::string::npos);
  REQUIRE_FALSE(read_key_file(path, a_seal()).has_value());

  // Kept aside it is still the same; under another name it is not.
  std::filesystem::rename(path, path + ".prev");
  REQUIRE(read_key_file(path + ".prev", seal).has_value());
  std::filesystem::rename(path + ".prev", dir.path + "/root.key");
  REQUIRE_FALSE(read_key_file(dir.path + "/root.key", seal).has_value());

  REQUIRE(save_key_file(path, key, nullptr).has_value());
  REQUIRE(is_plain_key_file(path));
  REQUIRE(read_key_file(path, seal).has_value());
}

}  // namespace meshd
