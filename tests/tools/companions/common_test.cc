// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tools/companions/common/command_line.h"
#include "tools/companions/common/in_order.h"
#include "tools/companions/common/json_text.h"
#include "tools/companions/common/table.h"
#include "tools/companions/common/words.h"
#include "tools/exit_code.h"

namespace digestfs::companions {
namespace {

Usage usage() {
  return {.program = "digestfs-test",
          .summary = "Is a test.",
          .arguments = "[options] WORD...",
          .options = {{"l,label", "a label", "KEY"}, {"all", "all of it", ""}, {"jobs", "", "N"}},
          .examples = {"digestfs-test x"}};
}

TEST(CommandLine, KeepsCommasInValuesAndWords) {
  const auto arguments =
      read_arguments(usage(), {"-l", "a=1,2", "x,y", "--label=b", "--all", "--", "-z"});
  EXPECT_EQ(arguments.values("label"), (std::vector<std::string>{"a=1,2", "b"}));
  EXPECT_EQ(arguments.value("label"), "b");
  EXPECT_TRUE(arguments.has("all"));
  EXPECT_FALSE(arguments.has("json"));
  EXPECT_EQ(arguments.words(), (std::vector<std::string>{"x,y", "-z"}));
}

TEST(CommandLine, RefusesWhatItDoesNotKnow) {
  EXPECT_THROW(static_cast<void>(read_arguments(usage(), {"--nothing"})), tools::UsageError);
  EXPECT_THROW(static_cast<void>(read_arguments(usage(), {"--label"})), tools::UsageError);
}

TEST(CommandLine, TakesASwitchThatIsFalseForNone) {
  EXPECT_FALSE(read_arguments(usage(), {"--all=false"}).has("all"));
  EXPECT_FALSE(read_arguments(usage(), {"--json", "--json=0"}).has("json"));
  EXPECT_TRUE(read_arguments(usage(), {"--json=f", "--json=t"}).has("json"));
  EXPECT_FALSE(read_arguments(usage(), {"--help=false"}).has("help"));
  EXPECT_THROW(static_cast<void>(read_arguments(usage(), {"--all=perhaps"})), tools::UsageError);
  // A label may be called so.
  EXPECT_EQ(read_arguments(usage(), {"--label=false"}).value("label"), "false");
}

// U+009B is as good as ESC [ for some terminals, and U+202E turns the direction of what follows.
TEST(JsonText, IsHarmlessOnATerminal) {
  nlohmann::ordered_json json;
  json["a\u009b2J"] = "b\u202ec\x7f\x1b\xff";
  EXPECT_EQ(json_text(json, JsonLayout::one_line), R"({"a\u009b2J":"b\u202ec\u007f\u001b\ufffd"})");
  EXPECT_EQ(nlohmann::json::parse(json_text(json))["a\u009b2J"], "b\u202ec\x7f\x1b\ufffd");
}

TEST(CommandLine, TakesNumbersWithinTheirBounds) {
  const auto number = [](const std::string& text) {
    return read_arguments(usage(), {"--jobs", text}).number("jobs", 1, 64, 8);
  };
  EXPECT_EQ(number("64"), 64U);
  EXPECT_EQ(read_arguments(usage(), {}).number("jobs", 1, 64, 8), 8U);
  for (const char* text : {"0", "65", "x", "1.5"}) {
    EXPECT_THROW(static_cast<void>(number(text)), tools::UsageError) << text;
  }
}

TEST(CommandLine, ListsEveryOptionAndTheExamplesInItsHelp) {
  const std::string help = help_text(usage());
  for (const char* part : {"--label", "--all", "--json", "--quiet", "digestfs-test x"}) {
    EXPECT_NE(help.find(part), std::string::npos) << part;
  }
}

TEST(Words, WriteSizesAsPodmanDoes) {
  EXPECT_EQ(size_text(std::uint64_t{2'167'000}), "2.17 MB");
  EXPECT_EQ(size_text(std::optional<std::uint64_t>()), "?");
}

TEST(Words, SayHowLongAgoAsPodmanDoes) {
  using std::chrono::hours;
  EXPECT_EQ(age_text(std::chrono::seconds(1)), "1 second ago");
  EXPECT_EQ(age_text(hours(47)), "47 hours ago");
  EXPECT_EQ(age_text(hours(24 * 13)), "13 days ago");
  EXPECT_EQ(age_text(hours(24 * 15)), "2 weeks ago");
  EXPECT_EQ(age_text(hours(24 * 365 * 3)), "3 years ago");
  EXPECT_EQ(age_text(hours(-5)), "just now");
}

std::vector<Column> columns() { return {{"TAG", 0, 0}, {"ID", 2, 0}, {"SIZE", 1, 0}}; }

TEST(Table, IsAsWideAsItsTexts) {
  std::ostringstream out;
  Table table(out, {}, columns());
  table.add({"latest", "1", "34 B"});
  table.add_with_message({"broken", "error: why"});
  table.flush();
  table.add({"v1", "22", "1 kB"});
  table.flush();
  EXPECT_EQ(out.str(),
            "TAG     ID  SIZE\n"
            "latest  1   34 B\n"
            "broken  error: why\n"
            "v1      22  1 kB\n");
}

TEST(Table, LeavesOutWhatANarrowTerminalHasNoRoomFor) {
  std::ostringstream out;
  Table table(out, {.is_terminal = true, .width = 14, .has_colours = false}, columns());
  table.add({"latest", "1", "34 B"});
  table.flush();
  EXPECT_EQ(out.str(), "TAG     SIZE\nlatest  34 B\n");
  EXPECT_EQ(table.left_out(), std::vector<std::string>{"ID"});
}

TEST(Table, CutsRowsButNoMessageWhereTheTerminalEnds) {
  std::ostringstream out;
  Table table(out, {.is_terminal = true, .width = 10, .has_colours = false},
              {{"TAG", 0, 0}, {"WHAT", 0, 0}});
  table.add({"v1", "something long"});
  table.add_with_message({"error: something long"});
  table.flush();
  EXPECT_EQ(out.str(), "TAG  WHAT\nv1   some…\nerror: something long\n");
}

TEST(Table, EscapesWhatWouldMoveTheCursor) {
  std::ostringstream out;
  Table table(out, {}, {{"TAG", 0, 0}});
  table.add({"\x1b[2J\n"});
  table.flush();
  EXPECT_EQ(out.str(), "TAG\n\\x1b[2J\\x0a\n");
}

TEST(InOrder, TakesEveryResultInItsOrder) {
  std::vector<std::size_t> taken;
  in_order(
      1000, 8, [](std::size_t i) { return i * 2; },
      [&](std::size_t result) { taken.push_back(result); });
  ASSERT_EQ(taken.size(), 1000U);
  for (std::size_t i = 0; i < taken.size(); ++i) EXPECT_EQ(taken[i], i * 2);
}

// 10,000 tags must not be kept in memory because the first of them is slow.
TEST(InOrder, KeepsFewResultsThatWait) {
  std::atomic<std::size_t> made = 0;
  std::size_t taken = 0;
  std::size_t most = 0;
  in_order(
      500, 4, [&](std::size_t i) { return ++made, i; },
      [&](std::size_t) { most = std::max(most, made - taken++); });
  EXPECT_LE(most, 4U * 4U + 1U);
}

TEST(InOrder, EndsItsThreadsWhenAResultIsRefused) {
  EXPECT_THROW(in_order(
                   100, 4, [](std::size_t i) { return i; },
                   [](std::size_t) { throw std::runtime_error("no"); }),
               std::runtime_error);
}

}  // namespace
}  // namespace digestfs::companions
