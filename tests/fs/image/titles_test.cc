// SPDX-License-Identifier: Apache-2.0
#include "fs/image/titles.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/file.h"

namespace digestfs::fs {
namespace {

constexpr const char* kTitle = "org.opencontainers.image.title";

/// A manifest of blobs with these titles; nothing stands for none. Blobs of equal content are one.
registry::Manifest artifact(
    const std::vector<std::pair<std::string, std::optional<std::string>>>& blobs) {
  registry::Manifest manifest;
  manifest.kind = registry::ManifestKind::artifact;
  for (const auto& [content, title] : blobs) {
    registry::Descriptor blob{.digest = digest_of(content)};
    if (title) blob.annotations[kTitle] = *title;
    manifest.layers.emplace_back(std::move(blob));
  }
  return manifest;
}

std::vector<std::string> names(const registry::Manifest& manifest) {
  std::vector<std::string> names;
  for (const auto& blob : titled_blobs(manifest).blobs) names.push_back(blob.path);
  return names;
}

using Names = std::vector<std::string>;

TEST(Titles, NameTheBlobsOfAnArtifact) {  // MT-7
  const auto manifest = artifact({{"1", "sbom.json"}, {"2", std::nullopt}, {"3", "a b\n\xff"}});
  EXPECT_EQ(names(manifest), (Names{"sbom.json", "a b\n\xff"}));
  EXPECT_EQ(titled_blobs(manifest).blobs[1].blob, digest_of("3"));
  EXPECT_TRUE(titled_blobs(manifest).problems.empty());
}

// A title with a folder was shown with an underscore in place of the slash.
TEST(Titles, M14WithFoldersArePathsInsideTheFolder) {
  EXPECT_EQ(names(artifact({{"1", "./a"}, {"2", "docs/guide.md"}, {"3", "x//y/../z"}})),
            (Names{"a", "docs/guide.md", "x/z"}));
}

TEST(Titles, M14ThatNameNoFileAreShownByDigestAndSaid) {
  for (const std::string& title :
       {std::string(), std::string("."), std::string(".."), std::string("./"), std::string("a/"),
        std::string("../../evil"), std::string("a/../../evil"), std::string("/etc/passwd"),
        std::string(256, 'a'), std::string(1, '\0')}) {
    const auto titled = titled_blobs(artifact({{"1", title}, {"2", "good"}}));
    ASSERT_EQ(titled.blobs.size(), 2U) << title;
    EXPECT_EQ(titled.blobs[0].path, "good");
    EXPECT_EQ(titled.blobs[1].path, digest_of("1").str());
    ASSERT_EQ(titled.problems.size(), 1U);
    EXPECT_NE(titled.problems[0].find(digest_of("1").str()), std::string::npos);
  }
}

TEST(Titles, ThatMakeAFileOfAFolderAreShownByDigest) {
  EXPECT_EQ(names(artifact({{"1", "a"}, {"2", "a/b"}, {"3", "c/d"}, {"4", "c"}})),
            (Names{"a", "c/d", digest_of("2").str(), digest_of("4").str()}));
}

TEST(Titles, M14OfTwoBlobsAreToldApart) {
  const std::string suffix = "@" + std::string(digest_of("2").encoded().substr(0, 12));
  EXPECT_EQ(names(artifact({{"1", "a"}, {"2", "a"}, {"1", "a"}})), (Names{"a", "a" + suffix}));
  const std::string longest(255, 'a');
  const auto two = names(artifact({{"1", longest}, {"2", longest}}));
  ASSERT_EQ(two.size(), 2U);
  EXPECT_EQ(two[1], longest.substr(0, 242) + suffix);
}

}  // namespace
}  // namespace digestfs::fs
