// SPDX-License-Identifier: Apache-2.0
#include "registry/http/failure.h"

#include <string>

#include <gtest/gtest.h>

namespace digestfs::registry {
namespace {

std::string said(int status, std::string_view body) { return failure_of(status, body).what(); }

TEST(Failure, QuotesARegistrysOwnWords) {  // EP-0
  EXPECT_EQ(said(500, R"({"errors":[{"code":"UNKNOWN","message":"no disk"}]})"),
            "the registry answered 500 UNKNOWN (no disk)");
  EXPECT_EQ(said(500, R"({"details":"no disk"})"), "the registry answered 500 (no disk)");
  EXPECT_EQ(said(500, "no disk\nof ours"), "the registry answered 500 (no disk)");
  for (const char* body : {"", "<html>sign in</html>", "<Error><Key>a</Key></Error>", "[1]"}) {
    EXPECT_EQ(said(500, body), "the registry answered 500") << body;
  }
}

TEST(Failure, QuotesThemInALineOfOurs) {
  EXPECT_EQ(said(500, "\x1b]0;x\x07"), "the registry answered 500 (\\x1b]0;x\\x07)");
  EXPECT_LT(said(500, std::string(100000, 'a')).size(), 300U);
}

TEST(Failure, IsALimitWhateverTheStatus) {  // RTY-4
  EXPECT_EQ(failure_of(429, "Too Many Requests (HAP429)").code(), Errc::rate_limited);
  EXPECT_EQ(failure_of(403, R"({"errors":[{"code":"DENIED"},{"code":"TOOMANYREQUESTS"}]})").code(),
            Errc::rate_limited);
}

TEST(Failure, OfAProxyIsNotOfTheRegistry) {  // PRX-2
  EXPECT_EQ(failure_of(407, "").code(), Errc::denied);
  EXPECT_EQ(said(407, ""), "the proxy answered 407; it wants to know who asks");
}

}  // namespace
}  // namespace digestfs::registry
