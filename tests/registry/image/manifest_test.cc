// SPDX-License-Identifier: Apache-2.0
#include "registry/image/manifest.h"

#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "registry/image/media_type.h"
#include "tests/registry/image/manifest_text.h"

namespace digestfs::registry {
namespace {

// --- what a document is (MT-1, MT-3) ---

TEST(Manifest, OfAnImageHasItsConfigAndLayersFromTheBase) {
  const Manifest manifest = parse_manifest(R"({
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 1470,
               "digest": ")" + digest('c') +
                                           R"("},
    "layers": [
      {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "size": 0,
       "digest": ")" + digest('1') + R"("},
      {"mediaType": "application/vnd.oci.image.layer.v1.tar+zstd", "size": 9223372036854775807,
       "digest": ")" + digest('2') + R"(", "annotations": {"a": "b", "n": 7, "nil": null}}
    ],
    "subject": {"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 3,
                "digest": ")" + digest('5') +
                                           R"("},
    "annotations": {"org.opencontainers.image.created": "2020-01-01T00:00:00Z", "list": []},
    "futureMember": {"anything": [1, 2]}
  })");
  EXPECT_EQ(manifest.kind, ManifestKind::image);
  EXPECT_EQ(manifest.media_type, media_type::kOciManifest);
  EXPECT_EQ(manifest.artifact_type, "");
  ASSERT_TRUE(manifest.config);
  EXPECT_EQ(manifest.config->digest.str(), digest('c'));
  EXPECT_EQ(manifest.config->media_type, media_type::kOciConfig);
  EXPECT_EQ(manifest.config->size, 1470U);
  ASSERT_EQ(digests_of(manifest.layers), (std::vector{digest('1'), digest('2')}));
  EXPECT_EQ(manifest.layers[0]->size, 0U);
  EXPECT_EQ(manifest.layers[1]->size, 9223372036854775807U);
  EXPECT_EQ(manifest.layers[1]->media_type, "application/vnd.oci.image.layer.v1.tar+zstd");
  EXPECT_EQ(manifest.layers[1]->annotations, (Annotations{{"a", "b"}}));  // MT-5
  ASSERT_TRUE(manifest.subject);
  EXPECT_EQ(manifest.subject->digest.str(), digest('5'));
  EXPECT_EQ(manifest.annotations,
            (Annotations{{"org.opencontainers.image.created", "2020-01-01T00:00:00Z"}}));
  EXPECT_TRUE(manifest.manifests.empty());
  EXPECT_TRUE(manifest.created_by.empty());
  EXPECT_TRUE(manifest.problems.empty());  // DEC-5: a member nobody knows is no problem
}

TEST(Manifest, OfDockerSchema2IsAnImageToo) {
  const Manifest manifest = parse_manifest(
      document({typed(media_type::kDockerManifest),
                R"("config":)" + descriptor('c', media_type::kDockerConfig),
                R"("layers":[)" +
                    descriptor('1', "application/vnd.docker.image.rootfs.diff.tar.gzip") + "]"}));
  EXPECT_EQ(manifest.kind, ManifestKind::image);
  EXPECT_EQ(manifest.media_type, media_type::kDockerManifest);
  EXPECT_EQ(digests_of(manifest.layers), std::vector{digest('1')});
}

TEST(Manifest, OfSeveralPlatformsListsThem) {
  for (const std::string_view type : {media_type::kOciIndex, media_type::kDockerList}) {
    const Manifest index = parse_manifest(document(
        {typed(type),
         R"("manifests":[)" +
             descriptor('a', media_type::kOciManifest,
                        R"(,"platform":{"os":"linux","architecture":"arm","variant":"v7"})") +
             "," +
             descriptor(
                 'b', media_type::kOciManifest,
                 R"(,"platform":{"os":"windows","architecture":"amd64","os.version":"10.0.1",)"
                 R"("os.features":["win32k",7]})") +
             "]"}));
    EXPECT_EQ(index.kind, ManifestKind::index);
    EXPECT_EQ(index.media_type, type);
    ASSERT_EQ(digests_of(index.manifests), (std::vector{digest('a'), digest('b')}));
    EXPECT_EQ(index.manifests[0].platform, (Platform{"linux", "arm", "v7", "", {}}));
    EXPECT_EQ(index.manifests[1].platform,
              (Platform{"windows", "amd64", "", "10.0.1", {"win32k"}}));
    EXPECT_TRUE(index.layers.empty());
    EXPECT_FALSE(index.config);
  }
}

