// SPDX-License-Identifier: Apache-2.0
#include "registry/image/json.h"

#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace digestfs::registry {
namespace {

using nlohmann::json;

std::string refusal_of(std::string_view bytes, NameCase names = NameCase::matters) {
  try {
    static_cast<void>(parse_json(bytes, names));
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt);
    EXPECT_STRNE(error.what(), "");
    return error.what();
  }
}

TEST(Json, ReadsADocument) {
  const json document =
      parse_json(R"( {"a": [1, -2, 1.5, "x", null, true], "b": {}} )", NameCase::folded);
  EXPECT_EQ(document["a"][3], "x");
  EXPECT_EQ(document["a"].size(), 6U);
}

TEST(Json, M18RefusesWhatIsNoDocument) {
  const std::vector<std::string> bad = {
      "",
      " ",
      "{",
      "}",
      "{}x",
      "{} {}",
      "{},",
      "[1,]",
      "{\"a\":1,}",
      "{'a':1}",
      "{a:1}",
      "{\"a\":01}",
      "{\"a\":+1}",
      "{\"a\":NaN}",
      "{\"a\":.5}",
      "// comment\n{}",
      "nul",
      "<html>",
      "\"\n\"",
      "\"\\x41\"",
      std::string("{}\0", 3),
  };
  for (const std::string& text : bad) EXPECT_NE(refusal_of(text), "") << text;
}

TEST(Json, M18RefusesAByteOrderMark) {  // Go refuses it, the library skips it
  EXPECT_NE(refusal_of("\xef\xbb\xbf{}"), "");
  EXPECT_NE(refusal_of(std::string("\xff\xfe{\0}\0", 6)), "");
}

// A byte that is no UTF-8 or a lone surrogate in a label made the whole image unusable.
TEST(Json, ReadsTextThatIsNotUnicodeAsGoDoes) {
  const auto text = [](const std::string& inside) {
    return parse_json("{\"a\":\"" + inside + "\"}", NameCase::folded)["a"].get<std::string>();
  };
  const std::string bad = "\xef\xbf\xbd";
  EXPECT_EQ(text("\xff"), bad);
  EXPECT_EQ(text("caf\xe9 au lait"), "caf" + bad + " au lait");
  EXPECT_EQ(text("\xc3"), bad) << "a sequence that is cut";
  EXPECT_EQ(text("\xe2\x82"), bad + bad) << "one for each byte, as in Go";
  EXPECT_EQ(text("\xc0\xaf"), bad + bad) << "overlong";
  EXPECT_EQ(text("\xed\xa0\x80"), bad + bad + bad) << "a surrogate in UTF-8";
  EXPECT_EQ(text("\xf4\x90\x80\x80"), bad + bad + bad + bad) << "beyond U+10FFFF";
  EXPECT_EQ(text(R"(\ud83d)"), bad);
  EXPECT_EQ(text(R"(\ude00x)"), bad + "x");
  EXPECT_EQ(text(R"(\ud83d\ud83d\ude00)"), bad + "\xf0\x9f\x98\x80");
  EXPECT_EQ(text(R"(\ud83d\n)"), bad + "\n");
  EXPECT_EQ(text(R"(\\ud83d)"), R"(\ud83d)") << "a backslash and letters";
  EXPECT_EQ(text(R"(\"\ud83d\")"), "\"" + bad + "\"");
}

TEST(Json, LeavesUnicodeAsItIs) {
  for (const char* document :
       {R"({"a":"\ud83d\ude00"})", "{\"\xc3\xa9\":\"\xf0\x9f\x90\xb3\"}", "{}"}) {
    EXPECT_EQ(with_replacements(document), std::nullopt) << document;
    EXPECT_EQ(refusal_of(document), "");
  }
}

TEST(Json, M18RefusesBytesThatAreNoUtf8OutsideOfTexts) {  // MT-5
  for (const char* document : {"\xff", "{}\xc3", "{\"a\":1\xa0}", "{\"a\xff", R"({"a":"\ud83d)"}) {
    EXPECT_NE(refusal_of(document), "") << document;
  }
}

TEST(Json, DoesNotQuoteTheDocumentInARefusal) {
  EXPECT_EQ(refusal_of("{\"password\": hunter2}").find("hunter"), std::string::npos);
  EXPECT_EQ(refusal_of("<p>hunter2</p>").find("hunter"), std::string::npos);
  // A name that is there twice in part, and nothing in it that a terminal obeys.
  const std::string name = R"("\u001b]0;)" + std::string(100000, 'x') + "\"";
  const std::string twice = refusal_of("{" + name + ":1," + name + ":1}");
  EXPECT_NE(twice.find("is there twice"), std::string::npos);
  EXPECT_EQ(twice.find('\x1b'), std::string::npos);
  EXPECT_LT(twice.size(), 200U);
}

