// SPDX-License-Identifier: Apache-2.0
#include "registry/image/platform.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"

namespace digestfs::registry {
namespace {

Platform platform(std::string os, std::string architecture, std::string variant = {},
                  std::string os_version = {}) {
  return {std::move(os), std::move(architecture), std::move(variant), std::move(os_version), {}};
}

TEST(Platform, HasANormalForm) {  // PLAT-1
  struct Case {
    Platform written;
    Platform normal;
  };
  for (const auto& [written, normal] : std::vector<Case>{
           {platform("Linux", "AMD64"), platform("linux", "amd64")},
           {platform("linux", "x86_64"), platform("linux", "amd64")},
           {platform("linux", "x86-64"), platform("linux", "amd64")},
           {platform("linux", "amd64", "v1"), platform("linux", "amd64")},
           {platform("linux", "amd64", "v2"), platform("linux", "amd64", "v2")},
           {platform("linux", "i386", "v9"), platform("linux", "386")},
           {platform("linux", "386"), platform("linux", "386")},
           {platform("linux", "aarch64"), platform("linux", "arm64")},
           {platform("linux", "arm64", "v8"), platform("linux", "arm64")},
           {platform("linux", "arm64", "8"), platform("linux", "arm64")},
           {platform("linux", "arm64", "V8.0"), platform("linux", "arm64")},
           {platform("linux", "arm64", "9"), platform("linux", "arm64", "v9")},
           {platform("linux", "arm64", "9.0"), platform("linux", "arm64", "v9")},
           {platform("linux", "arm64", "v9.0"), platform("linux", "arm64", "v9")},
           {platform("linux", "arm64", "v9"), platform("linux", "arm64", "v9")},
           {platform("linux", "armhf"), platform("linux", "arm", "v7")},
           {platform("linux", "armel"), platform("linux", "arm", "v6")},
           {platform("linux", "arm"), platform("linux", "arm", "v7")},
           {platform("linux", "arm", "7"), platform("linux", "arm", "v7")},
           {platform("linux", "arm", "5"), platform("linux", "arm", "v5")},
           {platform("linux", "arm", "6"), platform("linux", "arm", "v6")},
           {platform("linux", "arm", "8"), platform("linux", "arm", "v8")},
           {platform("linux", "arm", "v6"), platform("linux", "arm", "v6")},
           {platform("macOS", "arm64"), platform("darwin", "arm64")},
           {platform("linux", "riscv64"), platform("linux", "riscv64")},
           {platform("windows", "amd64", "", "10.0.20348.2113"),
            platform("windows", "amd64", "", "10.0.20348.2113")},
           {platform("", ""), platform("", "")},
       }) {
    EXPECT_EQ(normalised(written), normal) << written.architecture << '/' << written.variant;
    EXPECT_EQ(normalised(normal), normal) << normal.architecture;
  }
}

TEST(Platform, NamesADirectory) {  // PLAT-2
  struct Case {
    Platform platform;
    std::string name;
  };
  for (const auto& [written, name] : std::vector<Case>{
           {platform("linux", "amd64"), "linux_amd64"},
           {platform("linux", "arm", "v7"), "linux_arm_v7"},
           {platform("linux", "arm64", "v8"), "linux_arm64_v8"},
           {platform("windows", "amd64", "", "10.0.20348.2113"), "windows_amd64_10.0.20348.2113"},
           {platform("linux", "x", "y", "z"), "linux_x_y_z"},
           // Nothing to name it by, or nothing that is one (MT-8).
           {platform("", ""), ""},
           {platform("", "", "v8"), ""},
           {platform("unknown", "unknown"), ""},
           {platform("unknown", "amd64"), "unknown_amd64"},
           {platform("linux", ""), "linux_unknown"},
           {platform("", "amd64"), "unknown_amd64"},
       }) {
    EXPECT_EQ(directory_name(written), name) << written.os << '/' << written.architecture;
  }
}

TEST(Platform, M12NameIsOneHarmlessComponent) {  // DEC-4
  struct Case {
    Platform platform;
    std::string name;
  };
  const std::string long_part(300, 'x');
  for (const auto& [written, name] : std::vector<Case>{
           {platform("../x", "amd64"), "-.-x_amd64"},
           {platform("..", ".."), "-._.."},
           {platform(".", "a"), "-_a"},
           {platform("a/b", "c\\d"), "a-b_c-d"},
           {platform("linux\n", "a b"), "linux-_a-b"},
           {platform("a_b", "c"), "a-b_c"},
           {platform(std::string("a\0b", 3), "\xc3\xa9"), "a-b_--"},
           {platform("$(rm)", "*"), "--rm-_-"},
           {platform(long_part, "amd64"), std::string(64, 'x') + "_amd64"},
       }) {
    EXPECT_EQ(directory_name(written), name);
  }
}

TEST(Platform, NameLeavesRoomForADigestInAFileName) {  // PLAT-2: `@` and 12 digits may follow
  const std::string long_part(300, 'x');
  const std::string name = directory_name(platform(long_part, long_part, long_part, long_part));
  EXPECT_LE(name.size() + 13, 255U);
  EXPECT_EQ(name.substr(0, 66), std::string(64, 'x') + "_x");
}

TEST(Platform, IsReadFromAnOption) {
  EXPECT_EQ(parse_platform("linux/amd64"), platform("linux", "amd64"));
  EXPECT_EQ(parse_platform("linux/arm/v7"), platform("linux", "arm", "v7"));
  EXPECT_EQ(parse_platform("Linux/aarch64"), platform("linux", "arm64"));
  EXPECT_EQ(parse_platform("linux/arm64/v8"), platform("linux", "arm64"));
  for (const std::string text : {"", "linux", "/", "linux/", "/amd64", "linux//v7", "linux/amd64/",
                                 "linux/arm/v7/x", "linux/a b", "linux/am*d64", "lin\nux/amd64"}) {
    try {
      static_cast<void>(parse_platform(text));
      FAIL() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::unsupported);
      EXPECT_NE(std::string(error.what()).find("OS/ARCH"), std::string::npos);
    }
  }
}

TEST(Platform, OfTheHostIsInNormalForm) {
  const Platform host = host_platform();
  EXPECT_EQ(host.os, "linux");
  EXPECT_NE(host.architecture, "");
  EXPECT_EQ(host, normalised(host));
  EXPECT_EQ(best_match({host}, host), 0);
}

TEST(BestMatch, TakesTheExactVariantBeforeAnOlderOne) {  // PLAT-3
  const auto arm = [](std::string variant) { return platform("linux", "arm", std::move(variant)); };
  EXPECT_EQ(best_match({arm("v5"), arm("v6"), arm("v7")}, arm("v7")), 2);
  EXPECT_EQ(best_match({arm("v5"), arm("v6"), arm("v7")}, arm("v6")), 1);
  EXPECT_EQ(best_match({arm("v5"), arm("v6")}, arm("v7")), 1);
  EXPECT_EQ(best_match({arm("v5")}, arm("v7")), 0);
  EXPECT_EQ(best_match({arm("v7")}, arm("v6")), -1);
  EXPECT_EQ(best_match({arm("")}, arm("v7")), 0);  // arm means arm/v7
}

TEST(BestMatch, KnowsWhatAMachineCanRunBesidesItsOwn) {
  const Platform amd64 = platform("linux", "amd64");
  const Platform arm64 = platform("linux", "arm64");
  EXPECT_EQ(best_match({platform("linux", "386"), amd64}, amd64), 1);
  EXPECT_EQ(best_match({platform("linux", "386")}, amd64), 0);
  EXPECT_EQ(best_match({amd64}, platform("linux", "386")), -1);
  EXPECT_EQ(best_match({platform("linux", "arm", "v7"), platform("linux", "arm64", "v8")}, arm64),
            1);
  EXPECT_EQ(best_match({platform("linux", "arm", "v6"), platform("linux", "arm", "v7")}, arm64), 1);
  EXPECT_EQ(best_match({arm64}, amd64), -1);
  EXPECT_EQ(best_match({platform("linux", "arm64", "v9")}, arm64), -1);
  EXPECT_EQ(best_match({arm64}, platform("linux", "arm64", "v9")), 0);
}

TEST(BestMatch, OrdersTheLevelsOfAmd64) {
  const auto level = [](std::string variant) {
    return platform("linux", "amd64", std::move(variant));
  };
  const std::vector<Platform> all = {level(""), level("v2"), level("v3"), level("v4")};
  EXPECT_EQ(best_match(all, level("")), 0);
  EXPECT_EQ(best_match(all, level("v3")), 2);
  EXPECT_EQ(best_match({level("v4"), level("v2"), level("")}, level("v3")), 1);
  EXPECT_EQ(best_match({level("v4"), level("v1")}, level("v3")), 1);
  EXPECT_EQ(best_match({level("v2"), level("v3")}, level("")), -1);
}

TEST(BestMatch, TakesTheFirstAmongEquals) {  // PLAT-3: "first matching entry SHOULD be used"
  EXPECT_EQ(best_match({platform("linux", "arm64"), platform("linux", "amd64"),
                        platform("linux", "x86_64"), platform("linux", "amd64", "v1")},
                       platform("linux", "amd64")),
            1);
}

TEST(BestMatch, NeverTakesAPlatformThatIsNone) {  // MT-8
  const std::vector<Platform> none = {platform("", ""), platform("unknown", "unknown"),
                                      platform("linux", ""), platform("", "amd64"),
                                      platform("Unknown", "amd64")};
  EXPECT_EQ(best_match(none, platform("linux", "amd64")), -1);
  EXPECT_EQ(best_match(none, platform("unknown", "unknown")), -1);
  EXPECT_EQ(best_match(none, platform("", "")), -1);
  EXPECT_EQ(best_match({}, platform("linux", "amd64")), -1);
}

TEST(BestMatch, ComparesTheBuildOfWindows) {  // PLAT-3
  const auto windows = [](std::string version) {
    return platform("windows", "amd64", {}, std::move(version));
  };
  const std::vector<Platform> offered = {windows("10.0.17763.5329"), windows("10.0.20348.2113"),
                                         windows("10.0.20348.9999")};
  EXPECT_EQ(best_match(offered, windows("10.0.20348.1")), 1);
  EXPECT_EQ(best_match(offered, windows("10.0.17763")), 0);
  EXPECT_EQ(best_match(offered, windows("10.0.2034")), -1);
  EXPECT_EQ(best_match(offered, windows("")), 0);
  // Of other systems it does not matter.
  EXPECT_EQ(
      best_match({platform("linux", "amd64", {}, "5.1")}, platform("linux", "amd64", {}, "6")), 0);
}

}  // namespace
}  // namespace digestfs::registry
