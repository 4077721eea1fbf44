// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "tests/tools/companions/fake_mount.h"
#include "tools/companions/check/checker.h"
#include "tools/companions/check/journal.h"
#include "tools/companions/check/report.h"

namespace digestfs::companions {
namespace {

using test::FakeMount;

class Check : public testing::Test {
 protected:
  [[nodiscard]] std::vector<Verdict> of(const Digest& digest, Requirements requirements = {},
                                        Depth depth = Depth::layers) const {
    Progress progress(ShowProgress::no);
    return Checker(std::move(requirements), depth, progress).check(mount_.images(digest).native());
  }
  /// The findings of the only verdict, a line each.
  [[nodiscard]] std::string findings(const Digest& digest, Requirements requirements = {}) const {
    std::string text;
    for (const Verdict& verdict : of(digest, std::move(requirements))) {
      for (const Finding& finding : verdict.findings) {
        text += str_cat(finding.object, ": ", finding.detail, "\n");
      }
    }
    return text;
  }
  void damage(const std::string& folder, const std::string& bytes) {
    FakeMount::write(mount_.path() / folder / digest_of(bytes).str(), "x" + bytes);
  }

  FakeMount mount_;
  Digest amd64_ = mount_.add_image("amd64", {{"blob", "diff"}, {"shared", "shared diff"}},
                                   R"(,"config":{"Labels":{"version":"1"}})");
  Digest arm64_ = mount_.add_image("arm64", {{"shared", "shared diff"}});
};

TEST_F(Check, FindsASoundImageSound) {
  const auto verdicts = of(amd64_);
  ASSERT_EQ(verdicts.size(), 1U);
  EXPECT_EQ(verdicts[0].soundness, Soundness::sound) << findings(amd64_);
  EXPECT_EQ(verdicts[0].platform, "linux/amd64");
  EXPECT_EQ(verdicts[0].objects, 6U);  // manifest, config, two blobs, two diffs
}

TEST_F(Check, ReadsAnObjectOfSeveralImagesOnce) {
  const auto verdicts = of(mount_.add_index({{"amd64", amd64_}, {"arm64", arm64_}}));
  ASSERT_EQ(verdicts.size(), 3U);
  EXPECT_TRUE(verdicts[0].is_index);
  EXPECT_EQ(verdicts[1].objects, 6U);
  EXPECT_EQ(verdicts[2].objects, 2U);
  for (const Verdict& verdict : verdicts) EXPECT_EQ(verdict.soundness, Soundness::sound);
}

TEST_F(Check, NamesEveryObjectThatIsNotWhatItsNameSays) {
  damage("blobs", "blob");
  damage("diffs", "shared diff");
  EXPECT_EQ(
      findings(amd64_),
      str_cat(digest_of("blob"), ": its bytes hash to ", digest_of("xblob"), "\n",
              digest_of("blob"), ": the manifest says that it has 4 bytes, but it has 5\n",
              digest_of("shared diff"), ": its bytes hash to ", digest_of("xshared diff"), "\n"));
  EXPECT_EQ(of(amd64_).at(0).soundness, Soundness::unsound);
}

TEST_F(Check, TellsAnObjectThatIsNotThere) {
  std::filesystem::remove(mount_.path() / "blobs" / digest_of("shared").str());
  EXPECT_NE(findings(amd64_).find("there is no such file"), std::string::npos);
  EXPECT_EQ(of(amd64_).at(0).soundness, Soundness::unsound);
}

TEST_F(Check, ReadsNoLayersWhenShallow) {
  damage("blobs", "blob");
  const auto verdicts = of(amd64_, {}, Depth::shallow);
  EXPECT_EQ(verdicts.at(0).soundness, Soundness::sound);
  EXPECT_EQ(verdicts.at(0).objects, 2U);
}

TEST_F(Check, TellsAPlatformThatIsNotTheIndexs) {
  const Digest index = mount_.add_index({{"arm64", amd64_}});
  EXPECT_NE(findings(index).find("the index says that it is for linux/arm64, but its config says "
                                 "linux/amd64"),
            std::string::npos)
      << findings(index);
}

TEST_F(Check, RequiresPlatforms) {
  const Requirements both = {.platforms = {registry::parse_platform("linux/amd64"),
                                           registry::parse_platform("linux/arm64")}};
  EXPECT_EQ(findings(mount_.add_index({{"amd64", amd64_}, {"arm64", arm64_}}), both), "");
  EXPECT_NE(findings(mount_.add_index({{"arm64", arm64_}}), both)
                .find("there is no image for linux/amd64, only for linux/arm64"),
            std::string::npos);
  EXPECT_NE(findings(amd64_, both).find("there is no image for linux/arm64"), std::string::npos);
}

TEST_F(Check, RequiresLabels) {
  EXPECT_EQ(findings(amd64_, {.labels = {"version", "version=1"}}), "");
  EXPECT_NE(findings(amd64_, {.labels = {"version=2"}}).find("its label version is 1"),
            std::string::npos);
  EXPECT_NE(findings(arm64_, {.labels = {"version"}}).find("it has no label version"),
            std::string::npos);
}

TEST_F(Check, BelievesTheProblemsThatTheMountHasRecorded) {
  const std::string blob = digest_of("blob").str();
  FakeMount::write(
      mount_.path() / ".digestfs/problems.jsonl",
      str_cat(R"({"kind":"bad-entry","object":")", digest_of("diff"), R"(","detail":"why"})", "\n",
              R"({"kind":"remark","object":")", blob, R"(","detail":"odd"})", "\n",
              R"({"kind":"cache-damaged","object":")", blob, R"(","detail":"healed"})", "\n",
              R"({"kind":"limit","object":"other","detail":"not ours"})", "\nno JSON\n"));
  EXPECT_EQ(findings(amd64_),
            str_cat(digest_of("diff"), ": the mount has recorded: bad-entry: why\n"));
}

TEST_F(Check, DoesNotKnowOfWhatIsNoImage) {
  Progress progress(ShowProgress::no);
  const auto verdicts = Checker({}, Depth::layers, progress).check(mount_.path() / "nothing");
  ASSERT_EQ(verdicts.size(), 1U);
  EXPECT_EQ(verdicts[0].soundness, Soundness::failed);
}

TEST_F(Check, FindsAnIndexUnsoundThatLeadsToNoImage) {
  const Digest index = mount_.add_index({{"amd64", amd64_}});
  std::filesystem::remove_all(mount_.images(amd64_));
  const auto verdicts = of(index);
  ASSERT_EQ(verdicts.size(), 2U);
  EXPECT_EQ(verdicts[1].soundness, Soundness::unsound);
}

TEST_F(Check, WritesVerdictsForPeopleAndPrograms) {
  damage("blobs", "blob");
  const auto verdicts = of(amd64_);
  std::ostringstream out;
  write_verdict(out, {}, verdicts[0]);
  EXPECT_TRUE(out.str().starts_with("NOT SOUND " + mount_.images(amd64_).native() +
                                    " (linux/amd64, 2 layers, "))
      << out.str();
  const auto json = nlohmann::json::parse(verdicts_json(verdicts));
  EXPECT_EQ(json["schema"], "digestfs-check/1");
  EXPECT_EQ(json["sound"], false);
  EXPECT_EQ(json["images"][0]["verdict"], "unsound");
  EXPECT_EQ(json["images"][0]["problems"][0]["object"], digest_of("blob").str());
}

}  // namespace
}  // namespace digestfs::companions
