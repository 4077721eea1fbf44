// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/tools/companions/fake_mount.h"
#include "tools/companions/images/report.h"
#include "tools/companions/images/rows.h"

namespace digestfs::companions {
namespace {

using test::FakeMount;

class Images : public testing::Test {
 protected:
  [[nodiscard]] std::vector<ImageRow> rows(const std::string& tag) const {
    return rows_of({.repository = "r", .tag = tag, .path = mount_.tags(tag)});
  }

  FakeMount mount_;
  Digest amd64_ = mount_.add_image("amd64", {{"diff", "diff"}});  // not compressed
  Digest arm64_ = mount_.add_image("arm64", {FakeMount::gzip("other diff")});
};

TEST_F(Images, HaveARowForEachPlatformOfATag) {
  const Digest index = mount_.add_index({{"amd64", amd64_}, {"arm64", arm64_}});
  mount_.tag("t", index);
  const auto found = rows("t");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].platform, "linux/amd64");
  EXPECT_EQ(found[0].digest, amd64_);
  EXPECT_EQ(found[0].index, index);
  EXPECT_EQ(found[0].stored, 4U);
  EXPECT_EQ(found[0].unpacked, std::nullopt);
  EXPECT_EQ(found[0].created, "2025-01-02T03:04:05Z");
  EXPECT_EQ(found[1].digest, arm64_);
}

TEST_F(Images, ThatCannotBeReadHaveARowThatSaysWhy) {
  mount_.tag("good", amd64_);
  const Digest broken = mount_.add_image("riscv64", {});
  mount_.tag("broken", broken);
  FakeMount::write(mount_.path() / "manifests" / broken.str(), "no JSON");
  EXPECT_EQ(rows("good").at(0).error, "");
  const auto found = rows("broken");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_NE(found[0].error.find("it is no JSON"), std::string::npos) << found[0].error;
  EXPECT_EQ(found[0].digest, broken);
  EXPECT_NE(rows("missing").at(0).error.find("there is no "), std::string::npos);
}

TEST_F(Images, ThatAreBrokenLeaveTheOtherPlatformsShown) {
  mount_.tag("t", mount_.add_index({{"amd64", amd64_}, {"arm64", arm64_}}));
  FakeMount::write(mount_.path() / "manifests" / arm64_.str(), "no JSON");
  const auto found = rows("t");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].error, "");
  EXPECT_NE(found[1].error, "");
  EXPECT_EQ(found[1].platform, "linux_arm64");
}

TEST_F(Images, AreFilteredByPlatformDigestAndPattern) {
  mount_.tag("t", arm64_);
  const ImageRow row = rows("t").at(0);
  EXPECT_TRUE((ImageFilter{.platform = registry::parse_platform("linux/arm64")}.takes(row)));
  EXPECT_TRUE((ImageFilter{.platform = registry::parse_platform("linux/aarch64")}.takes(row)));
  EXPECT_FALSE((ImageFilter{.platform = registry::parse_platform("linux/amd64")}.takes(row)));
  const std::string hex(row.id->encoded().substr(0, 12));
  EXPECT_TRUE(ImageFilter{.digest = hex}.takes(row));
  EXPECT_TRUE(ImageFilter{.digest = "sha256:" + hex}.takes(row));
  EXPECT_FALSE(ImageFilter{.digest = "0" + hex}.takes(row));
  EXPECT_TRUE(ImageFilter{.tag = "v1.*"}.takes_tag("v1.2"));
  EXPECT_FALSE(ImageFilter{.tag = "v1.*"}.takes_tag("v2"));
}

TEST_F(Images, AreWholeInAPipe) {
  mount_.tag("t", amd64_);
  std::ostringstream out;
  const auto report = make_report(out, {}, ImageFormat::table, RowsAtOnce::no, Digests::whole, {});
  report->add(rows("t").at(0));
  report->add({.repository = "r", .tag = "\x1b[2Jbad", .error = "why"});
  report->finish();
  const std::string text = out.str();
  EXPECT_NE(text.find(amd64_.str()), std::string::npos) << text;
  EXPECT_NE(text.find("2025-01-02T03:04:05Z  4 B         ?\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\\x1b[2Jbad  -            error: why\n"), std::string::npos) << text;
}

TEST_F(Images, AreOneDocumentOrALineEachInJson) {
  mount_.tag("t", amd64_);
  std::ostringstream document;
  auto report = make_report(document, {}, ImageFormat::json, RowsAtOnce::no, Digests::whole, {});
  report->add(rows("t").at(0));
  report->add({.repository = "r", .tag = "bad\xff", .error = "why"});
  report->finish();
  const auto json = nlohmann::json::parse(document.str());
  EXPECT_EQ(json["schema"], "digestfs-images/1");
  EXPECT_EQ(json["images"][0]["digest"], amd64_.str());
  EXPECT_EQ(json["images"][0]["uncompressed"], nullptr);
  EXPECT_EQ(json["images"][1]["error"], "why");

  std::ostringstream lines;
  report = make_report(lines, {}, ImageFormat::json, RowsAtOnce::yes, Digests::whole, {});
  report->add(rows("t").at(0));
  EXPECT_EQ(nlohmann::json::parse(lines.str())["tag"], "t");
  report->finish();

  std::ostringstream none;
  make_report(none, {}, ImageFormat::json, RowsAtOnce::no, Digests::whole, {})->finish();
  EXPECT_TRUE(nlohmann::json::parse(none.str())["images"].empty());
}

}  // namespace
}  // namespace digestfs::companions
