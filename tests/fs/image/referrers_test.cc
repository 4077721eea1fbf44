// SPDX-License-Identifier: Apache-2.0
// referrers/ of an image: what says that it is about it, by API, tag or annotation.

#include "registry/image/referrers.h"

#include <cerrno>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file.h"
#include "tests/support/served.h"

namespace digestfs::fs {
namespace {

using registry::Descriptor;
using registry::Endpoint;
using test::Image;
using test::ObjectSet;
using test::Served;
using Names = std::set<std::string>;

constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kIndexType = "application/vnd.oci.image.index.v1+json";

std::string json_of(const Descriptor& descriptor) {
  return R"({"mediaType":")" + descriptor.media_type + R"(","digest":")" + descriptor.digest.str() +
         R"(","size":)" + std::to_string(descriptor.size.value_or(0)) + "}";
}

/// An artifact whose one blob is of `layer_type`, about `subject` if there is one.
Descriptor add_artifact(ObjectSet& set, const std::string& content,
                        const std::optional<Digest>& subject,
                        const std::string& layer_type = "text/plain") {
  const auto empty = set.add(Endpoint::blobs, "{}", "application/vnd.oci.empty.v1+json");
  const auto blob = set.add(Endpoint::blobs, content, layer_type);
  std::string text = R"({"schemaVersion":2,"mediaType":")" + std::string(kManifestType) +
                     R"(","artifactType":"application/x-test","config":)" + json_of(empty) +
                     R"(,"layers":[)" + json_of(blob) + "]";
  if (subject) {
    text +=
        R"(,"subject":)" + json_of({.digest = *subject, .media_type = kManifestType, .size = 1});
  }
  return set.add(Endpoint::manifests, text + "}", kManifestType);
}

struct Fixture {
  Fixture() : image(add_image(set, {test::gzip_layer({{.name = "f", .content = "x"}})})) {
    set.tag("v1", image.manifest);
  }

  [[nodiscard]] const Digest& subject() const { return image.manifest.digest; }
  /// Has the fallback tag list `referrers`; the list.
  Descriptor list_under_fallback_tag(const std::vector<Descriptor>& referrers) {
    const auto index = set.add(Endpoint::manifests, test::index_json(referrers), kIndexType);
    set.tag(registry::fallback_tag(subject()), index);
    return index;
  }

  ObjectSet set;
  Image image;
  Served served;
};

TEST(Referrers, L7AreWhatTheSourceListsAndWhatReallyNamesTheImage) {  // EP-12
  Fixture fixture;
  const auto sbom = add_artifact(fixture.set, "sbom", fixture.subject());
  const auto other = add_artifact(fixture.set, "other", digest_of("another image"));
  const auto none = add_artifact(fixture.set, "none", std::nullopt);
  const Descriptor missing{.digest = digest_of("missing"), .media_type = kManifestType};
  fixture.served.source.add_referrers(fixture.subject(), {sbom, other, none, missing, sbom});
  fixture.served.mount(fixture.set);
  Served& served = fixture.served;
  EXPECT_EQ(served.names("tags/v1/referrers"), Names{sbom.digest.str()});
  EXPECT_EQ(served.link("tags/v1/referrers/" + sbom.digest.str()),
            "../../../images/" + sbom.digest.str());
  EXPECT_EQ(served.names("images/" + fixture.subject().str() + "/referrers"),
            Names{sbom.digest.str()});
  EXPECT_FALSE(served.exists("tags/v1/referrers/" + other.digest.str()));
  EXPECT_EQ(served.problems("bad-document").size(), 3U);
  // What refers to nothing has nothing that refers to it.
  EXPECT_EQ(served.names("images/" + sbom.digest.str() + "/referrers"), Names());
  std::string hyphenated = sbom.digest.str();
  hyphenated[6] = '-';
  EXPECT_EQ(served.link("tags/v1/referrers/" + hyphenated), sbom.digest.str());
}

TEST(Referrers, ComeFromTheFallbackTagWhereTheSourceListsNone) {  // EP-12
  Fixture fixture;
  const auto sbom = add_artifact(fixture.set, "sbom", fixture.subject());
  const auto index = fixture.list_under_fallback_tag({sbom});
  fixture.served.mount(fixture.set);
  EXPECT_EQ(fixture.served.names("tags/v1/referrers"), Names{sbom.digest.str()});
}

