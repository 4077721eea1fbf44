// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/common/terminal.h"

#include <gtest/gtest.h>

namespace digestfs::companions {
namespace {

TEST(Terminal, ShowsNoCharacterThatMovesTheCursor) {
  EXPECT_EQ(shown("a\x1b[2Jb\r\n\tc\x7f"), "a\\x1b[2Jb\\x0d\\x0a\\x09c\\x7f");
  EXPECT_EQ(shown("\xc2\x9b"
                  "31m"),
            "\\xc2\\x9b31m");
  EXPECT_EQ(shown("\x9b"
                  "31m"),
            "\\x9b31m");
}

TEST(Terminal, ShowsNoCharacterThatTurnsTheDirectionOfText) {
  EXPECT_EQ(shown("a\xe2\x80\xae"
                  "b"),
            "a\\xe2\\x80\\xaeb");
  EXPECT_EQ(shown("a\xe2\x81\xa6"
                  "b"),
            "a\\xe2\\x81\\xa6b");
}

TEST(Terminal, ShowsTextOfAllLanguagesAsItIs) {
  for (const char* text : {"plain", "größe", "大きさ", "🐧", "a b"}) EXPECT_EQ(shown(text), text);
}

TEST(Terminal, EscapesBytesThatAreNoUtf8) {
  EXPECT_EQ(shown("a\xff"), "a\\xff");
  EXPECT_EQ(shown("\xc3"), "\\xc3");
  EXPECT_EQ(shown("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // a surrogate
  EXPECT_EQ(shown("\xe0\x80\xaf"), "\\xe0\\x80\\xaf");  // an overlong form
}

TEST(Terminal, CountsTheColumnsThatCharactersTake) {
  EXPECT_EQ(columns_of("größe"), 5U);
  EXPECT_EQ(columns_of("大"), 2U);
  EXPECT_EQ(columns_of("e\xcc\x81"), 1U);
}

TEST(Terminal, CutsTextWhereTheLineEnds) {
  EXPECT_EQ(fitting("digest", 6), "digest");
  EXPECT_EQ(fitting("digest", 5), "dige…");
  EXPECT_EQ(fitting("大大大", 4), "大…");
  EXPECT_EQ(fitting("digest", 0), "");
}

TEST(Terminal, BreaksLinesAtBlanks) {
  EXPECT_EQ(wrapped("one two three", 8, 2), "one two\n  three");
  EXPECT_EQ(wrapped("incomprehensible word", 4, 0), "incomprehensible\nword");
  EXPECT_EQ(wrapped("one two three", 0, 2), "one two three");
}

TEST(Terminal, GetsColoursOnlyIfItHasThem) {
  EXPECT_EQ(coloured({.is_terminal = true, .width = 80, .has_colours = false}, Colour::red, "x"),
            "x");
  EXPECT_EQ(coloured({.is_terminal = true, .width = 80, .has_colours = true}, Colour::red, "x"),
            "\x1b[31mx\x1b[0m");
}

}  // namespace
}  // namespace digestfs::companions
