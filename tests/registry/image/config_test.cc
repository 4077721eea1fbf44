// SPDX-License-Identifier: Apache-2.0
#include "registry/image/config.h"

#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"

namespace digestfs::registry {
namespace {

std::string diff_id(char c) { return "sha256:" + std::string(64, c); }

/// A config whose rootfs has one diff_id per character of `layers`.
std::string config(std::string_view layers, const std::string& history = "") {
  std::string ids;
  for (const char c : layers) ids += (ids.empty() ? "\"" : ",\"") + diff_id(c) + "\"";
  return R"({"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[)" + ids +
         "]}" + (history.empty() ? "" : R"(,"history":)" + history) + "}";
}

std::vector<std::string> diff_ids_of(const ImageConfig& config) {
  std::vector<std::string> ids;
  for (const auto& id : config.diff_ids) ids.push_back(id ? id->str() : "");
  return ids;
}

std::string refusal_of(std::string_view bytes) {
  try {
    static_cast<void>(parse_config(bytes));
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt);
    EXPECT_STRNE(error.what(), "");
    return error.what();
  }
}

TEST(Config, TellsThePlatformTheDiffIdsAndTheCommands) {  // CFG-1
  const ImageConfig config = parse_config(R"({
    "created": "2023-05-01T10:11:12.123456789Z",
    "author": "nobody",
    "architecture": "arm",
    "os": "linux",
    "variant": "v7",
    "os.version": "1.2",
    "os.features": ["x", 7],
    "config": {"Env": null, "ExposedPorts": {"80/tcp": {}}, "Volumes": null, "Cmd": ["sh"]},
    "rootfs": {"type": "layers", "diff_ids": [")" +
                                          diff_id('1') + R"(", ")" + diff_id('2') + R"("]},
    "history": [
      {"created": "2023-05-01T10:11:12Z", "created_by": "ADD x /"},
      {"created_by": "ENV a=b", "empty_layer": true},
      {"created_by": "RUN make", "empty_layer": false, "comment": "buildkit"}
    ],
    "futureMember": 1
  })");
  EXPECT_EQ(config.created, "2023-05-01T10:11:12.123456789Z");
  EXPECT_EQ(config.platform, (Platform{"linux", "arm", "v7", "1.2", {"x"}}));
  EXPECT_EQ(diff_ids_of(config), (std::vector{diff_id('1'), diff_id('2')}));
  EXPECT_EQ(config.created_by, (std::vector<std::string>{"ADD x /", "RUN make"}));
  EXPECT_TRUE(config.problems.empty());
}

TEST(Config, PairsTheHistoryWithTheLayers) {  // CFG-2
  const auto created_by = [](std::string_view layers, const std::string& history) {
    return parse_config(config(layers, history)).created_by;
  };
  using List = std::vector<std::string>;
  EXPECT_EQ(created_by("12", R"([{"created_by":"a"},{"created_by":"b"}])"), (List{"a", "b"}));
  EXPECT_EQ(created_by("12", R"([{"created_by":"x","empty_layer":true},{"created_by":"a"},
                                 {"created_by":"y","empty_layer":true},{"created_by":"b"},
                                 {"created_by":"z","empty_layer":true}])"),
            (List{"a", "b"}));
  // What is missing or of another type is an empty line, but a line.
  EXPECT_EQ(created_by("12", R"([{},{"created_by":7}])"), (List{"", ""}));
  EXPECT_EQ(created_by("1", R"([{"created_by":"a","empty_layer":"true"}])"), (List{"a"}));
  EXPECT_EQ(created_by("1", R"([{"created_by":"a","empty_layer":null}])"), (List{"a"}));
  // Layers that are there twice pair up as any others.
  EXPECT_EQ(created_by("11", R"([{"created_by":"a"},{"created_by":"b"}])"), (List{"a", "b"}));
}

TEST(Config, M17ShowsNoHistoryThatDoesNotPairUp) {  // CFG-2
  for (const std::string history :
       {"", "null", "[]", "{}", "7", R"([{"created_by":"a"}])",
        R"([{"created_by":"a"},{"created_by":"b"},{"created_by":"c"}])",
        R"([{"created_by":"a"},{"created_by":"b","empty_layer":true}])"}) {
    const ImageConfig read = parse_config(config("12", history));
    EXPECT_TRUE(read.created_by.empty()) << history;
    EXPECT_EQ(read.diff_ids.size(), 2U) << history;
  }
}

