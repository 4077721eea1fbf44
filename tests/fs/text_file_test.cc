// SPDX-License-Identifier: Apache-2.0
#include "fs/text_file.h"

#include <string>

#include <gtest/gtest.h>

namespace digestfs::fs {
namespace {

std::string text_of(OpenFile& file) {
  std::string text(100, '\0');
  text.resize(file.read(std::as_writable_bytes(std::span(text)), 0, Patience::unlimited()));
  return text;
}

TEST(LiveTextFile, MakesItsTextOnceForWhoHasItOpen) {
  std::string now = "one";
  int made = 0;
  const LiveTextFile file(1, [&] {
    ++made;
    return now;
  });
  EXPECT_EQ(file.attributes().size, 3U);
  made = 0;
  const auto opened = file.open(Patience::unlimited());
  now = "much more";
  EXPECT_EQ(file.attributes().size, 3U);
  EXPECT_EQ(text_of(*opened.file), "one");
  EXPECT_EQ(made, 1);
}

TEST(LiveTextFile, ShowsTheSizeOfTheTextThatWasOpenedLastUntilItIsClosed) {
  std::string now = "one";
  const LiveTextFile file(1, [&] { return now; });
  auto first = file.open(Patience::unlimited());
  now = "the second";
  auto second = file.open(Patience::unlimited());
  EXPECT_EQ(file.attributes().size, 10U);
  EXPECT_EQ(text_of(*first.file), "one");
  now = "";
  EXPECT_EQ(file.attributes().size, 10U);
  second.file.reset();
  EXPECT_EQ(file.attributes().size, 0U);
}

TEST(GrowingTextFile, ShowsTheSizeOfTheTextThatIsOpen) {
  std::string now = "one";
  const GrowingTextFile file(1, {[&] { return now; }, [&] { return now.size(); }});
  auto opened = file.open(Patience::unlimited());
  now += " two";
  EXPECT_EQ(file.attributes().size, 3U);
  EXPECT_EQ(text_of(*opened.file), "one");
  opened.file.reset();
  EXPECT_EQ(file.attributes().size, 7U);
}

}  // namespace
}  // namespace digestfs::fs
