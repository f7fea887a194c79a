// gcm_alt_test.cc: AES-GCM gives the right bytes at every level this CPU has.
// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include <mbedtls/gcm.h>

#include <algorithm>
#include <catch2/benchmark/catch_benchmark.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "tls/ipsecmb/gcm_level.h"

using meshd::tls::GcmLevel;
using meshd::tls::use_gcm_level;
using Bytes = std::vector<uint8_t>;

namespace {

constexpr GcmLevel kLevels[] = {GcmLevel::portable, GcmLevel::sse, GcmLevel::avx2, GcmLevel::vaes};

// Restores the CPU's own choice when a test ends.
struct BestLevelAfterwards {
  ~BestLevelAfterwards() { use_gcm_level(meshd::tls::best_gcm_level()); }
};

// A context that frees itself.
struct Gcm {
  mbedtls_gcm_context ctx;
  explicit Gcm(const Bytes& key) {
    mbedtls_gcm_init(&ctx);
    REQUIRE(mbedtls_gcm_setkey(&ctx, MBEDTLS_CIPHER_ID_AES, key.data(),
                               static_cast<unsigned>(key.size() * 8)) == 0);
  }
  ~Gcm() { mbedtls_gcm_free(&ctx); }
  Gcm(const Gcm&) = delete;
  Gcm& operator=(const Gcm&) = delete;
};

Bytes hex(std::string_view text) {
  Bytes bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

// The same bytes on every run and machine.
Bytes pattern(size_t size, uint32_t seed) {
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<uint8_t>((seed = seed * 1664525 + 1013904223) >> 24);
  return bytes;
}

struct Sealed {
  Bytes text, tag;
  bool operator==(const Sealed&) const = default;
};

Sealed seal(const Bytes& key, const Bytes& iv, const Bytes& aad, const Bytes& plain, size_t tag_size = 16) {
  Gcm gcm(key);
  Sealed sealed{Bytes(plain.size()), Bytes(tag_size)};
  REQUIRE(mbedtls_gcm_crypt_and_tag(&gcm.ctx, MBEDTLS_GCM_ENCRYPT, plain.size(), iv.data(), iv.size(),
                                    aad.data(), aad.size(), plain.data(), sealed.text.data(), tag_size,
                                    sealed.tag.data()) == 0);
  return sealed;
}

int open(const Bytes& key, const Bytes& iv, const Bytes& aad, const Sealed& sealed, Bytes& plain) {
  Gcm gcm(key);
  plain.assign(sealed.text.size(), 0xAA);
  return mbedtls_gcm_auth_decrypt(&gcm.ctx, sealed.text.size(), iv.data(), iv.size(), aad.data(), aad.size(),
                                  sealed.tag.data(), sealed.tag.size(), sealed.text.data(), plain.data());
}

// Streams `text` in pieces whose sizes go round 1, 7, 16, 33, ... so every block boundary is crossed.
Sealed stream(const Bytes& key, int mode, const Bytes& iv, const Bytes& aad, const Bytes& text) {
  constexpr size_t kPieces[] = {1, 7, 16, 33, 64, 5, 128, 0, 300};
  Gcm gcm(key);
  Sealed out{Bytes(text.size()), Bytes(16)};
  REQUIRE(mbedtls_gcm_starts(&gcm.ctx, mode, iv.data(), iv.size()) == 0);
  for (size_t at = 0, i = 0; at < aad.size(); ++i) {
    const size_t piece = std::min(kPieces[i % 3], aad.size() - at);
    REQUIRE(mbedtls_gcm_update_ad(&gcm.ctx, aad.data() + at, piece) == 0);
    at += piece;
  }
  size_t written = 0;
  for (size_t at = 0, i = 0; at < text.size(); ++i) {
    const size_t piece = std::min(kPieces[i % std::size(kPieces)], text.size() - at);
    REQUIRE(mbedtls_gcm_update(&gcm.ctx, text.data() + at, piece, out.text.data() + at, out.text.size() - at,
                               &written) == 0);
    REQUIRE(written == piece);
    at += piece;
  }
  REQUIRE(mbedtls_gcm_finish(&gcm.ctx, nullptr, 0, &written, out.tag.data(), out.tag.size()) == 0);
  return out;
}

}  // namespace

TEST_CASE("mbedTLS's own AES-GCM vectors pass at every level") {
  BestLevelAfterwards restore;
  for (const GcmLevel level : kLevels) {
    if (!use_gcm_level(level)) continue;
    INFO(name_of(level));
    CHECK(mbedtls_gcm_self_test(0) == 0);
  }
}

TEST_CASE("the published AES-GCM test cases give their ciphertext and tag") {
  // McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B: cases 1-6 and 13-18.
  const char* const kPlain =
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
      "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
  const char* const kAad = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
  const char* const kKey128 = "feffe9928665731c6d6a8f9467308308";
  const char* const kKey256 = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
  const struct {
    std::string key, iv, aad, plain, text, tag;
  } cases[] = {
      {std::string(32, '0'), std::string(24, '0'), "", "", "", "58e2fccefa7e3061367f1d57a4e7455a"},
      {std::string(32, '0'), std::string(24, '0'), "", std::string(32, '0'),
       "0388dace60b6a392f328c2b971b2fe78", "ab6e47d42cec13bdf53a67b21257bddf"},
      {kKey128, "cafebabefacedbaddecaf888", kAad, kPlain,
       "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
       "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
       "5bc94fbc3221a5db94fae95ae7121a47"},
      {kKey128, "cafebabefacedbad", kAad, kPlain,
       "61353b4c2806934a777ff51fa22a4755699b2a714fcdc6f83766e5f97b6c7423"
       "73806900e49f24b22b097544d4896b424989b5e1ebac0f07c23f4598",
       "3612d2e79e3b0785561be14aaca2fccb"},
      {std::string(64, '0'), std::string(24, '0'), "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
      {std::string(64, '0'), std::string(24, '0'), "", std::string(32, '0'),
       "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"},
      {kKey256, "cafebabefacedbaddecaf888", kAad, kPlain,
       "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
       "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
       "76fc6ece0f4e1768cddf8853bb2d551b"},
      {kKey256, "cafebabefacedbad", kAad, kPlain,
       "c3762df1ca787d32ae47c13bf19844cbaf1ae14d0b976afac52ff7d79bba9de0"
       "feb582d33934a4f0954cc2363bc73f7862ac430e64abe499f47c9b1f",
       "3a337dbf46a792c45e454913fe2ea8f2"},
  };
  BestLevelAfterwards restore;
  for (const GcmLevel level : kLevels) {
    if (!use_gcm_level(level)) continue;
    for (const auto& c : cases) {
      INFO(name_of(level) << " key " << c.key << " iv " << c.iv << " bytes " << c.plain.size() / 2);
      const Sealed expected{hex(c.text), hex(c.tag)};
      CHECK(seal(hex(c.key), hex(c.iv), hex(c.aad), hex(c.plain)) == expected);
      CHECK(stream(hex(c.key), MBEDTLS_GCM_ENCRYPT, hex(c.iv), hex(c.aad), hex(c.plain)) == expected);
      Bytes plain;
      CHECK(open(hex(c.key), hex(c.iv), hex(c.aad), expected, plain) == 0);
      CHECK(plain == hex(c.plain));
    }
  }
}

TEST_CASE("every level gives the bytes of the portable code, whole and in pieces") {
  constexpr size_t kTexts[] = {0, 1, 15, 16, 17, 63, 255, 256, 257, 767, 768, 769, 1400, 4096, 16384, 16385};
  constexpr size_t kAads[] = {0, 1, 5, 13, 16, 20, 255, 1000};
  BestLevelAfterwards restore;
  for (const size_t key_size : {16, 24, 32}) {
    const Bytes key = pattern(key_size, 1);
    for (const size_t iv_size : {12, 8, 60}) {
      const Bytes iv = pattern(iv_size, 2);
      for (const size_t text_size : kTexts) {
        const size_t aad_size = kAads[text_size % std::size(kAads)];
        const Bytes aad = pattern(aad_size, 3), plain = pattern(text_size, 4);
        use_gcm_level(GcmLevel::portable);
        const Sealed expected = seal(key, iv, aad, plain);
        for (const GcmLevel level : kLevels) {
          if (!use_gcm_level(level)) continue;
          INFO(name_of(level) << " key " << key_size << " iv " << iv_size << " aad " << aad_size << " text "
                              << text_size);
          CHECK(seal(key, iv, aad, plain) == expected);
          CHECK(stream(key, MBEDTLS_GCM_ENCRYPT, iv, aad, plain) == expected);
          const Sealed opened = stream(key, MBEDTLS_GCM_DECRYPT, iv, aad, expected.text);
          CHECK(opened.text == plain);
          CHECK(opened.tag == expected.tag);
        }
      }
    }
  }
}

TEST_CASE("a changed bit anywhere is refused and no plaintext is left behind") {
  BestLevelAfterwards restore;
  const Bytes key = pattern(16, 1), iv = pattern(12, 2), aad = pattern(5, 3), plain = pattern(1000, 4);
  for (const GcmLevel level : kLevels) {
    if (!use_gcm_level(level)) continue;
    INFO(name_of(level));
    const Sealed good = seal(key, iv, aad, plain);
    Bytes opened;
    REQUIRE(open(key, iv, aad, good, opened) == 0);
    for (Bytes Sealed::* part : {&Sealed::text, &Sealed::tag}) {
      Sealed bad = good;
      (bad.*part)[(bad.*part).size() - 1] ^= 1;
      CHECK(open(key, iv, aad, bad, opened) == MBEDTLS_ERR_GCM_AUTH_FAILED);
      CHECK(opened == Bytes(plain.size(), 0));
    }
    Bytes other_aad = aad;
    other_aad[0] ^= 0x80;
    CHECK(open(key, iv, other_aad, good, opened) == MBEDTLS_ERR_GCM_AUTH_FAILED);
  }
}

TEST_CASE("records are sealed in place and short tags are prefixes of the long one") {
  BestLevelAfterwards restore;
  const Bytes key = pattern(32, 1), iv = pattern(12, 2), plain = pattern(777, 4);
  for (const GcmLevel level : kLevels) {
    if (!use_gcm_level(level)) continue;
    INFO(name_of(level));
    const Sealed expected = seal(key, iv, {}, plain);
    Gcm gcm(key);
    Bytes text = plain, tag(16);
    REQUIRE(mbedtls_gcm_crypt_and_tag(&gcm.ctx, MBEDTLS_GCM_ENCRYPT, text.size(), iv.data(), iv.size(),
                                      nullptr, 0, text.data(), text.data(), tag.size(), tag.data()) == 0);
    CHECK(Sealed{text, tag} == expected);
    for (const size_t size : {4, 8, 12, 13, 15}) {
      const Sealed shorter = seal(key, iv, {}, plain, size);
      CHECK(std::equal(shorter.tag.begin(), shorter.tag.end(), expected.tag.begin()));
    }
  }
}

TEST_CASE("wrong sizes are refused before anything is written") {
  const Bytes key = pattern(16, 1), iv = pattern(12, 2);
  Bytes text(64), tag(16);
  size_t written = 0;
  Gcm gcm(key);
  auto* const ctx = &gcm.ctx;
  CHECK(mbedtls_gcm_starts(ctx, MBEDTLS_GCM_ENCRYPT, iv.data(), 0) == MBEDTLS_ERR_GCM_BAD_INPUT);
  CHECK(mbedtls_gcm_crypt_and_tag(ctx, MBEDTLS_GCM_ENCRYPT, 64, iv.data(), 12, nullptr, 0, text.data(),
                                  text.data(), 3, tag.data()) == MBEDTLS_ERR_GCM_BAD_INPUT);
  CHECK(mbedtls_gcm_crypt_and_tag(ctx, MBEDTLS_GCM_ENCRYPT, 32, iv.data(), 12, nullptr, 0, text.data(),
                                  text.data() + 8, 16, tag.data()) == MBEDTLS_ERR_GCM_BAD_INPUT);
  REQUIRE(mbedtls_gcm_starts(ctx, MBEDTLS_GCM_ENCRYPT, iv.data(), 12) == 0);
  CHECK(mbedtls_gcm_update(ctx, text.data(), 64, text.data(), 63, &written) ==
        MBEDTLS_ERR_GCM_BUFFER_TOO_SMALL);
  REQUIRE(mbedtls_gcm_update(ctx, text.data(), 64, text.data(), 64, &written) == 0);
  CHECK(mbedtls_gcm_finish(ctx, nullptr, 0, &written, tag.data(), 17) == MBEDTLS_ERR_GCM_BAD_INPUT);
}

TEST_CASE("a context takes a new key and starts over without leaking the old one") {
  Gcm gcm(pattern(16, 1));
  const Bytes iv = pattern(12, 2), plain = pattern(100, 3), next = pattern(32, 5);
  REQUIRE(mbedtls_gcm_starts(&gcm.ctx, MBEDTLS_GCM_ENCRYPT, iv.data(), iv.size()) == 0);
  REQUIRE(mbedtls_gcm_update_ad(&gcm.ctx, plain.data(), plain.size()) == 0);
  REQUIRE(mbedtls_gcm_setkey(&gcm.ctx, MBEDTLS_CIPHER_ID_AES, next.data(), 256) == 0);
  Bytes text(plain.size()), tag(16);
  REQUIRE(mbedtls_gcm_crypt_and_tag(&gcm.ctx, MBEDTLS_GCM_ENCRYPT, plain.size(), iv.data(), iv.size(),
                                    nullptr, 0, plain.data(), text.data(), tag.size(), tag.data()) == 0);
  CHECK(Sealed{text, tag} == seal(next, iv, {}, plain));
}

// Run by hand: test_tls '[gcm-speed]'. Prints one line a level.
TEST_CASE("speed of 16 KiB and 1 KiB records at every level", "[.benchmark][gcm-speed]") {
  BestLevelAfterwards restore;
  for (const size_t size : {16384, 1024}) {
    for (const GcmLevel level : kLevels) {
      if (!use_gcm_level(level)) continue;
      const Bytes iv = pattern(12, 2), aad = pattern(5, 3);
      Bytes text(size), tag(16);
      Gcm gcm(pattern(16, 1));
      BENCHMARK(std::string(name_of(level)) + " " + std::to_string(size)) {
        return mbedtls_gcm_crypt_and_tag(&gcm.ctx, MBEDTLS_GCM_ENCRYPT, size, iv.data(), iv.size(),
                                         aad.data(), aad.size(), text.data(), text.data(), tag.size(),
                                         tag.data());
      };
    }
  }
}
#endif