TEST(Referrers, L7AreNoneWhereTheFallbackTagIsSomethingElse) {
  Fixture fixture;
  fixture.set.tag(registry::fallback_tag(fixture.subject()), fixture.image.manifest);
  fixture.served.mount(fixture.set);
  EXPECT_EQ(fixture.served.names("tags/v1/referrers"), Names());
}

TEST(Referrers, L7ThatCannotBeHadHideNoOthers) {
  Fixture fixture;
  const auto sbom = add_artifact(fixture.set, "sbom", fixture.subject());
  const auto forged = add_artifact(fixture.set, "forged", fixture.subject());
  const auto huge = add_artifact(fixture.set, "huge", fixture.subject());
  const auto secret = add_artifact(fixture.set, "secret", fixture.subject());
  const Descriptor unknown{.digest = *Digest::parse("blake3:" + std::string(64, 'a')),
                           .media_type = kManifestType,
                           .size = 1};
  const auto index = fixture.list_under_fallback_tag({unknown, forged, huge, secret, sbom});
  fixture.served.mount(fixture.set);
  Served& served = fixture.served;
  served.source.serve_instead(forged.digest, "{}");
  served.source.serve_instead(huge.digest, std::string((std::size_t{4} << 20U) + 1, ' '));
  served.source.fail(secret.digest, Errc::denied);
  EXPECT_EQ(served.names("tags/v1/referrers"), Names{sbom.digest.str()});
  EXPECT_TRUE(served.exists("tags/v1/referrers/" + sbom.digest.str()));
  Names reported;
  for (const auto& problem : served.problems("bad-document")) reported.insert(problem.object);
  EXPECT_EQ(reported, (Names{unknown.digest.str(), forged.digest.str(), huge.digest.str(),
                             secret.digest.str()}));
  served.expect_sound_cache();
}

TEST(Referrers, L7ThatOnlyDoNotAnswerAreNotTakenForAbsent) {
  Fixture fixture;
  const auto sbom = add_artifact(fixture.set, "sbom", fixture.subject());
  const auto silent = add_artifact(fixture.set, "silent", fixture.subject());
  fixture.served.source.add_referrers(fixture.subject(), {sbom, silent});
  fixture.served.mount(fixture.set);
  Served& served = fixture.served;
  served.source.fail(silent.digest, Errc::unavailable);
  EXPECT_EQ(served.error_of_listing("tags/v1/referrers"), ETIMEDOUT);
}

TEST(Referrers, AreNotAbsentForWhomEverythingIsDenied) {  // DEC-6, EP-12, EP-13
  Fixture fixture;
  const auto signature = add_artifact(fixture.set, "signature", std::nullopt,
                                      "application/vnd.dev.cosign.simplesigning.v1+json");
  fixture.set.tag(registry::cosign_tags(fixture.subject())[1], signature);
  test::MountSettings settings;
  settings.selection.tag = "v1";  // so that no list says which tags there are
  settings.selection.tag_ttl = Clock::duration::zero();
  fixture.served.mount(fixture.set, settings);
  Served& served = fixture.served;
  const std::string path = "images/" + fixture.subject().str() + "/referrers";
  EXPECT_EQ(served.names(path), Names{signature.digest.str()});
  served.source.deny_missing_tags();
  served.source.untag(registry::cosign_tags(fixture.subject())[1]);
  served.source.fail(fixture.subject(), Errc::denied);
  EXPECT_EQ(served.error_of_listing(path), EACCES);
}

TEST(Referrers, L7AreNotAbsentWhereTheirListCannotBeHad) {  // DEC-6
  for (const auto& [code, number] : {std::pair{Errc::corrupt, EIO}, {Errc::denied, EACCES}}) {
    Fixture fixture;
    const auto sbom = add_artifact(fixture.set, "sbom", fixture.subject());
    const auto index = fixture.list_under_fallback_tag({sbom});
    fixture.served.mount(fixture.set);
    fixture.served.source.fail(index.digest, code);
    EXPECT_EQ(fixture.served.error_of_listing("tags/v1/referrers"), number) << to_string(code);
  }
}

