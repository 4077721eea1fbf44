// SPDX-License-Identifier: Apache-2.0
// What encryption promises and where it ends (reference 3, TLS-*; A9, R5). Loopback hosts may have
// any certificate (TLS-4), so that who vouches for a registry is for tests/mount/certificates.sh.

#include <fstream>

#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/text.h"
#include "registry/http/certificates.h"
#include "tests/registry/host/client_fixture.h"
#include "tests/support/mounted.h"
#include "tests/support/test_authority.h"

namespace digestfs::registry {
namespace {

using Transport = FakeRegistry::Transport;

class TlsTest : public testing::Test {
 protected:
  TlsTest() { secure.tag("t", secure.add_manifest(kManifest, kOci).digest); }

  [[nodiscard]] Client client(bool verify_tls = true) const {
    ClientOptions options{.stall = 5s, .user_agent = "digestfs/test", .retries = {.first = 1ms}};
    options.credentials.given = "me:secret";
    options.verify_tls = verify_tls;
    if (certificates_) options.certificates = *certificates_;
    return {Reference::parse(secure.source()), options};
  }

  static Errc failure(const std::function<void()>& work) {
    try {
      work();
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "it went well";
    return Errc::interrupted;
  }

  /// The only authority that is believed.
  void add_authority(const std::string& certificate) {
    certificates_ = directory_.path() / "certs";
    std::filesystem::create_directory(*certificates_);
    std::ofstream(*certificates_ / "ca.crt") << certificate;
  }

  void remove_certificates() const { std::filesystem::remove_all(*certificates_); }

  void add_certificates() {
    const auto& authority = test::TestAuthority::instance();
    add_authority(authority.certificate());
    std::ofstream(*certificates_ / "client.cert") << authority.client_certificate();
    std::ofstream(*certificates_ / "client.key") << authority.client_key();
  }

  /// Every request of the repository is answered with a redirect there.
  void redirect_to(const std::string& base) {
    secure.on([this, base](const Request& request) -> std::optional<Response> {
      if (!request.path().starts_with(secure.path("/blobs/"))) return std::nullopt;
      return Response{.status = 307, .fields = {{"Location", base + request.target}}};
    });
  }

  FakeRegistry secure{Transport::tls};

 private:
  test::TemporaryDirectory directory_;
  std::optional<std::filesystem::path> certificates_;
};

TEST_F(TlsTest, IsTakenFirstOnLoopback) {  // TLS-4
  EXPECT_TRUE(client().resolve("t", {}));
  EXPECT_FALSE(secure.requests().empty());
}

TEST_F(TlsTest, A9LetsNoCredentialsOutToARealmOverHttp) {
  FakeRegistry tokens;
  tokens.on("/token", {.body = R"({"token":"T"})"});
  const std::string challenge =
      str_cat("Bearer realm=\"http://", tokens.address(), "/token\",service=\"s\"");
  secure.on([challenge](const Request& request) -> std::optional<Response> {
    if (request.field("Authorization") == "Bearer T") return std::nullopt;
    return Response{.status = 401, .fields = {{"WWW-Authenticate", challenge}}};
  });
  EXPECT_EQ(failure([&] { static_cast<void>(client().resolve("t", {})); }), Errc::denied);
  EXPECT_EQ(tokens.connections(), 0U);
  EXPECT_TRUE(client(/*verify_tls=*/false).resolve("t", {})) << "but where the user says so";
  EXPECT_EQ(tokens.requests().size(), 1U);
}

TEST_F(TlsTest, R5FollowsNoRedirectToHttp) {
  FakeRegistry plain;
  const auto blob = secure.add_blob("hello");
  plain.add_blob("hello");
  redirect_to("http://" + plain.address());
  Collector sink;
  EXPECT_EQ(failure([&] {
              auto reader = client();
              reader.fetch(Endpoint::blobs, blob.digest, {}, sink, kContent);
            }),
            Errc::corrupt);
  EXPECT_EQ(plain.connections(), 0U);
  auto insecure = client(/*verify_tls=*/false);
  insecure.fetch(Endpoint::blobs, blob.digest, {}, sink, kContent);
  EXPECT_EQ(sink.bytes, "hello");
}

TEST_F(TlsTest, R1ShowsTheClientsCertificateToTheRegistryAlone) {  // TLS-7
  add_certificates();
  FakeRegistry cdn(Transport::tls);
  const auto blob = secure.add_blob("hello");
  cdn.add_blob("hello");
  redirect_to("https://" + cdn.address());
  auto reader = client();
  Collector sink;
  reader.fetch(Endpoint::blobs, blob.digest, {}, sink, kContent);
  EXPECT_EQ(sink.bytes, "hello");
  for (const Request& request : secure.requests()) EXPECT_TRUE(request.has_certificate);
  ASSERT_EQ(cdn.requests().size(), 1U);
  EXPECT_FALSE(cdn.requests()[0].has_certificate);
  EXPECT_EQ(cdn.requests()[0].field("Authorization"), "");
}

TEST_F(TlsTest, L11BelievesNobodyElseWhereAnAuthorityIsKept) {  // TLS-6, TLS-5, RTY-1
  // This machine, whose certificates are not looked at otherwise, and an authority of another's.
  add_authority(test::TestAuthority::instance().client_certificate());
  EXPECT_EQ(failure([&] { static_cast<void>(client().resolve("t", {})); }), Errc::untrusted);
  EXPECT_TRUE(secure.requests().empty());
  // One by curl's directory of authorities, and one by the file of them.
  EXPECT_EQ(secure.connections(), 2U);  // that does not mend itself
  EXPECT_TRUE(client(/*verify_tls=*/false).resolve("t", {}));
}

// A registry gets a certificate of another authority, and the user puts that one in its place.
TEST_F(TlsTest, BelievesTheAuthorityThatIsKeptWhenTheUserHasTheFilesReadAgain) {
  add_authority(test::TestAuthority::instance().client_certificate());
  auto reader = client();
  EXPECT_EQ(failure([&] { static_cast<void>(reader.resolve("t", {})); }), Errc::untrusted);
  add_authority(test::TestAuthority::instance().certificate());
  reader.ask_again();
  EXPECT_TRUE(reader.resolve("t", {}));
}

TEST_F(TlsTest, GoesOnWithTheCertificatesItHasIfTheyCannotBeReadAgain) {
  add_authority(test::TestAuthority::instance().certificate());
  auto reader = client();
  remove_certificates();
  reader.ask_again();
  EXPECT_TRUE(reader.resolve("t", {}));
}

TEST_F(TlsTest, L11TellsNoTokenServerThePasswordThatAKeptAuthorityDoesNotVouchFor) {  // TLS-6
  add_authority(test::TestAuthority::instance().certificate());
  for (const auto transport : {Transport::elsewhere, Transport::expired, Transport::tls}) {
    FakeRegistry tokens(transport);
    tokens.on("/token", {.body = R"({"token":"T"})"});
    const std::string challenge =
        str_cat("Bearer realm=\"https://", tokens.address(), "/token\",service=\"s\"");
    secure.clear_handlers();
    secure.on([challenge](const Request& request) -> std::optional<Response> {
      if (request.field("Authorization") == "Bearer T") return std::nullopt;
      return Response{.status = 401, .fields = {{"WWW-Authenticate", challenge}}};
    });
    if (transport == Transport::tls) {
      EXPECT_TRUE(client().resolve("t", {}));
    } else {
      EXPECT_EQ(failure([&] { static_cast<void>(client().resolve("t", {})); }), Errc::untrusted);
      EXPECT_TRUE(tokens.requests().empty());
      EXPECT_TRUE(client(/*verify_tls=*/false).resolve("t", {})) << "but where the user says so";
    }
  }
}

TEST(CertificatesTest, AreThoseOfTheFirstDirectoryThatIsThere) {  // TLS-1, TLS-2
  const test::TemporaryDirectory machine;
  const auto find = [&](const std::string& domain) {
    return find_certificates(domain, {}, {}, machine.path());
  };
  const auto keep = [&](const std::string& directory, const std::string& name) {
    std::filesystem::create_directories(machine.path() / directory);
    std::ofstream(machine.path() / directory / name) << directory;
  };
  EXPECT_TRUE(find("h:1").empty());
  const std::vector<std::string> latest_first = {
      "containerd/certs.d/_default", "containerd/certs.d/h:1", "containerd/certs.d/h_1_",
      "docker/certs.d/h:1", "containers/certs.d/h:1"};
  for (const std::string& directory : latest_first) {
    keep(directory, "a.crt");
    EXPECT_EQ(find("h:1").authorities, directory + "\n");
  }
  EXPECT_EQ(find("other").authorities, "containerd/certs.d/_default\n");
  // What is for other hosts is none of this one's.
  keep("containerd/certs.d/_default", "hosts.toml");
  EXPECT_TRUE(find("other").empty());
}

TEST(CertificatesTest, L11OfContainerdMayHaveTheKeyInThem) {  // TLS-2
  const test::TemporaryDirectory machine;
  const auto directory = machine.path() / "containerd/certs.d/h";
  std::filesystem::create_directories(directory);
  std::ofstream(directory / "both.cert") << "x";
  auto found = find_certificates("h", {}, {}, machine.path());
  EXPECT_EQ(found.certificate, directory / "both.cert");
  EXPECT_EQ(found.key, directory / "both.cert");
  std::ofstream(directory / "both.key") << "x";
  found = find_certificates("h", {}, {}, machine.path());
  EXPECT_EQ(found.key, directory / "both.key");
}

TEST_F(TlsTest, L11NamesHalfAPair) {
  add_certificates();
  const test::TemporaryDirectory directory;
  std::ofstream(directory.path() / "x.cert") << "x";
  try {
    static_cast<void>(find_certificates("h.example", directory.path(), {}));
    ADD_FAILURE() << "it went well";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("x.key"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace digestfs::registry
