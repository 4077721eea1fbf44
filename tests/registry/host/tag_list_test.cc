// SPDX-License-Identifier: Apache-2.0
#include "registry/host/tag_list.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/text.h"

namespace digestfs::registry {
namespace {

TEST(TagList, L3LeavesOutWhatIsNoTag) {  // EP-10
  const TagPage page =
      parse_tag_list(R"({"name":"x","tags":[null,"a","sha256:0123","../x","a\n","",7,"B-1.2_c"]})");
  EXPECT_EQ(page.tags, (std::vector<std::string>{"a", "B-1.2_c"}));
  ASSERT_EQ(page.left_out.size(), 6U);
  EXPECT_EQ(page.left_out[2].name, "../x");
}

TEST(TagList, MayBeNullMissingOrEmpty) {
  for (const char* body : {R"({"tags":null})", "{}", R"({"tags":[]})"}) {
    EXPECT_TRUE(parse_tag_list(body).tags.empty()) << body;
  }
}

TEST(TagList, IsNotAPageOfSomethingElse) {
  for (const char* body :
       {"[]", "<html></html>", "", "null", R"({"tags":"a"})", R"({"tags":{}})"}) {
    EXPECT_THROW(static_cast<void>(parse_tag_list(body)), Error) << body;
  }
}

TEST(TagList, M18KeepsNoneOfWhatIsNoTag) {
  const std::string long_name(1000000, '/');
  const TagPage page = parse_tag_list(R"({"a":["no"],"tags":[[["no"]],{"tags":["no"]},")" +
                                      long_name + R"(","yes"],"b":["no"]})");
  EXPECT_EQ(page.tags, std::vector<std::string>{"yes"});
  ASSERT_EQ(page.left_out.size(), 3U);
  EXPECT_EQ(page.left_out[0].name, "array");
  EXPECT_EQ(page.left_out[1].name, "object");
  EXPECT_LT(page.left_out[2].name.size(), 310U);
}

TEST(TagList, M18HasTwoMillionAtMost) {
  std::string body = R"({"tags":["a")";
  for (int i = 0; i < 2'000'000; ++i) body += ",\"a\"";
  try {
    static_cast<void>(parse_tag_list(body + "]}"));
    ADD_FAILURE() << "taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::too_large);
  }
}

TEST(TagList, CountsWhatItDoesNotKeep) {
  std::string body = R"({"tags":[)";
  for (int i = 0; i < 1500; ++i) body += "\"/\",";
  const TagPage page = parse_tag_list(body + "\"good\"]}");
  EXPECT_EQ(page.tags.size(), 1U);
  ASSERT_EQ(page.left_out.size(), 1000U);
  EXPECT_EQ(page.left_out.back().reason, "501 further names do not match the grammar");
}

}  // namespace
}  // namespace digestfs::registry