TEST(Referrers, M18OfAnImageThatManySaySomethingAboutAreBounded) {  // promise 5
  Fixture fixture;
  std::vector<Descriptor> all;
  for (int i = 0; i < 1500; ++i) {
    all.push_back(add_artifact(fixture.set, std::to_string(i), fixture.subject()));
  }
  const auto index = fixture.list_under_fallback_tag(all);
  const auto signature = add_artifact(fixture.set, "signature", std::nullopt,
                                      "application/vnd.dev.cosign.simplesigning.v1+json");
  fixture.set.tag(registry::cosign_tags(fixture.subject())[0], signature);
  fixture.served.mount(fixture.set);
  const Names names = fixture.served.names("tags/v1/referrers");
  EXPECT_EQ(names.size(), 1001U);
  EXPECT_TRUE(names.contains(signature.digest.str())) << "nobody can push it out";
  EXPECT_EQ(fixture.served.problems("limit").size(), 1U);
}

TEST(Referrers, L7AreTheOthersWhereTheFallbackTagCannotBeRead) {
  Fixture fixture;
  const auto signature = add_artifact(fixture.set, "signature", std::nullopt,
                                      "application/vnd.dev.cosign.simplesigning.v1+json");
  fixture.set.tag(registry::cosign_tags(fixture.subject())[0], signature);
  fixture.set.tag(registry::fallback_tag(fixture.subject()),
                  {.digest = *Digest::parse("blake3:" + std::string(64, 'a'))});
  fixture.served.mount(fixture.set);
  EXPECT_EQ(fixture.served.names("tags/v1/referrers"), Names{signature.digest.str()});
}

TEST(Referrers, OfCosignAreFoundByTheirTags) {  // EP-13
  Fixture fixture;
  const auto signature = add_artifact(fixture.set, "signature", std::nullopt,
                                      "application/vnd.dev.cosign.simplesigning.v1+json");
  fixture.set.tag(registry::cosign_tags(fixture.subject())[0], signature);
  fixture.set.tag(registry::cosign_tags(fixture.subject())[1], fixture.image.manifest);
  fixture.served.mount(fixture.set);
  // An image is no signature, and nothing is its own.
  EXPECT_EQ(fixture.served.names("tags/v1/referrers"), Names{signature.digest.str()});
  EXPECT_TRUE(fixture.served.exists("tags/" + registry::cosign_tags(fixture.subject())[0]));
}

TEST(Referrers, AreFoundWhereATagThatDoesNotExistIsDenied) {  // EP-13: Artifactory
  Fixture fixture;
  const auto signature = add_artifact(fixture.set, "signature", std::nullopt,
                                      "application/vnd.dev.cosign.simplesigning.v1+json");
  fixture.set.tag(registry::cosign_tags(fixture.subject())[1], signature);
  test::MountSettings settings;
  settings.selection.tag = "v1";  // so that no list says which tags there are
  fixture.served.mount(fixture.set, settings);
  fixture.served.source.deny_missing_tags();
  EXPECT_EQ(fixture.served.names("tags/v1/referrers"), Names{signature.digest.str()});
}

TEST(Referrers, OfCosignAreFoundForArtifactsToo) {  // EP-13: a chart that is signed
  Fixture fixture;
  const auto chart = add_artifact(fixture.set, "chart", std::nullopt,
                                  "application/vnd.cncf.helm.chart.content.v1.tar+gzip");
  const auto signature = add_artifact(fixture.set, "signature", std::nullopt,
                                      "application/vnd.dev.cosign.simplesigning.v1+json");
  const auto other = add_artifact(fixture.set, "other", std::nullopt, "text/plain");
  fixture.set.tag("chart", chart);
  fixture.set.tag(registry::cosign_tags(chart.digest)[0], signature);
  // What is no statement may be the chart of that "signature" as well.
  fixture.set.tag(registry::cosign_tags(chart.digest)[1], other);
  fixture.set.tag(registry::cosign_tags(signature.digest)[0], chart);
  fixture.served.mount(fixture.set);
  EXPECT_EQ(fixture.served.names("tags/chart/referrers"), Names{signature.digest.str()});
  EXPECT_EQ(fixture.served.names("images/" + signature.digest.str() + "/referrers"), Names());
}

