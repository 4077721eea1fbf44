// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cstddef>
#include <filesystem>
#include <future>
#include <sstream>
#include <string>
#include <thread>
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
  FakeMount::Layer first_ = FakeMount::gzip("diff");
  FakeMount::Layer shared_ = FakeMount::zstd("shared diff");
  Digest amd64_ =
      mount_.add_image("amd64", {first_, shared_}, R"(,"config":{"Labels":{"version":"1"}})");
  Digest arm64_ = mount_.add_image("arm64", {shared_});
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
  damage("blobs", first_.blob);
  damage("diffs", "shared diff");
  const std::size_t size = first_.blob.size();
  EXPECT_EQ(findings(amd64_),
            str_cat(digest_of(first_.blob), ": its bytes hash to ", digest_of("x" + first_.blob),
                    "\n", digest_of(first_.blob), ": the manifest says that it has ", size,
                    " bytes, but it has ", size + 1, "\n", digest_of("shared diff"),
                    ": its bytes hash to ", digest_of("xshared diff"), "\n"));
  EXPECT_EQ(of(amd64_).at(0).soundness, Soundness::unsound);
}

TEST_F(Check, TellsAnObjectThatIsNotThere) {
  std::filesystem::remove(mount_.path() / "blobs" / digest_of(shared_.blob).str());
  EXPECT_NE(findings(amd64_).find("there is no such file"), std::string::npos);
  EXPECT_EQ(of(amd64_).at(0).soundness, Soundness::unsound);
}

TEST_F(Check, TellsABlobThatDoesNotDecompressToItsDiff) {
  const FakeMount::Layer other = FakeMount::gzip("other diff");
  const Digest swapped =
      mount_.add_image("amd64", {{first_.blob, other.diff}, {other.blob, first_.diff}});
  EXPECT_EQ(findings(swapped),
            // More than the 4 bytes of the other diff need not be hashed.
            str_cat(digest_of(first_.blob), ": it decompresses to ", digest_of(first_.diff),
                    ", but its diff_id is ", digest_of(other.diff), "\n", digest_of(other.blob),
                    ": it decompresses to more bytes than its diff has\n"));
  EXPECT_EQ(of(swapped).at(0).soundness, Soundness::unsound);
  EXPECT_EQ(findings(mount_.add_image("amd64", {first_, other})), "");
}

TEST_F(Check, ComparesABlobWithEachDiffThatImagesPairItWith) {
  const Digest good = mount_.add_image("amd64", {first_});
  const Digest bad = mount_.add_image("arm64", {{first_.blob, "like"}});
  const auto verdicts = of(mount_.add_index({{"amd64", good}, {"arm64", bad}}));
  ASSERT_EQ(verdicts.size(), 3U);
  EXPECT_EQ(verdicts[1].soundness, Soundness::sound);
  EXPECT_EQ(verdicts[2].soundness, Soundness::unsound);
}

TEST_F(Check, TellsABlobThatCannotBeDecompressed) {
  const std::string blob = first_.blob.substr(0, first_.blob.size() - 1);
  EXPECT_NE(findings(mount_.add_image("amd64", {{blob, first_.diff}}))
                .find(str_cat(digest_of(blob), ": it cannot be decompressed: ")),
            std::string::npos);
}

TEST_F(Check, TellsADiffThatIsNotTheConfigs) {
  const std::filesystem::path link = mount_.images(arm64_) / "layers/00/diff";
  std::filesystem::remove(link);
  std::filesystem::create_symlink(str_cat("../../../../diffs/", digest_of(first_.diff)), link);
  EXPECT_NE(findings(arm64_).find("but the config has another diff_id"), std::string::npos);
}