TEST(Json, M18LimitsTheNames) {
  std::string text = "{\"a\":0";
  for (int i = 0; i < 10'000; ++i) text += ",\"" + std::to_string(i) + "\":0";
  EXPECT_NE(refusal_of(text + "}").find("more than 10000 names"), std::string::npos);
}

TEST(Json, M18LimitsTheDepth) {  // MT-5
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_EQ(refusal_of(nested(128)), "");
  EXPECT_NE(refusal_of(nested(129)).find("deeper"), std::string::npos);
  EXPECT_NE(refusal_of(std::string(100'000, '[')).find("deeper"), std::string::npos);
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  EXPECT_NE(refusal_of(objects).find("deeper"), std::string::npos);
  // Side by side is not deep.
  std::string wide = "[";
  for (int i = 0; i < 1000; ++i) wide += "[],";
  EXPECT_EQ(refusal_of(wide + "[]]"), "");
}

TEST(Json, RefusesANameThatIsThereTwice) {  // MT-4
  for (const NameCase names : {NameCase::matters, NameCase::folded}) {
    EXPECT_NE(refusal_of(R"({"a":1,"a":1})", names).find("\"a\""), std::string::npos);
    EXPECT_NE(refusal_of(R"({"config":1,"x":2,"config":3})", names), "");
    // Two spellings of one name.
    EXPECT_NE(refusal_of(R"({"a":1,"\u0061":1})", names), "");
    EXPECT_EQ(refusal_of(R"({"a":1,"b":1})", names), "");
  }
}

TEST(Json, FoldsCaseOnlyWhereItIsAsked) {  // MT-4
  EXPECT_EQ(refusal_of(R"({"Layers":1,"layers":1})", NameCase::matters), "");
  EXPECT_NE(refusal_of(R"({"Layers":1,"layers":1})", NameCase::folded), "");
  // What Go's decoders fold besides: the Kelvin sign and the long s.
  EXPECT_NE(refusal_of("{\"layer\xc5\xbf\":1,\"layers\":1}", NameCase::folded), "");
  EXPECT_NE(refusal_of("{\"\xe2\x84\xaa\":1,\"k\":1}", NameCase::folded), "");
  EXPECT_EQ(refusal_of("{\"\xc3\xa9\":1,\"\xc3\x89\":1}", NameCase::matters), "");
}

TEST(Json, LooksForDuplicatesAtTheTopOnly) {
  EXPECT_EQ(refusal_of(R"({"a":{"x":1,"x":2},"b":{"a":1},"c":[{"a":1},{"a":2}]})"), "");
  EXPECT_NE(refusal_of(R"({"a":{"x":1},"b":[],"a":2})"), "");
}

TEST(Json, FoldsAsGoDoes) {
  EXPECT_EQ(folded("schemaVersion"), "schemaversion");
  EXPECT_EQ(folded("\xc5\xbf\xe2\x84\xaa"), "sk");
  EXPECT_EQ(folded("@[`{"), "@[`{");
  EXPECT_EQ(folded("\xc3\x89"), "\xc3\x89");
  EXPECT_EQ(folded("\xe2\x84"), "\xe2\x84");
  EXPECT_EQ(folded(""), "");
}

TEST(Json, TakesMembersOfTheRightTypeOnly) {
  const json object =
      parse_json(R"({"text":"x","number":7,"null":null,"list":[],"object":{},"true":true})",
                 NameCase::matters);
  ASSERT_NE(member(object, "number"), nullptr);
  EXPECT_EQ(*member(object, "number"), 7);
  EXPECT_EQ(member(object, "null"), nullptr);  // null is absent (MT-5)
  EXPECT_EQ(member(object, "missing"), nullptr);
  EXPECT_EQ(member(json::array({1}), "number"), nullptr);
  EXPECT_EQ(member(json("text"), "text"), nullptr);
  EXPECT_EQ(text_member(object, "text"), "x");
  for (const char* key : {"number", "null", "list", "object", "true", "missing"}) {
    EXPECT_EQ(text_member(object, key), "") << key;
  }
  EXPECT_EQ(number_member(object, "number"), 7U);
  for (const char* key : {"text", "null", "list", "object", "true", "missing"}) {
    EXPECT_FALSE(number_member(object, key)) << key;
  }
}

TEST(Json, M8TakesWholeNumbersOfSixtyThreeBits) {  // MT-5
  const auto number = [](const std::string& text) {
    return number_member(parse_json("{\"n\":" + text + "}", NameCase::matters), "n");
  };
  EXPECT_EQ(number("0"), 0U);
  EXPECT_EQ(number("9223372036854775807"), 9223372036854775807U);
  for (const std::string text :
       {"9223372036854775808", "18446744073709551615", "18446744073709551616", "-1", "1.5", "1.0",
        "1e3", "1e30", "\"1\""}) {
    EXPECT_FALSE(number(text)) << text;
  }
}

}  // namespace
}  // namespace digestfs::registry
