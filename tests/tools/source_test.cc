// SPDX-License-Identifier: Apache-2.0
#include "tools/source.h"

#include <string>

#include <gtest/gtest.h>

#include "tools/exit_code.h"

namespace digestfs::tools {
namespace {

// Each of these once was taken for a name on Docker Hub, and sent there.
TEST(Source, OfATransportThatCannotBeMountedSaysSo) {
  for (const std::string source :
       {"oci-archive:x.tar", "oci-archive:x.tar:name:tag", "docker-archive:x.tar",
        "containers-storage:foo", "containers-storage:[overlay@/r+/s]foo:tag", "dir:/tmp/x",
        "dir:x", "docker-daemon:alpine:latest", "registry-storage:/var/lib/registry", "sif:x.sif",
        "tarball:x.tar", "ostree:x"}) {
    Options options;
    options.source = source;
    try {
      static_cast<void>(open_source(options));
      FAIL() << source;
    } catch (const UsageError& error) {
      EXPECT_TRUE(std::string(error.what())
                      .starts_with(source.substr(0, source.find(':')) + ": is not supported yet"))
          << error.what();
    }
    EXPECT_THROW(refuse_transport(source), UsageError) << source;
  }
}

TEST(Source, OfARegistryMayBeNamedLikeATransport) {
  for (const std::string source :
       {"docker://dir:latest", "docker.io/library/oci-archive:1", "dir", "directory:1"}) {
    EXPECT_NO_THROW(refuse_transport(source)) << source;
    EXPECT_TRUE(is_remote(source)) << source;
  }
  EXPECT_FALSE(is_remote("oci:examples"));
}

}  // namespace
}  // namespace digestfs::tools