TEST(Referrers, OfBuildKitAreFoundInTheIndex) {  // MT-8
  Fixture fixture;
  const auto attestation =
      add_artifact(fixture.set, "{}", std::nullopt, "application/vnd.in-toto+json");
  std::string entry = json_of(attestation);
  entry.insert(entry.size() - 1,
               R"(,"platform":{"os":"unknown","architecture":"unknown"},"annotations":{)"
               R"("vnd.docker.reference.type":"attestation-manifest",)"
               R"("vnd.docker.reference.digest":")" +
                   fixture.subject().str() + R"("})");
  const auto index = fixture.set.add(Endpoint::manifests,
                                     R"({"schemaVersion":2,"mediaType":")" +
                                         std::string(kIndexType) + R"(","manifests":[)" +
                                         json_of(fixture.image.manifest) + "," + entry + "]}",
                                     kIndexType);
  fixture.set.tag("index", index);
  fixture.served.mount(fixture.set);
  Served& served = fixture.served;
  EXPECT_EQ(served.names("tags/index/platforms").size(), 1U);
  EXPECT_EQ(served.names("images/" + fixture.subject().str() + "/referrers"),
            Names{attestation.digest.str()});
  EXPECT_EQ(served.names("images/" + attestation.digest.str() + "/referrers"), Names());
}

TEST(Referrers, LeadNobodyInACircle) {  // design, "No walk loops"
  Fixture fixture;
  // Two that say of each other, and of themselves, that they sign them.
  const auto one = add_artifact(fixture.set, "one", std::nullopt);
  const auto two = add_artifact(fixture.set, "two", one.digest);
  fixture.set.tag(registry::cosign_tags(fixture.subject())[0], one);
  fixture.set.tag(registry::cosign_tags(one.digest)[0], two);
  fixture.set.tag(registry::cosign_tags(one.digest)[1], one);
  fixture.set.tag(registry::cosign_tags(two.digest)[0], one);
  // And an image about a signature, whose signature that one is.
  const auto image =
      add_artifact(fixture.set, "layer", one.digest, "application/vnd.oci.image.layer.v1.tar");
  fixture.set.tag(registry::cosign_tags(image.digest)[0], one);
  fixture.served.source.add_referrers(one.digest, {two, image});
  fixture.served.mount(fixture.set);
  Served& served = fixture.served;
  const auto referrers = [&](const Digest& digest) {
    return served.names("images/" + digest.str() + "/referrers");
  };
  EXPECT_EQ(referrers(fixture.subject()), Names{one.digest.str()});
  EXPECT_EQ(referrers(one.digest), Names{two.digest.str()});
  EXPECT_EQ(referrers(two.digest), Names());
  EXPECT_EQ(referrers(image.digest), Names{one.digest.str()});
}

TEST(Referrers, StayWhatTheyWereWhileTheSourceIsSilent) {  // promise 7
  Fixture fixture;
  const auto signature = add_artifact(fixture.set, "one", fixture.subject());
  fixture.served.source.add_referrers(fixture.subject(), {signature});
  test::MountSettings settings;
  settings.selection.tag_ttl = Clock::duration::zero();
  fixture.served.mount(fixture.set, settings);
  Served& served = fixture.served;
  EXPECT_EQ(served.names("tags/v1/referrers"), Names{signature.digest.str()});
  served.source.fail_all(Errc::unavailable);
  EXPECT_EQ(served.names("tags/v1/referrers"), Names{signature.digest.str()});
}

TEST(Referrers, FailWhereTheSourceDoes) {
  Fixture fixture;
  fixture.served.mount(fixture.set);
  Served& served = fixture.served;
  const auto directory = served.kernel().walk("tags/v1/referrers");
  served.source.fail_all(Errc::denied);
  EXPECT_EQ(served.kernel().wait(served.kernel().send_list(directory)).error, EACCES);
}

}  // namespace
}  // namespace digestfs::fs
