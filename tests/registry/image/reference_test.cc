// SPDX-License-Identifier: Apache-2.0
#include "registry/image/reference.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"

namespace digestfs::registry {
namespace {

const std::string kHex(64, 'a');
const std::string kDigest = "sha256:" + kHex;

std::string refusal_of(const std::string& text) {
  try {
    const Reference reference = Reference::parse(text);
    return "taken as " + reference.repository();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unsupported) << text;
    return error.what();
  }
}

TEST(Reference, SplitsTheDomainAsDockerDoes) {  // REF-1, REF-3
  struct Case {
    std::string text;
    std::string domain;
    std::string path;
  };
  for (const Case& c : std::vector<Case>{
           {"alpine", "docker.io", "library/alpine"},
           {"grafana/grafana", "docker.io", "grafana/grafana"},
           {"docker.io/alpine", "docker.io", "library/alpine"},
           {"docker.io/library/alpine", "docker.io", "library/alpine"},
           {"index.docker.io/alpine", "docker.io", "library/alpine"},
           {"registry-1.docker.io/a/b", "docker.io", "a/b"},
           {"docker://quay.io/a/b", "quay.io", "a/b"},
           {"quay.io/a", "quay.io", "a"},
           {"localhost/a", "localhost", "a"},
           {"localhost:5000/a", "localhost:5000", "a"},
           {"host:5000/a/b/c", "host:5000", "a/b/c"},
           {"127.0.0.1:5000/a", "127.0.0.1:5000", "a"},
           {"[::1]:5000/a", "[::1]:5000", "a"},
           {"[2001:DB8::1]/a", "[2001:DB8::1]", "a"},
           {"Host/a", "Host", "a"},  // an upper-case letter makes it a domain
           {"host/a", "docker.io", "host/a"},
           {"xn--n3h.com/a", "xn--n3h.com", "a"},
           {"a--b.c0/a", "a--b.c0", "a"},
           {"quay.io/a.b_c__d---e/0", "quay.io", "a.b_c__d---e/0"},
           {"localhost", "docker.io", "library/localhost"},
       }) {
    const Reference reference = Reference::parse(c.text);
    EXPECT_EQ(reference.domain, c.domain) << c.text;
    EXPECT_EQ(reference.path, c.path) << c.text;
    EXPECT_EQ(reference.repository(), c.domain + "/" + c.path) << c.text;
    EXPECT_FALSE(reference.tag) << c.text;  // none is added: it means the whole repository
    EXPECT_FALSE(reference.digest) << c.text;
  }
}

TEST(Reference, TellsARegistryFromARepository) {
  for (const auto& [text, domain] : std::vector<std::pair<std::string, std::string>>{
           {"quay.io/", "quay.io"},
           {"docker://localhost:5000/", "localhost:5000"},
           {"localhost/", "localhost"},
           {"[::1]:5000/", "[::1]:5000"},
           {"index.docker.io/", "docker.io"}}) {
    const auto registry = Reference::parse_registry(text);
    ASSERT_TRUE(registry) << text;
    EXPECT_EQ(registry->domain, domain);
    EXPECT_EQ(registry->path, "");
    EXPECT_EQ(registry->repository(), domain);
    EXPECT_THROW(static_cast<void>(Reference::parse(text)), Error) << text;
  }
  for (const std::string text :
       {"", "/", "quay.io", "alpine/", "quay.io//", "quay.io/a/", "u@quay.io/", "http://quay.io/",
        "-.io/", "quay.io:99999/", "quay.io:t/"}) {
    EXPECT_FALSE(Reference::parse_registry(text)) << text;
  }
}

TEST(Reference, ReadsTagAndDigest) {  // REF-1, REF-4
  struct Case {
    std::string text;
    std::string repository;
    std::optional<std::string> tag;
    std::optional<std::string> digest;
  };
  for (const Case& c : std::vector<Case>{
           {"alpine:3.19", "docker.io/library/alpine", "3.19", std::nullopt},
           {"quay.io/a/b:T_1-x.y", "quay.io/a/b", "T_1-x.y", std::nullopt},
           {"host:5000/a:5000", "host:5000/a", "5000", std::nullopt},
           {"[::1]:5000/a:b", "[::1]:5000/a", "b", std::nullopt},
           {"alpine@" + kDigest, "docker.io/library/alpine", std::nullopt, kDigest},
           {"quay.io/a:t@" + kDigest, "quay.io/a", "t", kDigest},
           // Without a slash there is no host, so 5000 is a tag.
           {"localhost:5000", "docker.io/library/localhost", "5000", std::nullopt},
       }) {
    const Reference reference = Reference::parse(c.text);
    EXPECT_EQ(reference.repository(), c.repository) << c.text;
    EXPECT_EQ(reference.tag, c.tag) << c.text;
    EXPECT_EQ(reference.digest, c.digest ? Digest::parse(*c.digest) : std::nullopt) << c.text;
  }
}

TEST(Reference, RefusesWhatIsNoName) {  // REF-1, REF-6
  const std::vector<std::string> bad = {
      "",
      "docker://",
      "http://quay.io/a",
      "https://quay.io/a",
      "oci://quay.io/a",
      "/a",
      "quay.io/",
      "quay.io//a",
      "quay.io/a/",
      "quay.io/a//b",
      "a/../b",
      "quay.io/..",
      "quay.io/.",
      "../a",
      "quay.io/A",
      "Alpine",
      "quay.io/a.",
      "quay.io/.a",
      "quay.io/a..b",
      "quay.io/a___b",
      "quay.io/a._b",
      "quay.io/_a",
      "quay.io/-a",
      "quay.io/a-",
      "quay.io/a b",
      " alpine",
      "alpine ",
      "alpine\n",
      "quay.io/a%2fb",
      "quay.io/a?n=1",
      "quay.io/a#b",
      "quay.io/a\\b",
      std::string("quay.io/a\0b", 11),
      "quay.io/\xc3\xa9",
      "-a.io/b",
      "a-.io/b",
      "a..io/b",
      ".io/b",
      "a_b.io/c",
      "host:/a",
      "host:port/a",
      "host:0/a",
      "host:65536/a",
      "host:99999999999/a",
      "host:+5/a",
      "host:-5/a",
      "host:5000:5000/a",
      "::1/a",
      "[::1/a",
      "[::1]x/a",
      "[]/a",
      "[::1%25eth0]:5000/a",
      "[::ffff:1.2.3.4]/a",
      "[g::1]/a",
      "alpine:",
      "alpine:-a",
      "alpine:.a",
      "alpine:a b",
      "alpine:a/b",
      "alpine:a:b",
      "alpine@",
      "alpine@sha256",
      "alpine@sha256:abc",
      "alpine@sha256:" + std::string(64, 'A'),
      "alpine@" + kDigest + "@" + kDigest,
      "alpine@" + kDigest + ":tag",
      "user@quay.io/a",
      "user:secret@quay.io/a",
      kHex,
  };
  for (const std::string& text : bad) {
    EXPECT_THROW(static_cast<void>(Reference::parse(text)), Error) << text;
  }
}

TEST(Reference, SaysWhatIsWrongAndWhere) {
  EXPECT_NE(refusal_of("alpine:a b").find("'a b' is no tag"), std::string::npos);
  EXPECT_NE(refusal_of("alpine@md5").find("'md5' is no digest"), std::string::npos);
  EXPECT_NE(refusal_of("a.b:x/c").find("'a.b:x' is no HOST"), std::string::npos);
  EXPECT_NE(refusal_of("http://a/b").find("docker://"), std::string::npos);
}

TEST(Reference, DoesNotRepeatAPassword) {  // promise 8
  for (const std::string text : {"user:secret@quay.io/a", "docker://user:secret@quay.io/a:b",
                                 "user:secret@secret@quay.io/a", "https://user:secret@quay.io/a"}) {
    const std::string refusal = refusal_of(text);
    EXPECT_EQ(refusal.find("secret"), std::string::npos) << refusal;
    EXPECT_NE(refusal.find("quay.io/a"), std::string::npos) << refusal;
  }
  EXPECT_NE(refusal_of("user:secret@quay.io/a").find("user or password"), std::string::npos);
  for (const std::string text : {"user:secret@quay.io/a", "docker://user:secret@quay.io",
                                 "user:secret@localhost:5000", "u:secret@a@quay.io/a"}) {
    EXPECT_EQ(refusal_of(text).find("secret"), std::string::npos) << text;
  }
}

TEST(Reference, LimitsThePathTo255Bytes) {  // REF-2
  EXPECT_EQ(Reference::parse("quay.io/" + std::string(255, 'a')).path.size(), 255U);
  EXPECT_THROW(static_cast<void>(Reference::parse("quay.io/" + std::string(256, 'a'))), Error);
  // The path on the wire counts, `library/` with it.
  EXPECT_EQ(Reference::parse(std::string(247, 'a')).path.size(), 255U);
  EXPECT_THROW(static_cast<void>(Reference::parse(std::string(248, 'a'))), Error);
}

TEST(Reference, IsReachedUnderTheHubsOwnHost) {  // REF-5
  EXPECT_EQ(Reference::parse("alpine").wire_host(), "registry-1.docker.io");
  EXPECT_EQ(Reference::parse("index.docker.io/a/b").wire_host(), "registry-1.docker.io");
  EXPECT_EQ(Reference::parse("registry-1.docker.io/a/b").wire_host(), "registry-1.docker.io");
  EXPECT_EQ(Reference::parse("quay.io/a").wire_host(), "quay.io");
  EXPECT_EQ(Reference::parse("[::1]:5000/a").wire_host(), "[::1]:5000");
  EXPECT_EQ(Reference::parse("docker.io.evil.org/a").wire_host(), "docker.io.evil.org");
}

TEST(Reference, KnowsTheLoopbackInterface) {  // TLS-4
  for (const std::string text :
       {"localhost/a", "localhost:5000/a", "LOCALHOST/a", "a.localhost/b", "127.0.0.1/a",
        "127.1.2.3:5000/a", "127.255.255.255/a", "[::1]/a", "[::1]:5000/a"}) {
    EXPECT_TRUE(Reference::parse(text).is_loopback()) << text;
  }
  for (const std::string text :
       {"alpine", "localhost", "quay.io/a", "localhost.example.org/a", "notlocalhost.io/a",
        "127.example.org/a", "127.0.0.1.nip.io/a", "127.0.0.256/a", "127.0.0.1.1/a", "128.0.0.1/a",
        "0.0.0.0/a", "[::2]/a", "[::]/a", "[fe80::1]/a", "10.0.0.1/a"}) {
    EXPECT_FALSE(Reference::parse(text).is_loopback()) << text;
  }
}

TEST(Tag, HasAGrammar) {  // REF-1, DEC-4
  for (const std::string& text : std::vector<std::string>{
           "a", "A", "0", "_", "latest", "v1.2.3-rc.1_x", "_._-", std::string(128, 'x')}) {
    EXPECT_TRUE(is_tag(text)) << text;
  }
  for (const std::string& text : std::vector<std::string>{
           "", ".", "..", ".a", "-a", "a b", "a/b", "../x", "a:b", "a@b", "a\n", "a+b",
           std::string("a\0", 2), "\xc3\xa9", kDigest, std::string(129, 'x')}) {
    EXPECT_FALSE(is_tag(text)) << text;
  }
}

}  // namespace
}  // namespace digestfs::registry
