// SPDX-License-Identifier: Apache-2.0
#include "tools/source.h"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/support/mounted.h"
#include "tools/exit_code.h"

namespace digestfs::tools {
namespace {

const std::string kExample = DIGESTFS_SOURCE_DIR "/examples/multi-arch";

OpenedSource open(const std::string& source) {
  Options options;
  options.source = source;
  return open_source(options);
}

TEST(Source, OfARegistryAsksNobodyUntilItIsUsed) {
  EXPECT_TRUE(is_remote("docker://dir:latest"));
  EXPECT_FALSE(is_remote("oci:examples"));
  EXPECT_FALSE(is_remote("docker-archive:x.tar"));
  const OpenedSource opened = open("h.example/a/b:t");
  EXPECT_EQ(opened.name(), "docker://h.example/a/b");
  EXPECT_EQ(opened.tag, "t");
  EXPECT_FALSE(opened.repositories);
}

TEST(Source, OnThisMachineIsOpenedAtOnce) {
  const OpenedSource opened = open("oci:" + kExample);
  ASSERT_TRUE(opened.source);
  EXPECT_FALSE(opened.source->list_tags(std::nullopt, {}).tags.empty());
  for (const std::string transport : {"oci:", "oci-archive:", "dir:", "docker-archive:"}) {
    EXPECT_THROW(open(transport + kExample + "/nothing"), Error) << transport;
  }
}

// skopeo writes the tag of a layout behind its directory. Here it is a name in the mount.
TEST(Source, OfALayoutWithATagBehindItSaysWhatToType) {
  try {
    open("oci:" + kExample + ":demo");
    ADD_FAILURE() << "it was opened";
  } catch (const UsageError& error) {
    EXPECT_EQ(std::string(error.what()), "there is no directory " + kExample + ":demo; mount oci:" +
                                             kExample + ", which shows the tag as tags/demo");
  }
  EXPECT_THROW(open("oci:/nowhere:demo"), Error);
}

// A registry's own disk keeps names as they are; a mirror has both of these.
TEST(Source, OfARegistrysDiskIsTheRepositoryAsItIsTyped) {
  const test::TemporaryDirectory directory;
  for (const std::string repository : {"alpine", "docker.io/library/alpine"}) {
    std::filesystem::create_directories(directory.path() / "docker/registry/v2/repositories" /
                                        repository / "_manifests/tags");
  }
  const std::string place = "registry-storage:" + directory.path().native();
  EXPECT_EQ(open(place + ":alpine").name(), place + ":alpine");
  EXPECT_EQ(open(place + ":alpine:3.20").tag, "3.20");
  EXPECT_EQ(open(place + ":docker.io/library/alpine").name(), place + ":docker.io/library/alpine");
  EXPECT_TRUE(open(place).repositories);
}

TEST(Source, WithAWrongReferenceIsAUsageError) {
  EXPECT_THROW(open("h.example/UP"), UsageError);
  EXPECT_THROW(open("ostree:x"), UsageError);
  EXPECT_THROW(open(""), UsageError);
}

}  // namespace
}  // namespace digestfs::tools
