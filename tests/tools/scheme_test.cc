// SPDX-License-Identifier: Apache-2.0
#include "tools/scheme.h"

#include <string>

#include <gtest/gtest.h>

#include "tools/exit_code.h"

namespace digestfs::tools {
namespace {

std::string refusal(const std::string& source) {
  try {
    static_cast<void>(recognise(source));
  } catch (const UsageError& error) {
    return error.what();
  }
  return {};
}

TEST(Scheme, EachIsRecognisedByItsPrefix) {
  for (const Scheme& scheme : schemes()) {
    const std::string source = std::string(scheme.prefix) + "x/y";
    const auto [found, rest] = recognise(source);
    EXPECT_EQ(found.transport, scheme.transport) << source;
    EXPECT_EQ(rest, "x/y");
    EXPECT_NE(scheme.spelling.find(scheme.prefix.substr(0, scheme.prefix.find(':') + 1)),
              std::string_view::npos);
    EXPECT_NE(scheme_help().find(scheme.description), std::string::npos);
  }
}

// Each of these once was taken for a name on Docker Hub, and sent there.
TEST(Scheme, OfAnotherTransportIsRefusedWithTheListOfThoseThatAreKnown) {
  for (const std::string source :
       {"docker-daemon:alpine:latest", "ostree:x", "sif:x.sif", "tarball:x.tar",
        "https://quay.io/a/b", "oci-layout:/tmp/x", "file:./x", "x:"}) {
    const std::string prefix = source.substr(0, source.find(':') + 1);
    EXPECT_TRUE(refusal(source).starts_with("no such transport '" + prefix)) << refusal(source);
    EXPECT_NE(refusal(source).find("these are known: docker://, oci:"), std::string::npos);
  }
}

TEST(Scheme, OfARegistryMayBeLeftOut) {
  for (const std::string source : {"alpine", "alpine:3.20", "alpine@sha256:0", "dir", "directory:1",
                                   "docker.io/library/oci-archive:1", "localhost:5000/a/b:t",
                                   "host:5000/a", "[::1]:5000/a", "a/b:c", "quay.io/"}) {
    EXPECT_EQ(refusal(source), "") << source;
    EXPECT_EQ(recognise(source).scheme.transport, Transport::docker) << source;
    EXPECT_EQ(recognise(source).rest, source);
  }
  EXPECT_EQ(recognise("docker://dir:latest").rest, "dir:latest");
}

}  // namespace
}  // namespace digestfs::tools
