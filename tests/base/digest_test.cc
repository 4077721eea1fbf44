// SPDX-License-Identifier: Apache-2.0
#include "base/digest.h"

#include <unordered_set>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace digestfs {
namespace {

// FIPS 180-4, examples: the digests of "abc" and of the two-block messages.
constexpr const char* kSha256OfAbc =
    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr const char* kSha384OfAbc =
    "sha384:cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
    "8086072ba1e7cc2358baeca134c825a7";
constexpr const char* kSha512OfAbc =
    "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

std::string hex(std::size_t length) { return std::string(length, 'a'); }

TEST(Digest, ReadsTheKnownAlgorithms) {  // DIG-2
  for (const auto& [algorithm, length, verifiable] :
       std::vector<std::tuple<std::string, std::size_t, bool>>{{"sha256", 64, true},
                                                               {"sha384", 96, true},
                                                               {"sha512", 128, true},
                                                               {"blake3", 64, false}}) {
    const auto digest = Digest::parse(algorithm + ':' + hex(length));
    ASSERT_TRUE(digest) << algorithm;
    EXPECT_EQ(digest->algorithm(), algorithm);
    EXPECT_EQ(digest->encoded(), hex(length));
    EXPECT_EQ(digest->str(), algorithm + ':' + hex(length));
    EXPECT_EQ(digest->is_verifiable(), verifiable) << algorithm;
    EXPECT_FALSE(Digest::parse(algorithm + ':' + hex(length - 1))) << algorithm;
    EXPECT_FALSE(Digest::parse(algorithm + ':' + hex(length + 1))) << algorithm;
  }
}

TEST(Digest, KeepsAnUnknownAlgorithmThatIsGrammatical) {  // DIG-1, DIG-3
  for (const std::string text : {"md5:d41d8cd98f00b204e9800998ecf8427e",
                                 "sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564",
                                 "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8",
                                 "a.b_c-d+e:AZaz09=_-", "sha1:x", "sha:256"}) {
    const auto digest = Digest::parse(text);
    ASSERT_TRUE(digest) << text;
    EXPECT_EQ(digest->str(), text);
    EXPECT_FALSE(digest->is_verifiable()) << text;
  }
}

TEST(Digest, CutsAtTheFirstColon) {
  const auto digest = Digest::parse("a+b:cD=");
  ASSERT_TRUE(digest);
  EXPECT_EQ(digest->algorithm(), "a+b");
  EXPECT_EQ(digest->encoded(), "cD=");
}

TEST(Digest, M9RefusesWhatIsNone) {  // DIG-1, DIG-2
  std::string with_nul = "sha256:" + hex(64);
  with_nul[20] = '\0';
  const std::string good = "sha256:" + hex(64);
  const std::vector<std::string> bad = {
      "",
      ":",
      "sha256",
      "sha256:",
      ":" + hex(64),
      hex(64),
      "sha256:" + std::string(64, 'A'),
      "sha256:" + hex(63) + 'F',
      "sha256:" + hex(63) + 'g',
      "SHA256:" + hex(64),
      "Sha256:" + hex(64),
      "sha256::" + hex(64),
      "sha256-" + hex(64),
      "sha256:../../../../etc/passwd",
      good + "/x",
      good + "\n",
      ' ' + good,
      good + ' ',
      with_nul,
      good + '\0',
      "md5:a/b",
      "md5:.",
      "md5:..",
      "md5:a:b",
      "../x:abc",
      "+a:b",
      "a+:b",
      "a++b:c",
      "a/b:c",
      "\xc3\xa9:abc",
      "md5:\xc3\xa9",
  };
  for (const std::string& text : bad) {
    EXPECT_FALSE(Digest::parse(text)) << text;
  }
}

TEST(Digest, FitsAFileName) {  // DIG-6
  EXPECT_TRUE(Digest::parse("odd:" + hex(251)));
  EXPECT_FALSE(Digest::parse("odd:" + hex(252)));
}

TEST(Digest, HasAColonFreeSpelling) {
  EXPECT_EQ(Digest::parse_hyphenated("sha256-" + hex(64)), Digest::parse("sha256:" + hex(64)));
  EXPECT_EQ(Digest::parse_hyphenated("sha512-" + hex(128)), Digest::parse("sha512:" + hex(128)));
  // Of an unknown algorithm nobody knows which hyphen is meant.
  for (const std::string text : {"md5-abc", "a-b-c", "-", "sha256", "sha256-"}) {
    EXPECT_FALSE(Digest::parse_hyphenated(text)) << text;
  }
  EXPECT_FALSE(Digest::parse_hyphenated("sha256:" + hex(64)));
  EXPECT_FALSE(Digest::parse_hyphenated("sha256-" + hex(63)));
  EXPECT_FALSE(Digest::parse_hyphenated("sha256-" + std::string(64, 'A')));
  EXPECT_FALSE(Digest::parse_hyphenated("sha256-sha256:" + hex(57)));
}

TEST(Digest, IsAValue) {  // DIG-4
  const auto one = *Digest::parse("sha256:" + std::string(64, '1'));
  const auto two = *Digest::parse("sha256:" + std::string(64, '2'));
  const auto longer = *Digest::parse("sha512:" + std::string(128, '1'));
  EXPECT_EQ(one, *Digest::parse(one.str()));
  EXPECT_NE(one, two);
  EXPECT_NE(one, longer);
  EXPECT_LT(one, two);
  EXPECT_EQ((std::unordered_set<Digest>{one, two, one}.size()), 2U);
  EXPECT_EQ(str_cat(one), one.str());
}

TEST(Hasher, GivesThePublishedDigests) {
  EXPECT_EQ(digest_of("abc").str(), kSha256OfAbc);
  EXPECT_EQ(digest_of("abc", "sha384").str(), kSha384OfAbc);
  EXPECT_EQ(digest_of("abc", "sha512").str(), kSha512OfAbc);
  EXPECT_EQ(digest_of("").str(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digest_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq").str(),
            "sha256:248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(digest_of("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                      "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
                      "sha512")
                .str(),
            "sha512:8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
            "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909");
  // The empty layer of every builder, uncompressed: two blocks of zeros.
  EXPECT_EQ(digest_of(std::string(1024, '\0')).str(),
            "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef");
}

TEST(Hasher, TakesTheBytesInAnyPieces) {
  Hasher hasher("sha256");
  const std::string thousand(1000, 'a');
  for (int i = 0; i < 999; ++i) hasher.update(as_bytes(thousand));
  hasher.update({});
  for (int i = 0; i < 1000; ++i) hasher.update(as_bytes("a"));
  // FIPS 180-4: a million times "a".
  EXPECT_EQ(hasher.finish().str(),
            "sha256:cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Hasher, RefusesWhatItCannotCompute) {  // DIG-3: never taken for unverified
  for (const std::string algorithm : {"md5", "blake3", "sha1", "SHA256", "", "sha256 "}) {
    try {
      Hasher hasher(algorithm);
      FAIL() << algorithm;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::unsupported) << algorithm;
    }
  }
}

}  // namespace
}  // namespace digestfs
