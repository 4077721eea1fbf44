// SPDX-License-Identifier: Apache-2.0
#include "fs/image/platforms.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace digestfs::fs {
namespace {

using registry::Descriptor;
using registry::Manifest;
using registry::Platform;

Descriptor entry(const std::string& hex_start, const std::string& os, const std::string& arch,
                 const std::string& variant = {}) {
  const std::string hex = hex_start + std::string(64 - hex_start.size(), '0');
  Descriptor descriptor{.digest = *Digest::parse("sha256:" + hex)};
  descriptor.platform = Platform{os, arch, variant, {}, {}};
  return descriptor;
}

std::vector<std::string> names_of(const std::vector<Descriptor>& descriptors) {
  Manifest index;
  index.manifests = descriptors;
  std::vector<std::string> names;
  for (const auto& platform : platform_entries(index)) names.push_back(platform.name);
  return names;
}

using Names = std::vector<std::string>;

TEST(PlatformEntries, AreInTheOrderOfTheIndex) {
  EXPECT_EQ(names_of({entry("1", "linux", "s390x"), entry("2", "linux", "amd64")}),
            (Names{"linux_s390x", "linux_amd64"}));
  EXPECT_EQ(names_of({}), Names());
}

TEST(PlatformEntries, TellSecondsOfANameByTheirDigest) {  // PLAT-2
  EXPECT_EQ(names_of({entry("aaaa", "linux", "arm"), entry("bbbb", "linux", "arm", "v7"),
                      entry("cccc", "linux", "armhf")}),
            (Names{"linux_arm_v7", "linux_arm_v7@bbbb00000000", "linux_arm_v7@cccc00000000"}));
}

TEST(PlatformEntries, AreOneForAnEntryThatIsRepeated) {  // MT-9
  EXPECT_EQ(names_of({entry("a", "linux", "amd64"), entry("a", "linux", "amd64"),
                      entry("b", "linux", "amd64"), entry("b", "linux", "amd64")}),
            (Names{"linux_amd64", "linux_amd64@b00000000000"}));
}

TEST(PlatformEntries, NeverShareAName) {
  // The first 12 digits agree: one of the two is all that can be shown under that name.
  EXPECT_EQ(names_of({entry("a", "linux", "amd64"), entry("123456789abc1", "linux", "amd64"),
                      entry("123456789abc2", "linux", "amd64")}),
            (Names{"linux_amd64", "linux_amd64@123456789abc"}));
}

TEST(PlatformEntries, KeepTheirSpellingOnlyWhereItLeadsToTheFirst) {
  Manifest index;
  index.manifests = {entry("a", "linux", "arm64", "v8"), entry("b", "linux", "aarch64")};
  const auto entries = platform_entries(index);
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].name, "linux_arm64");
  EXPECT_EQ(entries[0].spelled, "linux_arm64_v8");
  EXPECT_EQ(entries[1].name, "linux_arm64@b00000000000");
  EXPECT_EQ(entries[1].spelled, "");
}

TEST(PlatformEntries, FillNothingIn) {
  // An empty os is not this machine's.
  EXPECT_EQ(names_of({entry("a", "", "amd64"), entry("b", "linux", ""), entry("c", "", "")}),
            (Names{"unknown_amd64", "linux_unknown", "sha256:c" + std::string(63, '0')}));
}

TEST(BestEntry, PassesOverEntriesWithoutAPlatform) {  // PLAT-3
  Manifest index;
  index.manifests = {entry("a", "unknown", "unknown"), entry("b", "linux", "amd64"),
                     entry("c", "linux", "amd64")};
  index.manifests[0].platform.reset();
  const auto entries = platform_entries(index);
  const Platform wanted{"linux", "amd64", {}, {}, {}};
  const PlatformEntry* best = best_entry(entries, wanted);
  ASSERT_NE(best, nullptr);
  EXPECT_EQ(best->name, "linux_amd64");
  EXPECT_EQ(best->descriptor.digest, index.manifests[1].digest);
  EXPECT_EQ(best_entry(entries, Platform{"linux", "s390x", {}, {}, {}}), nullptr);
  EXPECT_EQ(best_entry({}, wanted), nullptr);
}

}  // namespace
}  // namespace digestfs::fs