TEST(Manifest, IsKnownByItsShapeWhereItDoesNotSay) {  // MT-3
  EXPECT_EQ(parse_manifest(document({manifests()})).kind, ManifestKind::index);
  EXPECT_EQ(parse_manifest(document({R"("manifests":[])"})).kind, ManifestKind::index);
  EXPECT_EQ(parse_manifest(document({config(), layers()})).kind, ManifestKind::image);
  EXPECT_EQ(parse_manifest(document({layers()})).kind, ManifestKind::artifact);
  EXPECT_EQ(parse_manifest(document({R"("fsLayers":[],"history":[])"}, 1)).kind,
            ManifestKind::schema1);
  EXPECT_EQ(parse_manifest("{" + config() + "," + layers() + "}").kind, ManifestKind::image);
  // MT-7: nothing in a signature is a layer, whatever type its config is said to be of.
  const auto of_type = [](const std::string& type) {
    return parse_manifest(document({config(), R"("layers":[{"mediaType":")" + type +
                                                  R"(","size":1,"digest":"sha256:)" +
                                                  std::string(64, 'a') + "\"}]"}));
  };
  EXPECT_EQ(of_type("application/vnd.in-toto+json").kind, ManifestKind::artifact);
  EXPECT_EQ(of_type("application/vnd.oci.image.layer.v1.tar+x").kind, ManifestKind::image);
  EXPECT_EQ(of_type("").kind, ManifestKind::image);
  // A type that nobody knows says nothing.
  EXPECT_EQ(parse_manifest(document({typed("application/x"), manifests()})).kind,
            ManifestKind::index);
  EXPECT_EQ(parse_manifest(document({R"("mediaType":7)", manifests()})).kind, ManifestKind::index);
}

TEST(Manifest, IsWhatItWasReferredToAsWhereItSaysNothingAtAll) {  // MT-3
  for (const std::string& silent : {document({}), document({R"("manifests":null)"})}) {
    EXPECT_EQ(parse_manifest(silent, media_type::kOciIndex).kind, ManifestKind::index);
    EXPECT_NE(refusal_of(silent), "");
    EXPECT_NE(refusal_of(silent, "application/json"), "");
  }
  EXPECT_TRUE(parse_manifest(document({}), media_type::kOciIndex).manifests.empty());
}

TEST(Manifest, M4IsReadWhateverParametersItsTypeHas) {
  for (const std::string_view hint :
       {"application/vnd.oci.image.manifest.v1+json; charset=utf-8", "text/plain", ""}) {
    EXPECT_EQ(parse_manifest(document({config(), layers()}), hint).kind, ManifestKind::image);
  }
  EXPECT_EQ(parse_manifest(document({typed("Application/vnd.oci.image.manifest.v1+json;x=y"),
                                     config(), layers()}),
                           media_type::kDockerManifest)
                .kind,
            ManifestKind::image);
}

TEST(Manifest, M18RefusesWhatIsNoDocument) {
  const std::vector<std::string> bad = {
      "",
      "{}",
      "[]",
      "7",
      "null",
      "\"text\"",
      "<html></html>",
      "[" + document({config(), layers()}) + "]",
      document({config(), layers()}) + "x",
      document({config(), layers()}) + std::string("\0", 1) + document({manifests()}),
      "\xef\xbb\xbf" + document({config(), layers()}),
      R"({"errors":[{"code":"MANIFEST_UNKNOWN"}]})",
      document({R"("manifests":{})"}),
      document({R"("manifests":"x")"}),
      document({typed(media_type::kOciIndex), R"("manifests":{})"}),
      document({config(), R"("layers":{})"}),
      document({R"("layers":7)"}),
  };
  for (const std::string& text : bad) EXPECT_NE(refusal_of(text), "") << text;
}

// --- ambiguity (MT-4, M5) ---