TEST(Config, M17MayHaveNoDiffIds) {
  for (const std::string rootfs :
       {R"({"type":"layers"})", R"({"type":"layers","diff_ids":null})",
        R"({"type":"layers","diff_ids":[]})", R"({"type":"layers","diff_ids":{}})",
        R"({"type":"layers","diff_ids":"x"})"}) {
    const ImageConfig read = parse_config(R"({"architecture":"amd64","rootfs":)" + rootfs + "}");
    EXPECT_TRUE(read.diff_ids.empty()) << rootfs;
  }
  EXPECT_TRUE(parse_config(R"({"architecture":"amd64"})").diff_ids.empty());
  EXPECT_TRUE(parse_config(R"({"architecture":"amd64","rootfs":null})").diff_ids.empty());
}

TEST(Config, M17OfAnUnknownRootfsHasNoLayersThatWeCouldShow) {  // DEC-e: MUST NOT go on
  for (const std::string type : {R"("x")", R"("Layers")", R"("")", "7", "null"}) {
    const ImageConfig read =
        parse_config(R"({"rootfs":{"type":)" + type + R"(,"diff_ids":[")" + diff_id('1') + "\"]}}");
    EXPECT_TRUE(read.diff_ids.empty()) << type;
    ASSERT_EQ(read.problems.size(), 1U) << type;
    EXPECT_NE(read.problems[0].find("layers"), std::string::npos);
  }
}

TEST(Config, M9KeepsTheNumbersOfTheSiblingsOfABadDiffId) {
  const ImageConfig read = parse_config(R"({"rootfs":{"type":"layers","diff_ids":[")" +
                                        diff_id('1') + R"(","sha256:../../etc",7,null,"sha256:)" +
                                        std::string(64, 'A') + R"(",")" + diff_id('2') + R"("]}})");
  EXPECT_EQ(diff_ids_of(read),
            (std::vector<std::string>{diff_id('1'), "", "", "", "", diff_id('2')}));
  EXPECT_EQ(read.problems.size(), 4U);
}

TEST(Config, MayNameItsLayersByAnotherAlgorithm) {  // DEC-f
  const std::string id = "sha512:" + std::string(128, 'a');
  const ImageConfig read =
      parse_config(R"({"rootfs":{"type":"layers","diff_ids":[")" + id + "\"]}}");
  EXPECT_EQ(diff_ids_of(read), std::vector{id});
}

TEST(Config, M17TakesNothingOfAnotherType) {  // CFG-3
  const ImageConfig read = parse_config(
      R"({"architecture":7,"os":[],"variant":{},"created":1,"os.features":"x","history":[7,null],)"
      R"("rootfs":[]})");
  EXPECT_EQ(read.platform, Platform{});
  EXPECT_EQ(read.created, "");
  EXPECT_TRUE(read.diff_ids.empty());
  EXPECT_TRUE(read.created_by.empty());
}

TEST(Config, M17RefusesWhatIsNone) {  // M18
  const std::vector<std::string> bad = {
      "",
      "{}",
      "[]",
      "null",
      "7",
      R"({"os":"linux"})",
      R"({"architecture":null,"rootfs":null})",
      R"({"name":"chart","version":"1.0.0"})",
      R"({"architecture":"a","architecture":"b"})",
      R"({"architecture":"a","Architecture":"b"})",
      R"({"rootfs":{},"rootFS":{}})",
      config("1") + "x",
      config("1") + std::string("\0", 1),
      "\xef\xbb\xbf" + config("1"),
      "{\"architecture\":\xff}",
      R"({"architecture":"a","x":)" + std::string(100'000, '['),
  };
  for (const std::string& text : bad) EXPECT_NE(refusal_of(text), "") << text.substr(0, 80);
}

TEST(Config, MayHaveEightMebibytes) {  // MT-5
  std::string text = config("1");
  text.insert(1, std::string((std::size_t{8} << 20U) - text.size(), ' '));
  EXPECT_EQ(refusal_of(text), "");
  text += ' ';
  EXPECT_NE(refusal_of(text).find("8388608"), std::string::npos);
}

// A label with an odd byte made the image unusable: it had no layers and no rootfs.
TEST(Config, IsReadThoughALabelIsNotUnicode) {
  for (const std::string label : {"caf\xe9", "\\ud83d", "\xe2\x82"}) {
    const std::string text =
        R"({"config":{"Labels":{"l":")" + label + R"("}},)" + config("1").substr(1);
    const ImageConfig read = parse_config(text);
    EXPECT_EQ(read.diff_ids.size(), parse_config(config("1")).diff_ids.size());
    EXPECT_EQ(read.remarks.size(), 1U);
    EXPECT_TRUE(read.problems.empty());
  }
  EXPECT_TRUE(parse_config(config("1")).remarks.empty());
}

}  // namespace
}  // namespace digestfs::registry