TEST_F(Check, ReadsNoLayersWhenShallow) {
  damage("blobs", first_.blob);
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

TEST_F(Check, TellsAnImageThatTheIndexListsForTwoPlatforms) {
  const auto verdicts = of(mount_.add_index({{"amd64", amd64_}, {"arm64", amd64_}}));
  ASSERT_EQ(verdicts.size(), 3U);
  EXPECT_EQ(verdicts[2].soundness, Soundness::unsound);
  ASSERT_FALSE(verdicts[2].findings.empty());
  EXPECT_EQ(verdicts[2].findings[0].detail,
            "the index says that it is for linux/arm64, but its config says linux/amd64");
}

TEST_F(Check, RequiresTheVariantThatIsNamed) {
  const auto with = [&](const char* platform) {
    return findings(amd64_, {.platforms = {registry::parse_platform(platform)}});
  };
  EXPECT_EQ(with("linux/amd64"), "");
  EXPECT_NE(with("linux/amd64/v3").find("there is no image for linux/amd64/v3"), std::string::npos);
  const Digest newer = mount_.add_image("amd64", {}, R"(,"variant":"v3")");
  EXPECT_EQ(findings(newer, {.platforms = {registry::parse_platform("linux/amd64/v3"),
                                           registry::parse_platform("linux/amd64")}}),
            "");
}

TEST_F(Check, DoesNotKnowOfAPlatformIfAnImageCannotBeLookedAt) {
  const Digest index = mount_.add_index({{"amd64", amd64_}, {"arm64", arm64_}});
  // A circle of links is corrupt; a name that is too long is nothing that an image is.
  const auto link = mount_.images(index) / "platforms/linux_arm64";
  std::filesystem::remove(link);
  std::filesystem::create_symlink(std::string(300, 'x'), link);
  const auto verdicts = of(index, {.platforms = {registry::parse_platform("linux/arm64")}});
  EXPECT_EQ(verdicts.at(0).soundness, Soundness::failed);
  EXPECT_EQ(verdicts.at(2).soundness, Soundness::failed);
  ASSERT_EQ(verdicts[0].findings.size(), 1U);
  EXPECT_NE(verdicts[0].findings[0].detail.find("it is not known if there is an image for "),
            std::string::npos);
}

TEST_F(Check, ReadsATagByTheDigestThatItNames) {
  mount_.tag("t", amd64_);
  // What the tag shows apart from its digest would be another image's, if it moved.
  std::filesystem::remove_all(mount_.tags("t") / "layers");
  std::filesystem::remove(mount_.tags("t") / "config.json");
  Progress progress(ShowProgress::no);
  const auto verdicts = Checker({}, Depth::layers, progress).check(mount_.tags("t"));
  ASSERT_EQ(verdicts.size(), 1U);
  EXPECT_EQ(verdicts[0].soundness, Soundness::sound);
  EXPECT_EQ(verdicts[0].path, mount_.tags("t").native());
  EXPECT_EQ(verdicts[0].objects, 6U);
}

TEST_F(Check, CountsTheAttestationsThatItDoesNotCheck) {
  const auto verdicts = of(mount_.add_index(
      {{"amd64", amd64_}},
      str_cat(R"(,{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":")",
              digest_of("nothing"), R"(","size":7,"platform":{"os":"unknown","architecture":)",
              R"("unknown"},"annotations":{"vnd.docker.reference.type":"attestation-manifest",)",
              R"("vnd.docker.reference.digest":")", amd64_, R"("}})")));
  ASSERT_EQ(verdicts.size(), 2U);
  EXPECT_EQ(verdicts[0].attestations, 1U);
  std::ostringstream out;
  write_verdict(out, {}, verdicts[0]);
  EXPECT_NE(out.str().find("(index, 1 attestation not checked)"), std::string::npos) << out.str();
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

TEST_F(Check, FindsNoLabelOnAnArtifact) {
  const Digest artifact = mount_.add_artifact({{R"("mediaType":"text/plain")", "hello"}});
  EXPECT_EQ(findings(artifact), "");
  EXPECT_EQ(findings(artifact, {.labels = {"version=1"}}),
            str_cat(artifact, ": it has no config, and so no label version\n"));
}

TEST_F(Check, BelievesTheProblemsThatTheMountHasRecorded) {
  const std::string blob = digest_of(first_.blob).str();
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

// All files of a mount that has ended are missing, at whatever moment of a check.
TEST(CheckOfAMount, BlamesNoImageForItsEnd) {
  for (int i = 0; i < 20; ++i) {
    FakeMount mount;
    const Digest amd64 = mount.add_image("amd64", {FakeMount::gzip("a"), FakeMount::gzip("b")});
    const Digest arm64 = mount.add_image("arm64", {FakeMount::gzip("c"), FakeMount::gzip("d")});
    const std::string path = mount.images(mount.add_index({{"amd64", amd64}, {"arm64", arm64}}));
    std::atomic<bool> has_begun = false;
    auto unsound = std::async(std::launch::async, [&] {
      for (;;) {
        Progress progress(ShowProgress::no);
        bool is_over = false;
        for (const Verdict& verdict : Checker({}, Depth::layers, progress).check(path)) {
          is_over = is_over || verdict.soundness == Soundness::failed;
          if (verdict.soundness == Soundness::unsound) return verdict.findings.at(0).detail;
        }
        if (is_over) return std::string();
        has_begun = true;
      }
    });
    while (!has_begun) std::this_thread::yield();
    std::filesystem::rename(mount.path(), mount.path().parent_path() / "aside");
    EXPECT_EQ(unsound.get(), "");
  }
}

TEST_F(Check, FindsAnIndexUnsoundThatLeadsToNoImage) {
  const Digest index = mount_.add_index({{"amd64", amd64_}});
  std::filesystem::remove_all(mount_.images(amd64_));
  const auto verdicts = of(index);
  ASSERT_EQ(verdicts.size(), 2U);
  EXPECT_EQ(verdicts[1].soundness, Soundness::unsound);
  EXPECT_NE(findings(index).find("there is nothing where "), std::string::npos) << findings(index);
}

TEST_F(Check, BreaksAVerdictBetweenWords) {
  Verdict verdict{.path = "mnt/tags/demo", .soundness = Soundness::unsound};
  verdict.digest = digest_of("x");
  verdict.platform = "linux/amd64";
  verdict.layers = 3;
  std::ostringstream out;
  write_verdict(out, {.is_terminal = true, .width = 30, .has_colours = true}, verdict);
  EXPECT_EQ(out.str(),
            "\x1b[31mNOT SOUND\x1b[0m mnt/tags/demo\n  (linux/amd64, 3 layers, 0 B\n  read)\n");
}

TEST_F(Check, WritesVerdictsForPeopleAndPrograms) {
  damage("blobs", first_.blob);
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
  EXPECT_EQ(json["images"][0]["problems"][0]["object"], digest_of(first_.blob).str());
}

}  // namespace
}  // namespace digestfs::companions
