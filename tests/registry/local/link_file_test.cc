// SPDX-License-Identifier: Apache-2.0
#include "registry/local/link_file.h"

#include <string>

#include <gtest/gtest.h>

namespace digestfs::registry {
namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a');

TEST(LinkFile, HoldsADigest) {
  ASSERT_TRUE(parse_link_file(kDigest));
  EXPECT_EQ(parse_link_file(kDigest)->str(), kDigest);
}

TEST(LinkFile, MayEndInOneLineBreak) {
  EXPECT_TRUE(parse_link_file(kDigest + "\n"));
  EXPECT_FALSE(parse_link_file(kDigest + "\n\n"));
  EXPECT_FALSE(parse_link_file(kDigest + "\r\n"));
}

TEST(LinkFile, HoldsNothingElse) {
  for (const std::string& text :
       {std::string(), std::string("\n"), " " + kDigest, kDigest + " ", kDigest + '\0',
        std::string("../../etc/passwd"), "sha256:" + std::string(64, 'A'),
        kDigest + std::string(kMaxLinkFile, '\n')}) {
    EXPECT_FALSE(parse_link_file(text)) << text;
  }
}

}  // namespace
}  // namespace digestfs::registry