TEST(Manifest, RefusesEntriesOfTwoKinds) {  // CVE-2021-41190
  const std::string fs_layers = R"("fsLayers":[])";
  const std::string history = R"("history":[])";
  const std::string index = typed(media_type::kOciIndex);
  const std::string list = typed(media_type::kDockerList);
  const std::string manifest = typed(media_type::kOciManifest);
  const std::string docker = typed(media_type::kDockerManifest);
  const std::string artifact = typed(media_type::kOciArtifact);
  const std::vector<std::vector<std::string>> ambiguous = {
      // by its type
      {index, manifests(), config()},
      {index, manifests(), layers()},
      {index, manifests(), fs_layers},
      {index, manifests(), history},
      {index, config(), layers()},
      {list, manifests(), config()},
      {list, manifests(), layers()},
      {manifest, config(), layers(), manifests()},
      {manifest, config(), layers(), fs_layers},
      {manifest, manifests()},
      {docker, config(), layers(), manifests()},
      {docker, config(), layers(), fs_layers},
      {artifact, R"("blobs":[])", manifests()},
      // by its shape
      {manifests(), config()},
      {manifests(), layers()},
      {manifests(), fs_layers},
      {manifests(), history},
      {config(), layers(), manifests()},
      {config(), layers(), fs_layers},
      // A null is there all the same for a decoder that looks for the name.
      {index, manifests(), R"("layers":null)"},
      {index, manifests(), R"("config":null)"},
      {manifest, config(), layers(), R"("manifests":null)"},
      {manifest, config(), layers(), R"("manifests":[])"},
  };
  for (const auto& members : ambiguous) {
    EXPECT_NE(refusal_of(document(members)).find("ambiguous"), std::string::npos)
        << document(members);
  }
}

TEST(Manifest, RefusesSchema1WithEntriesOfAnotherKind) {  // MT-4
  const std::string schema1 = R"("fsLayers":[],"history":[])";
  ASSERT_EQ(refusal_of(document({schema1}, 1)), "");
  for (const std::string& other :
       {manifests(), layers(), config(), std::string(R"("layers":null)")}) {
    EXPECT_NE(refusal_of(document({schema1, other}, 1)).find("ambiguous"), std::string::npos)
        << other;
    EXPECT_NE(refusal_of(document({typed(media_type::kDockerSchema1), schema1, other}, 1))
                  .find("ambiguous"),
              std::string::npos)
        << other;
  }
}

TEST(Manifest, M5RefusesATypeOfTheOtherClass) {  // MT-4
  const std::string image = document({typed(media_type::kOciManifest), config(), layers()});
  const std::string index = document({typed(media_type::kOciIndex), manifests()});
  for (const std::string_view hint :
       {media_type::kOciIndex, media_type::kDockerList, media_type::kDockerSchema1}) {
    EXPECT_NE(refusal_of(image, hint), "") << hint;
  }
  for (const std::string_view hint :
       {media_type::kOciManifest, media_type::kDockerManifest, media_type::kDockerSchema1Signed}) {
    EXPECT_NE(refusal_of(index, hint), "") << hint;
  }
  // Docker's and OCI's are one class.
  EXPECT_EQ(refusal_of(image, media_type::kDockerManifest), "");
  EXPECT_EQ(refusal_of(index, media_type::kDockerList), "");
}

TEST(Manifest, M5RefusesANameThatIsThereTwice) {  // MT-4
  for (const auto& members : std::vector<std::vector<std::string>>{
           {config(), config(), layers()},
           {config(), layers(), R"("layers":[])"},
           {config(), layers(), R"("Layers":[])"},
           {R"("LAYERS":[])", config(), layers()},
           {config(), layers(), R"("schemaVersion":1)"},
           {config(), layers(), typed(media_type::kOciManifest), typed(media_type::kOciIndex)},
           {config(), layers(), R"("x":1,"x":2)"},
           {config(), layers(), R"("\u006cayers":[])"},
           {config(), layers(), "\"layer\xc5\xbf\":[]"},
       }) {
    EXPECT_NE(refusal_of(document(members)), "") << document(members);
  }
}

