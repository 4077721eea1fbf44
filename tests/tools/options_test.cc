// SPDX-License-Identifier: Apache-2.0
#include "tools/options.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace digestfs::tools {
namespace {

Options parse(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"--cache-dir", "/c"});
  arguments.insert(arguments.end(), {"alpine", "/mnt"});
  return parse_options(arguments);
}

TEST(Options, HaveTheDefaultsOfTheManual) {
  const Options options = parse({});
  EXPECT_EQ(options.source, "alpine");
  EXPECT_EQ(options.mountpoint, "/mnt");
  EXPECT_EQ(options.cache_dir, "/c");
  EXPECT_EQ(options.cache_size, std::uint64_t{10} << 30U);
  EXPECT_EQ(options.tag_ttl, std::chrono::seconds(60));
  EXPECT_EQ(options.timeout, std::chrono::seconds(30));
  EXPECT_EQ(options.jobs, 4U);
  EXPECT_EQ(options.network, cache::Network::allowed);
  EXPECT_EQ(options.log_level, LogLevel::warning);
  EXPECT_FALSE(options.foreground);
}

TEST(Options, WorkInAMountOptionListToo) {
  const Options options =
      parse({"-o", "cache-size=5G,offline,tag-ttl=7,jobs=2,timeout=9,log-level=info,foreground"});
  EXPECT_EQ(options.cache_size, std::uint64_t{5} << 30U);
  EXPECT_EQ(options.network, cache::Network::offline);
  EXPECT_EQ(options.tag_ttl, std::chrono::seconds(7));
  EXPECT_EQ(options.jobs, 2U);
  EXPECT_EQ(options.timeout, std::chrono::seconds(9));
  EXPECT_EQ(options.log_level, LogLevel::info);
  EXPECT_TRUE(options.foreground);
  EXPECT_TRUE(options.mount_options.empty());
}

TEST(Options, TakeACommaInAValueWhenItIsEscaped) {
  EXPECT_EQ(parse_options({"alpine", "/mnt", "-ocache-dir=/a\\,b"}).cache_dir, "/a,b");
}

TEST(Options, UnderstandWhatMountAndFstabAdd) {
  const Options options =
      parse({"-o", "rw,dev,suid,noauto,_netdev,x-systemd.automount,allow_other"});
  EXPECT_EQ(options.mount_options, std::vector<std::string>{"allow_other"});
}

TEST(Options, SayWhetherListingsShowTreesOrLeaveItToTheKindOfMount) {
  EXPECT_EQ(parse({}).list_trees, std::nullopt);
  EXPECT_EQ(parse({"--list-trees"}).list_trees, true);
  EXPECT_EQ(parse({"--list-trees=no"}).list_trees, false);
  EXPECT_EQ(parse({"-o", "list-trees=off"}).list_trees, false);
  EXPECT_EQ(parse({"-o", "list-trees"}).list_trees, true);
  EXPECT_THROW(parse({"--list-trees=some"}), UsageError);
}

TEST(Options, MayForbidPassthrough) {
  EXPECT_TRUE(parse({}).passthrough);
  EXPECT_FALSE(parse({"--no-passthrough"}).passthrough);
  EXPECT_FALSE(parse({"-o", "no-passthrough"}).passthrough);
  EXPECT_TRUE(parse({"--no-passthrough=false"}).passthrough);
}

TEST(Options, TransformAbsoluteLinksOnRequest) {
  EXPECT_EQ(parse({}).absolute_links, fs::AbsoluteLinks::keep);
  EXPECT_EQ(parse({"-o", "transform_symlinks"}).absolute_links, fs::AbsoluteLinks::transform);
}

