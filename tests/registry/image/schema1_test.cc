// SPDX-License-Identifier: Apache-2.0
#include "registry/image/schema1.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/digest.h"
#include "registry/image/manifest.h"
#include "tests/registry/image/manifest_text.h"

namespace digestfs::registry {
namespace {

std::string v1(std::string_view members) {
  std::string text = R"({"v1Compatibility":")";
  for (const char c : members) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + "\"}";
}

std::string schema1(const std::vector<std::pair<char, std::string>>& newest_first) {
  std::string sums;
  std::string history;
  for (const auto& [sum, compatibility] : newest_first) {
    if (!sums.empty()) {
      sums += ",";
      history += ",";
    }
    sums += R"({"blobSum":")" + digest(sum) + "\"}";
    history += v1(compatibility);
  }
  return document({R"("name":"a/b","tag":"t","architecture":"amd64")",
                   R"("fsLayers":[)" + sums + "]", R"("history":[)" + history + "]"},
                  1);
}

TEST(Schema1, HasItsLayersFromTheBase) {  // MT-6
  const Manifest manifest = parse_manifest(schema1(
      {{'3', R"({"id":"z","parent":"y","container_config":{"Cmd":["/bin/sh","-c","make"]}})"},
       {'2', R"({"id":"y","parent":"x","container_config":{"Cmd":null}})"},
       {'1', R"({"id":"x","container_config":{"Cmd":["/bin/sh -c #(nop) ADD x"]}})"}}));
  EXPECT_EQ(manifest.kind, ManifestKind::schema1);
  EXPECT_EQ(digests_of(manifest.layers), (std::vector{digest('1'), digest('2'), digest('3')}));
  EXPECT_EQ(manifest.created_by,
            (std::vector<std::string>{"/bin/sh -c #(nop) ADD x", "", "/bin/sh -c make"}));
  EXPECT_FALSE(manifest.config);
  for (const auto& layer : manifest.layers) EXPECT_FALSE(layer->size);
  EXPECT_TRUE(manifest.problems.empty());
}

TEST(Schema1, DropsLayersThatHoldNothingOrAreThereTwice) {  // MT-6
  const Manifest manifest = parse_manifest(schema1({{'4', R"({"id":"z","throwaway":true})"},
                                                    {'3', R"({"id":"y"})"},
                                                    {'2', R"({"id":"y"})"},
                                                    {'2', R"({"id":"y"})"},
                                                    {'9', R"({"id":"w","throwaway":true})"},
                                                    {'1', R"({"id":"x","throwaway":false})"}}));
  EXPECT_EQ(digests_of(manifest.layers), (std::vector{digest('1'), digest('2')}));
  EXPECT_EQ(manifest.created_by.size(), 2U);
}

TEST(Schema1, M9KeepsTheNumbersOfTheSiblingsOfABadBlobSum) {
  std::string text = schema1({{'2', R"({"id":"y"})"}, {'1', R"({"id":"x"})"}});
  text.replace(text.find(digest('1')), digest('1').size(), "sha256:../../etc");
  const Manifest manifest = parse_manifest(text);
  EXPECT_EQ(digests_of(manifest.layers), (std::vector<std::string>{"", digest('2')}));
  EXPECT_EQ(manifest.created_by.size(), 2U);
  EXPECT_EQ(manifest.problems.size(), 1U);
}

TEST(Schema1, RefusesLayersAndHistoryThatDoNotPairUp) {
  const std::string one = R"({"blobSum":")" + digest('1') + "\"}";
  for (const std::string& members : std::vector<std::string>{
           R"("fsLayers":[],"history":[{}])",
           R"("fsLayers":[)" + one + R"(],"history":[])",
           R"("fsLayers":[)" + one + "]",
           R"("history":[])",
           R"("fsLayers":null,"history":null)",
           R"("fsLayers":{},"history":{})",
           R"("fsLayers":[)" + one + R"(],"history":[{}])",
           R"("fsLayers":[)" + one + R"(],"history":[{"v1Compatibility":{}}])",
           R"("fsLayers":[)" + one + R"(],"history":[{"v1Compatibility":"no json"}])",
           R"("fsLayers":[)" + one + R"(],"history":[7])",
       }) {
    EXPECT_NE(refusal_of(document({members}, 1)), "") << members;
  }
}

// A signed manifest made by hand: the payload is the document without its signatures, cut at
// `formatLength` bytes, and `formatTail` in base64. Its digest is from sha256sum(1).
const std::string kPayload = R"({
   "schemaVersion": 1,
   "name": "a/b",
   "tag": "c",
   "architecture": "amd64",
   "fsLayers": [],
   "history": []
})";
constexpr const char* kPayloadDigest =
    "sha256:d529ef51c54fa6e2ddd50cf549592aaaf86c6b44f7a352dee1d7078dc5a575f5";
// {"formatLength":121,"formatTail":"Cn0","time":"2020-01-01T00:00:00Z"}
constexpr const char* kProtected =
    "eyJmb3JtYXRMZW5ndGgiOjEyMSwiZm9ybWF0VGFpbCI6IkNuMCIsInRpbWUiOiIyMDIwLTAxLTAxVDAwOjAwOjAwWiJ9";
// {"formatLength":121,"formatTail":"Cn0=","time":"2020-01-01T00:00:00Z"}
constexpr const char* kProtectedWithPaddedTail =
    "eyJmb3JtYXRMZW5ndGgiOjEyMSwiZm9ybWF0VGFpbCI6IkNuMD0iLCJ0aW1lIjoiMjAyMC0wMS0wMVQwMDowMDowMFoifQ"
    "==";

std::string with_signatures(const std::string& payload, const std::vector<std::string>& headers) {
  std::string list;
  for (const std::string& header : headers) {
    if (!list.empty()) list += ",";
    list += R"({"header":{"alg":"ES256"},"signature":"AA","protected":")" + header + "\"}";
  }
  return payload.substr(0, 121) + ",\n   \"signatures\": [" + list + "]\n}";
}

