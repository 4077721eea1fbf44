// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/graph/graph.h"

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "tests/tools/companions/fake_mount.h"
#include "tools/companions/graph/drawing.h"

namespace digestfs::companions {
namespace {

using test::FakeMount;

class GraphOfImages : public testing::Test {
 protected:
  void add(const Digest& digest) { graph_.add(mount_.images(digest).native()); }
  [[nodiscard]] std::string tree(const Terminal& terminal = {}) const {
    std::ostringstream out;
    write_tree(out, terminal, graph_);
    return out.str();
  }

  FakeMount mount_;
  Progress progress_{ShowProgress::no};
  Graph graph_{progress_};
  FakeMount::Layer first_ = FakeMount::gzip("diff");
  FakeMount::Layer shared_ = FakeMount::zstd("shared diff");
  Digest amd64_ = mount_.add_image("amd64", {first_, shared_});
  Digest arm64_ = mount_.add_image("arm64", {shared_});
};

TEST_F(GraphOfImages, TakesASharedObjectApartOnce) {
  const Digest index = mount_.add_index({{"amd64", amd64_}, {"arm64", arm64_}});
  add(index);
  const std::string text = tree();
  EXPECT_TRUE(text.starts_with(str_cat(mount_.images(index).native(), "\n└─ index  ", index)))
      << text;
  EXPECT_NE(text.find(str_cat("\n   ├─ linux_amd64: manifest  ", amd64_)), std::string::npos)
      << text;
  const std::string size = str_cat(shared_.blob.size(), " B");
  EXPECT_NE(text.find(str_cat("\n   │  └─ layer 01  ", digest_of(shared_.blob), "  ", size,
                              "\n   │     └─ diff  ", digest_of("shared diff"), "  ?\n")),
            std::string::npos)
      << text;
  EXPECT_TRUE(text.ends_with(
      str_cat("\n      └─ layer 00  ", digest_of(shared_.blob), "  ", size, "  (above)\n")))
      << text;
}

TEST_F(GraphOfImages, ShowsWhatSeveralImagesShare) {
  add(amd64_);
  add(arm64_);
  EXPECT_EQ(std::ranges::count_if(
                graph_.nodes(),
                [&](const GraphNode& node) { return node.digest == digest_of(shared_.blob); }),
            1);
  EXPECT_EQ(graph_.roots().size(), 2U);
}

TEST_F(GraphOfImages, FitsANarrowTerminal) {
  add(mount_.add_index({{"amd64", amd64_}}));
  std::istringstream lines(tree({.is_terminal = true, .width = 40, .has_colours = false}));
  std::string line;
  std::getline(lines, line);  // the path, as the user gave it
  while (std::getline(lines, line)) EXPECT_LE(columns_of(line), 40U) << line;
}

TEST_F(GraphOfImages, SaysWhatCouldNotBeRead) {
  const Digest index = mount_.add_index({{"amd64", amd64_}, {"arm64", arm64_}});
  FakeMount::write(mount_.path() / "manifests" / arm64_.str(), "no JSON");
  add(index);
  EXPECT_TRUE(graph_.has_errors());
  EXPECT_NE(tree().find("error: cannot use "), std::string::npos) << tree();
  EXPECT_NE(tree().find("layer 01"), std::string::npos) << tree();
}

TEST_F(GraphOfImages, ShowsReferrers) {
  std::filesystem::create_directories(mount_.images(amd64_) / "referrers");
  std::filesystem::create_symlink("../../../images/" + arm64_.str(),
                                  mount_.images(amd64_) / "referrers" / arm64_.str());
  add(amd64_);
  EXPECT_NE(tree().find(str_cat("referrer: manifest  ", arm64_)), std::string::npos) << tree();
}

TEST_F(GraphOfImages, LinksEachBoxToItsFile) {
  add(amd64_);
  const auto top = std::filesystem::canonical(mount_.path()).parent_path();
  const std::string dot = dot_text(graph_, top);
  EXPECT_NE(dot.find(str_cat("URL=\"mnt/manifests/", amd64_, "\"")), std::string::npos) << dot;
  EXPECT_NE(dot.find(str_cat("tooltip=\"", digest_of(first_.blob), "\"")), std::string::npos)
      << dot;
  EXPECT_NE(dot.find(str_cat("URL=\"mnt/blobs/", digest_of(first_.blob), "\"")), std::string::npos);
  // The links are of files that are there.
  EXPECT_TRUE(std::filesystem::exists(top / "mnt/blobs" / digest_of(first_.blob).str()));
}

TEST_F(GraphOfImages, IsJsonWithAVersion) {
  add(amd64_);
  const auto json = nlohmann::json::parse(graph_json(graph_));
  EXPECT_EQ(json["schema"], "digestfs-graph/1");
  EXPECT_EQ(json["nodes"].size(), 6U);
  EXPECT_EQ(json["edges"].size(), 5U);
  EXPECT_EQ(json["nodes"][0]["digest"], amd64_.str());
}

TEST(GraphUrls, AreRelativeAndEscaped) {
  EXPECT_EQ(relative_url("/home/me/mnt/blobs/sha256:1", "/home/me"), "mnt/blobs/sha256:1");
  EXPECT_EQ(relative_url("/home/me/my mnt/x\"#?", "/home/me"), "my%20mnt/x%22%23%3F");
  EXPECT_EQ(relative_url("/home/me/mnt/x", "/home/me/doc"), "../mnt/x");
  EXPECT_EQ(relative_url("/home/me/a:b/x", "/home/me"), "./a:b/x");
}

}  // namespace
}  // namespace digestfs::companions