TEST(Options, RefuseAMountOptionNobodyKnows) {
  EXPECT_THROW(static_cast<void>(parse({"-o", "cache_size=5G"})), UsageError);
  EXPECT_THROW(static_cast<void>(parse({"-o", "allow_other=1"})), UsageError);
  EXPECT_THROW(static_cast<void>(parse({"-o", "remount"})), UsageError);
  EXPECT_THROW(static_cast<void>(parse_options({"alpine", "/mnt", "-o"})), UsageError);
}

TEST(Options, DebugMeansForegroundAndEveryMessage) {
  for (const auto& arguments : {std::vector<std::string>{"-d"}, {"-o", "debug"}}) {
    const Options options = parse(arguments);
    EXPECT_TRUE(options.trace);
    EXPECT_TRUE(options.foreground);
    EXPECT_EQ(options.log_level, LogLevel::debug);
  }
}

TEST(Options, VerifyUnlessTheyAreToldNotTo) {  // TLS-5
  for (const char* on : {"--log-level=info", "--tls-verify", "--tls-verify=true", "--tls-verify=1",
                         "-otls-verify", "-otls-verify=True"}) {
    EXPECT_TRUE(parse({on}).verify_tls) << on;
  }
  for (const char* off : {"--tls-verify=false", "--tls-verify=0", "-otls-verify=False"}) {
    EXPECT_FALSE(parse({off}).verify_tls) << off;
  }
  for (const char* neither : {"--tls-verify=", "--tls-verify=never", "--tls-verify=falsee"}) {
    try {
      static_cast<void>(parse({neither}));
      FAIL() << neither;
    } catch (const UsageError& error) {
      EXPECT_NE(std::string(error.what()).find("--tls-verify takes true or false, not '"),
                std::string::npos)
          << error.what();
    }
  }
}

// Every switch once took true and false only, and --offline=false meant --offline.
TEST(Options, TakeEveryWordForYesAndNo) {
  for (const std::string on : {"true", "yes", "on", "1", "True", "YES", "t"}) {
    EXPECT_TRUE(parse({"--tls-verify=" + on}).verify_tls) << on;
    EXPECT_EQ(parse({"--offline=" + on}).network, cache::Network::offline) << on;
    EXPECT_TRUE(parse({"--foreground=" + on}).foreground) << on;
    EXPECT_TRUE(parse({"-o", "debug=" + on}).trace) << on;
  }
  for (const std::string off : {"false", "no", "off", "0", "False", "NO", "f"}) {
    EXPECT_FALSE(parse({"--tls-verify=" + off}).verify_tls) << off;
    EXPECT_EQ(parse({"-o", "offline=" + off}).network, cache::Network::allowed) << off;
    EXPECT_FALSE(parse({"--foreground=" + off}).foreground) << off;
  }
  EXPECT_EQ(parse({"--offline"}).network, cache::Network::offline);
  EXPECT_TRUE(parse({"-fd"}).trace);
  EXPECT_TRUE(parse({"-f"}).foreground);
  EXPECT_THROW(static_cast<void>(parse({"--offline=maybe"})), UsageError);
}

TEST(Options, CallTheLevelOfWarningsWarnToo) {
  EXPECT_EQ(parse({"--log-level=warn"}).log_level, LogLevel::warning);
}

TEST(Options, KeepQuiet) {
  EXPECT_FALSE(parse({}).quiet);
  EXPECT_TRUE(parse({"-q"}).quiet);
  EXPECT_EQ(parse({"--quiet"}).log_level, LogLevel::error);
  EXPECT_EQ(parse({"-o", "quiet,log-level=debug"}).log_level, LogLevel::debug);
  EXPECT_EQ(parse({"--log-file", "a/b"}).log_file, "a/b");
  EXPECT_THROW(static_cast<void>(parse({"--log-file="})), UsageError);
}

