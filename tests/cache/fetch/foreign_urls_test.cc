// SPDX-License-Identifier: Apache-2.0
// Foreign layers (VER-4, B11): what the registry does not have may be at the URLs that descriptors
// of it give.
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/text.h"
#include "registry/host/client.h"
#include "tests/cache/content_fixture.h"
#include "tests/support/fake_registry.h"

namespace digestfs::cache {
namespace {

using test::FakeRegistry;
using Response = FakeRegistry::Response;

class ForeignUrlsTest : public testing::Test {
 protected:
  ForeignUrlsTest()
      : client_(registry::Reference::parse(registry_.source()), options()),
        mount_(directory_.path() / "cache", client_) {}

  static registry::ClientOptions options() {
    registry::ClientOptions options{.stall = 5s, .user_agent = "digestfs/test"};
    options.credentials.given = "me:secret";
    options.retries = {.first = 1ms, .most = 2ms};
    return options;
  }

  [[nodiscard]] std::string url(const std::string& path) const {
    return str_cat("http://", elsewhere_.address(), path);
  }
  void meet(const std::vector<std::string>& urls) {
    mount_.content.meet(digest_, Endpoint::blobs, bytes_.size(), urls);
  }
  [[nodiscard]] std::string problems() const { return mount_.problems.text(); }

  test::TemporaryDirectory directory_;
  FakeRegistry registry_;
  FakeRegistry elsewhere_;
  registry::Client client_;
  Mount mount_;
  const std::string bytes_ = test::noise(100000);
  const Digest digest_ = digest_of(bytes_);
};

TEST_F(ForeignUrlsTest, B11AreAskedInTurnWhereTheRegistryHasNone) {
  elsewhere_.on("/gone", {.status = 404});
  elsewhere_.on("/moved", {.status = 302, .fields = {{"Location", "/good"}}});
  elsewhere_.on("/good", {.body = bytes_});
  meet({url("/gone"), url("/moved"), url("/never")});
  EXPECT_EQ(mount_.read(digest_), bytes_);
  EXPECT_EQ(registry_.count("GET", registry_.path("/blobs/")), 1U);
  EXPECT_EQ(elsewhere_.count("GET", "/gone"), 1U);
  EXPECT_EQ(elsewhere_.count("GET", "/never"), 0U);
}

TEST_F(ForeignUrlsTest, B11AreNotAskedWhereTheRegistryHasIt) {
  registry_.add_blob(bytes_);
  elsewhere_.on("/good", {.body = bytes_});
  meet({url("/good")});
  EXPECT_EQ(mount_.read(digest_), bytes_);
  EXPECT_TRUE(elsewhere_.requests().empty());
}

TEST_F(ForeignUrlsTest, B11LearnNothingOfWhoAsks) {  // CVE-2020-15157
  // The registry wants to know, and is told.
  registry_.on([](const FakeRegistry::Request& request) -> std::optional<Response> {
    if (!request.field("Authorization").empty()) return std::nullopt;
    return Response{.status = 401, .fields = {{"WWW-Authenticate", "Basic realm=\"x\""}}};
  });
  elsewhere_.on("/", {.status = 401, .fields = {{"WWW-Authenticate", "Basic realm=\"x\""}}});
  meet({url("/locked")});
  EXPECT_EQ(mount_.failure(digest_), Errc::corrupt);
  ASSERT_FALSE(elsewhere_.requests().empty());
  for (const auto& request : elsewhere_.requests()) {
    EXPECT_EQ(request.field("Authorization"), "");
    EXPECT_EQ(request.field("Cookie"), "");
  }
  bool is_told = false;
  for (const auto& request : registry_.requests()) {
    is_told = is_told || !request.field("Authorization").empty();
  }
  EXPECT_TRUE(is_told);
}

TEST_F(ForeignUrlsTest, B11AreVerifiedLikeAnythingElse) {
  elsewhere_.on("/wrong", {.body = "other bytes"});
  meet({url("/wrong?secret=1")});
  EXPECT_EQ(mount_.failure(digest_), Errc::corrupt);
  EXPECT_EQ(mount_.kinds()["digest-mismatch"], 1);
  EXPECT_NE(problems().find(url("/wrong")), std::string::npos) << problems();
  EXPECT_EQ(problems().find("secret"), std::string::npos) << problems();
  EXPECT_EQ(test::wrong_files(directory_.path() / "cache"), std::vector<std::string>{});
}

TEST_F(ForeignUrlsTest, B11AreTriedOnAfterOneThatSendsOtherBytes) {
  elsewhere_.on("/wrong", {.body = "other bytes"});
  elsewhere_.on("/good", {.body = bytes_});
  meet({url("/wrong"), url("/good")});
  EXPECT_EQ(mount_.read(digest_), bytes_);
}

TEST_F(ForeignUrlsTest, B11LeadNowhereInsideTheNetworkAndToNoFile) {  // EP-8
  // 169.254/16 has the metadata servers of clouds; the registry is on loopback, so that it may lead
  // there, and nowhere else inside.
  for (const std::string refused :
       {"http://169.254.169.254/latest", "http://10.0.0.1/blob", "http://[fe80::1]/blob",
        "file:///etc/passwd", "ftp://127.0.0.1/blob", "no url at all"}) {
    Mount mount(directory_.path() / refused.substr(0, 4), client_);
    mount.content.meet(digest_, Endpoint::blobs, bytes_.size(), {refused});
    EXPECT_EQ(mount.failure(digest_), Errc::corrupt) << refused;
  }
  elsewhere_.on("/", {.status = 302, .fields = {{"Location", "http://169.254.169.254/latest"}}});
  meet({url("/redirect")});
  EXPECT_EQ(mount_.failure(digest_), Errc::corrupt);
}

TEST_F(ForeignUrlsTest, B11MayNotSendMoreThanTheDescriptorMakesLikely) {
  Response endless{.body = test::noise(1000000)};
  elsewhere_.on("/large", endless);
  meet({url("/large")});
  try {
    static_cast<void>(mount_.open(digest_, 200000));
    FAIL() << "it is larger than the caller takes";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::too_large);
  }
}

TEST(ForeignUrls, OfOneObjectAreBounded) {
  test::MemorySource source;
  Objects objects;
  const Digest digest = digest_of("x");
  for (int i = 0; i < 1000; ++i) {
    objects.meet(digest, {&source, Endpoint::blobs, str_cat("http://x/", i)}, 1);
  }
  objects.meet(digest, {&source, Endpoint::manifests}, 1);
  EXPECT_EQ(objects.find(digest).origins.size(), Objects::kMaxUrls + 1);
}

}  // namespace
}  // namespace digestfs::cache