TEST(Schema1, M13IsSignedOverItsPayload) {  // MT-6
  ASSERT_EQ(digest_of(kPayload).str(), kPayloadDigest);
  for (const std::string header : {kProtected, kProtectedWithPaddedTail}) {
    EXPECT_EQ(signed_payload(with_signatures(kPayload, {header})), kPayload);
  }
  EXPECT_EQ(signed_payload(with_signatures(kPayload, {kProtected, kProtected})), kPayload);
  EXPECT_EQ(parse_manifest(kPayload).kind, ManifestKind::schema1);
  // The signed form reads the same.
  EXPECT_EQ(parse_manifest(with_signatures(kPayload, {kProtected})).kind, ManifestKind::schema1);
}

TEST(Schema1, M13HasAnotherDigestWhenOneByteOfItsPayloadChanged) {
  std::string changed = kPayload;
  changed[changed.find("a/b")] = 'x';
  const std::string payload = signed_payload(with_signatures(changed, {kProtected}));
  EXPECT_EQ(payload, changed);
  EXPECT_NE(digest_of(payload).str(), kPayloadDigest);
}

TEST(Schema1, M13LeavesAnythingElseAsItIs) {  // MT-6
  const std::string two = document(
      {config(), layers(), R"("signatures":[{"protected":")" + std::string(kProtected) + "\"}]"});
  for (const std::string& bytes : std::vector<std::string>{
           kPayload, document({manifests()}), document({R"("signatures":[])"}, 1),
           document({R"("signatures":null)"}, 1), two, "{}", "[]", "", "<html>",
           R"({"schemaVersion":1,"signatures":[)"}) {
    EXPECT_EQ(signed_payload(bytes), bytes);
  }
}

TEST(Schema1, RefusesSignaturesThatMakeNoSense) {  // MT-6
  for (const auto& headers : std::vector<std::vector<std::string>>{
           {""},
           {"*"},
           {"bm8ganNvbg"},                                                // no json
           {"W10"},                                                       // []
           {"eyJmb3JtYXRUYWlsIjoiQ24wIn0"},                               // no formatLength
           {"eyJmb3JtYXRMZW5ndGgiOi0xLCJmb3JtYXRUYWlsIjoiQ24wIn0"},       // -1
           {"eyJmb3JtYXRMZW5ndGgiOiI5IiwiZm9ybWF0VGFpbCI6IkNuMCJ9"},      // "9"
           {"eyJmb3JtYXRMZW5ndGgiOjEwMDAwMCwiZm9ybWF0VGFpbCI6IkNuMCJ9"},  // beyond the end
           {"eyJmb3JtYXRMZW5ndGgiOjksImZvcm1hdFRhaWwiOiIhIn0"},           // formatTail "!"
           {kProtected, kProtectedWithPaddedTail},
           {kProtected, ""},
       }) {
    try {
      static_cast<void>(signed_payload(with_signatures(kPayload, headers)));
      FAIL() << headers[0];
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::corrupt);
    }
  }
}

}  // namespace
}  // namespace digestfs::registry