// A cache of 0 or 500 bytes once was accepted, and nothing fitted into it.
TEST(Options, RefuseACacheThatIsTooSmallToUse) {
  EXPECT_EQ(parse({"--cache-size=16M"}).cache_size, std::uint64_t{16} << 20U);
  for (const char* size : {"--cache-size=0", "--cache-size=500", "-ocache-size=15M"}) {
    try {
      static_cast<void>(parse({size}));
      FAIL() << size;
    } catch (const UsageError& error) {
      EXPECT_NE(std::string(error.what()).find("16M"), std::string::npos) << error.what();
    }
  }
}

TEST(Options, AreRefusedWithAReason) {
  EXPECT_THROW(static_cast<void>(parse({"--no-such-option"})), UsageError);
  EXPECT_THROW(static_cast<void>(parse({"--jobs", "0"})), UsageError);
  EXPECT_THROW(static_cast<void>(parse({"--jobs", "4x"})), UsageError);
  EXPECT_THROW(static_cast<void>(parse({"--tag-ttl=-1"})), UsageError);
  EXPECT_THROW(static_cast<void>(parse({"--timeout", "0"})), UsageError);
  EXPECT_THROW(static_cast<void>(parse({"--platform", "linux"})), UsageError);
  EXPECT_THROW(static_cast<void>(parse({"--log-level", "loud"})), UsageError);
  EXPECT_THROW(static_cast<void>(parse({"third"})), UsageError);
  EXPECT_THROW(static_cast<void>(parse_options({"alpine"})), UsageError);
  EXPECT_THROW(static_cast<void>(parse_options({})), UsageError);
}

TEST(Options, SizesAreInPowersOf1024) {
  EXPECT_EQ(parse_size("0"), 0U);
  EXPECT_EQ(parse_size("1048576"), 1048576U);
  EXPECT_EQ(parse_size("3K"), 3072U);
  EXPECT_EQ(parse_size("2MiB"), 2097152U);
  EXPECT_EQ(parse_size("1TB"), std::uint64_t{1} << 40U);
  for (const char* bad : {"", "G", "-1", "1.5G", "10X", "10Gi", "99999999999T", "1 G"}) {
    EXPECT_THROW(static_cast<void>(parse_size(bad)), UsageError) << bad;
  }
}

TEST(Options, HelpNamesEveryOption) {
  const std::string help = help_text();
  for (const char* option :
       {"--cache-dir", "--cache-size", "--tag-ttl", "--platform", "--offline", "--jobs",
        "--timeout", "--creds", "--authfile", "--cert-dir", "--tls-verify", "--log-level",
        "--log-file", "-q,", "-f,", "-d,", "-o,", "-h,", "-V,"}) {
    EXPECT_NE(help.find(option), std::string::npos) << option;
  }
  EXPECT_EQ(parse_options({"--help"}).action, Action::help);
  EXPECT_EQ(parse_options({"-V"}).action, Action::version);
}

TEST(Options, HelpHasItsGroupsInOrderAndEndsWithThreeExamples) {
  const std::string help = help_text();
  std::size_t at = 0;
  for (const char* title :
       {" source options:", " cache options:", " network options:", " mount options:",
        " other options:", "SOURCE is one of", "Examples:"}) {
    const std::size_t found = help.find(title);
    ASSERT_NE(found, std::string::npos) << title;
    EXPECT_GT(found, at) << title;
    at = found;
  }
  const std::string examples = help.substr(at);
  EXPECT_EQ(std::ranges::count(examples, '\n'), 4) << examples;
}

TEST(Options, HidePasswordsFromWhoListsProcesses) {  // promise 8
  std::vector<std::string> words = {"digestfs",          "--creds", "me:a:b",
                                    "--creds=me:secret", "-o",      "ro,creds=me:x\\,y",
                                    "--creds",           "me",      "h/a:tag"};
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  hide_passwords(pointers);
  EXPECT_EQ(words,
            (std::vector<std::string>{"digestfs", "--creds", "me:***", "--creds=me:******", "-o",
                                      "ro,creds=me:****", "--creds", "me", "h/a:tag"}));
}

}  // namespace
}  // namespace digestfs::tools