TEST(Manifest, RefusesAnotherSpellingOfANameThatCounts) {  // MT-4: Go would take it
  for (const std::string other :
       {"Layers", "LAYERS", "Manifests", "fslayers", "FSLayers", "Config", "mediatype", "MediaType",
        "schemaversion", "Subject", "Blobs", "artifacttype", "History", "Annotations", "Signatures",
        "layer\xc5\xbf", "manifest\xc5\xbf"}) {
    EXPECT_NE(refusal_of(document({config(), "\"" + other + "\":null"})), "") << other;
  }
  EXPECT_EQ(refusal_of(document({config(), layers(), R"("Name":"x","layer":[],"_layers":[])"})),
            "");
}

// --- limits (MT-5, M6, M18) ---

TEST(Manifest, M6MayHaveFourMebibytes) {
  std::string text = document({config(), layers()});
  text.insert(1, std::string((std::size_t{4} << 20U) - text.size(), ' '));
  EXPECT_EQ(text.size(), 4194304U);
  EXPECT_EQ(refusal_of(text), "");
  text += ' ';
  EXPECT_NE(refusal_of(text).find("4194304"), std::string::npos);
}

TEST(Manifest, M18MayHaveAHundredThousandDescriptors) {  // MT-5
  const auto with = [](std::string_view name, std::size_t count) {
    std::string text = str_cat("\"", name, "\":[0");
    for (std::size_t i = 1; i < count; ++i) text += ",0";
    return document({text + "]"});
  };
  for (const std::string_view name : {"manifests", "layers"}) {
    EXPECT_EQ(refusal_of(with(name, 100'000)), "") << name;
    EXPECT_NE(refusal_of(with(name, 100'001)).find("100000"), std::string::npos) << name;
    EXPECT_NE(refusal_of(with(name, 1'000'000)), "") << name;
  }
}

TEST(Manifest, M18RefusesADepthThatNobodyNeeds) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_NE(refusal_of(deep), "");
  EXPECT_NE(refusal_of(document({config(), layers(), "\"x\":" + deep})), "");
}

// --- descriptors (M8, M9) ---

TEST(Manifest, M9LeavesOutADescriptorWithABadDigest) {
  const std::string good = R"(,{"digest":")" + digest('2') + R"("}])";
  for (const std::string& bad : std::vector<std::string>{
           R"({"digest":"sha256:../../../../etc/passwd"})",
           R"({"digest":"sha256:)" + std::string(64, 'A') + R"("})",
           R"({"digest":"sha256:)" + std::string(63, 'a') + R"("})",
           R"({"digest":")" + digest('a') + R"(/x"})",
           R"({"digest":")" + digest('a') + R"(\u0000"})",
           R"({"digest":""})",
           R"({"digest":7})",
           R"({"digest":null})",
           R"({"Digest":")" + digest('a') + R"("})",
           R"({})",
           R"([])",
           R"(null)",
           R"("sha256")",
       }) {
    const Manifest image = parse_manifest(document({config(), R"("layers":[)" + bad + good}));
    // Its sibling keeps its number.
    EXPECT_EQ(digests_of(image.layers), (std::vector<std::string>{"", digest('2')})) << bad;
    ASSERT_EQ(image.problems.size(), 1U) << bad;
    EXPECT_EQ(image.problems[0].substr(0, 8), "layer 0 ") << image.problems[0];
    const Manifest index = parse_manifest(document({R"("manifests":[)" + bad + good}));
    EXPECT_EQ(digests_of(index.manifests), std::vector{digest('2')}) << bad;
    ASSERT_EQ(index.problems.size(), 1U) << bad;
    EXPECT_EQ(index.problems[0].substr(0, 8), "entry 0 ") << index.problems[0];
  }
}

TEST(Manifest, KeepsADescriptorWithAnAlgorithmNobodyKnows) {  // DIG-3
  const Manifest manifest =
      parse_manifest(document({config(), R"("layers":[{"digest":"md5:abc"}])"}));
  EXPECT_EQ(digests_of(manifest.layers), std::vector<std::string>{"md5:abc"});
  EXPECT_TRUE(manifest.problems.empty());
}

TEST(Manifest, M8LeavesOutADescriptorWithABadSize) {  // MT-5
  const auto with = [](const std::string& size) {
    return parse_manifest(document(
        {config(), R"("layers":[{"digest":")" + digest('1') + R"(","size":)" + size + "}]"}));
  };
  for (const std::string bad : {"-1", "1.5", "1e30", "1e3", "\"7\"", "9223372036854775808",
                                "18446744073709551616", "[]", "true"}) {
    const Manifest manifest = with(bad);
    EXPECT_EQ(digests_of(manifest.layers), std::vector<std::string>{""}) << bad;
    EXPECT_EQ(manifest.problems.size(), 1U) << bad;
  }
  EXPECT_EQ(with("0").layers[0]->size, 0U);
  // None at all is unknown (VER-2).
  EXPECT_FALSE(with("null").layers[0]->size);
  EXPECT_TRUE(with("null").problems.empty());
}

TEST(Manifest, StaysUsableWithoutItsConfigOrSubject) {
  const Manifest manifest =
      parse_manifest(document({R"("config":{"digest":"x"})", layers(), R"("subject":7)"}));
  EXPECT_FALSE(manifest.config);
  EXPECT_FALSE(manifest.subject);
  EXPECT_EQ(digests_of(manifest.layers), std::vector{digest('1')});
  EXPECT_EQ(manifest.problems.size(), 2U);
}

TEST(Manifest, KeepsDuplicatesInOrder) {  // MT-9
  const std::string one = descriptor('1', kLayer);
  const std::string two = descriptor('2', kLayer);
  const Manifest image =
      parse_manifest(document({config(), R"("layers":[)" + one + "," + two + "," + one + "]"}));
  EXPECT_EQ(digests_of(image.layers), (std::vector{digest('1'), digest('2'), digest('1')}));
  const Manifest index =
      parse_manifest(document({R"("manifests":[)" + one + "," + two + "," + one + "]"}));
  EXPECT_EQ(digests_of(index.manifests), (std::vector{digest('1'), digest('2'), digest('1')}));
}

// --- entries of an index (M11, M12, MT-8) ---

TEST(Manifest, M11KeepsTheEntriesOfAnIndexAsTheyAre) {  // M12
  const Manifest index = parse_manifest(document(
      {R"("manifests":[)" + descriptor('a', media_type::kOciIndex) + "," +
       descriptor('b', "application/vnd.example.thing") + "," +
       descriptor('c', media_type::kOciManifest, R"(,"platform":null)") + "," +
       descriptor('d', media_type::kOciManifest, R"(,"platform":{"os":"../x"})") + "," +
       descriptor('e', media_type::kOciManifest, R"(,"platform":{"os":7,"architecture":[]})") +
       "," + descriptor('f', media_type::kOciManifest, R"(,"platform":"linux/amd64")") + "]"}));
  EXPECT_EQ(index.manifests.size(), 6U);
  EXPECT_EQ(index.manifests[0].media_type, media_type::kOciIndex);
  EXPECT_EQ(index.manifests[1].media_type, "application/vnd.example.thing");
  EXPECT_FALSE(index.manifests[2].platform);
  // As it is spelled: what makes it a name makes it harmless.
  EXPECT_EQ(index.manifests[3].platform, (Platform{"../x", "", "", "", {}}));
  EXPECT_EQ(index.manifests[4].platform, Platform{});
  EXPECT_EQ(index.manifests[5].platform.value_or(Platform{}), Platform{});
  EXPECT_TRUE(index.problems.empty());
}

TEST(Manifest, KeepsBuildKitsAttestationsWithWhatTheyDescribe) {  // MT-8
  const auto attestation = [](char c, char of) {
    return descriptor(c, media_type::kOciManifest,
                      R"(,"platform":{"os":"unknown","architecture":"unknown"},"annotations":{)"
                      R"("vnd.docker.reference.type":"attestation-manifest",)"
                      R"("vnd.docker.reference.digest":")" +
                          digest(of) + "\"}");
  };
  const Manifest index = parse_manifest(
      document({typed(media_type::kOciIndex),
                R"("manifests":[)" +
                    descriptor('a', media_type::kOciManifest,
                               R"(,"platform":{"os":"linux","architecture":"amd64"})") +
                    "," + attestation('b', 'a') + "," + attestation('d', 'c') + "]"}));
  ASSERT_EQ(index.manifests.size(), 3U);
  for (const std::size_t i : {std::size_t{1}, std::size_t{2}}) {
    const Descriptor& entry = index.manifests[i];
    ASSERT_TRUE(entry.platform);
    EXPECT_EQ(directory_name(*entry.platform), "");
    EXPECT_EQ(entry.annotations.at("vnd.docker.reference.type"), "attestation-manifest");
  }
  EXPECT_EQ(index.manifests[1].annotations.at("vnd.docker.reference.digest"), digest('a'));
  EXPECT_EQ(index.manifests[2].annotations.at("vnd.docker.reference.digest"), digest('c'));
}

// --- artifacts (MT-7) ---

TEST(Manifest, M14OfAnArtifactIsNoImage) {
  const std::string empty =
      R"("config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":")"
      "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
      R"(","size":2,"data":"e30="})";
  const std::string text =
      R"("layers":[)" +
      descriptor('1', "text/plain", R"(,"annotations":{"org.opencontainers.image.title":"../x"})") +
      "]";
  const Manifest artifact =
      parse_manifest(document({typed(media_type::kOciManifest),
                               R"("artifactType":"application/vnd.example.sbom")", empty, text}));
  EXPECT_EQ(artifact.kind, ManifestKind::artifact);
  EXPECT_EQ(artifact.artifact_type, "application/vnd.example.sbom");
  ASSERT_EQ(digests_of(artifact.layers), std::vector{digest('1')});
  EXPECT_EQ(artifact.layers[0]->media_type, "text/plain");
  EXPECT_EQ(artifact.layers[0]->annotations.at("org.opencontainers.image.title"), "../x");
}

TEST(Manifest, OfAnArtifactIsOfItsConfigsTypeWhereItHasNoOther) {  // MT-7
  const Manifest helm = parse_manifest(document(
      {R"("config":)" + descriptor('c', "application/vnd.cncf.helm.config.v1+json"), layers()}));
  EXPECT_EQ(helm.kind, ManifestKind::artifact);
  EXPECT_EQ(helm.artifact_type, "application/vnd.cncf.helm.config.v1+json");
  const Manifest plugin = parse_manifest(document(
      {R"("config":)" + descriptor('c', "application/vnd.docker.plugin.v1+json"), layers()}));
  EXPECT_EQ(plugin.kind, ManifestKind::artifact);
  // An image stays one, whatever it calls itself besides.
  const Manifest image =
      parse_manifest(document({R"("artifactType":"application/x")", config(), layers()}));
  EXPECT_EQ(image.kind, ManifestKind::image);
  EXPECT_EQ(image.artifact_type, "application/x");
}

TEST(Manifest, OfTheWithdrawnArtifactTypeHasBlobs) {  // MT-1
  const Manifest artifact = parse_manifest("{" + typed(media_type::kOciArtifact) +
                                           R"(,"artifactType":"application/x","blobs":[)" +
                                           descriptor('1', "text/plain") + R"(],"subject":)" +
                                           descriptor('a', media_type::kOciManifest) + "}");
  EXPECT_EQ(artifact.kind, ManifestKind::artifact);
  EXPECT_EQ(artifact.artifact_type, "application/x");
  EXPECT_EQ(digests_of(artifact.layers), std::vector{digest('1')});
  ASSERT_TRUE(artifact.subject);
  EXPECT_EQ(artifact.subject->digest.str(), digest('a'));
}

// An annotation with an odd byte made the manifest or the index unusable.
TEST(Manifest, IsReadThoughAnAnnotationIsNotUnicode) {
  const std::string annotations = "\"annotations\":{\"a\":\"caf\xe9\",\"b\":\"\\ud83d\"}";
  for (const std::string list : {R"("manifests":[])", R"("layers":[])"}) {
    const Manifest manifest =
        parse_manifest("{\"schemaVersion\":2," + list + "," + annotations + "}");
    EXPECT_EQ(manifest.annotations.at("a"), "caf\xef\xbf\xbd");
    EXPECT_EQ(manifest.annotations.at("b"), "\xef\xbf\xbd");
    EXPECT_EQ(manifest.remarks.size(), 1U);
    EXPECT_TRUE(manifest.problems.empty());
  }
}

}  // namespace
}  // namespace digestfs::registry
