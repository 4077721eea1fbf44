// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"

#include <gtest/gtest.h>

namespace digestfs {
namespace {

TEST(Base64, IsAsRfc4648HasIt) {  // section 10
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(encode_base64(bytes), text);
    EXPECT_EQ(decode_base64(text), bytes);
  }
}

TEST(Base64, IsReadInEitherAlphabetAndWithoutPadding) {  // MT-6, CRED-3
  EXPECT_EQ(encode_base64("\xfb\xff"), "+/8=");
  for (const char* text : {"+/8=", "+/8", "-_8", "-_8="}) {
    EXPECT_EQ(decode_base64(text), "\xfb\xff") << text;
  }
  EXPECT_EQ(decode_base64("Zm9v\r\nYmFy\n"), "foobar");  // as Go's decoder has it
  for (const char* text : {"*", "Zg =", "=Zg"}) EXPECT_FALSE(decode_base64(text)) << text;
}

}  // namespace
}  // namespace digestfs
