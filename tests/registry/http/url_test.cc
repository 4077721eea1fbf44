// SPDX-License-Identifier: Apache-2.0
#include "registry/http/url.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace digestfs::registry {
namespace {

TEST(Url, KnowsItsParts) {
  const Url url = Url::parse("https://quay.io/v2/a?x=%2c&y=1,2#f");
  EXPECT_EQ(url.scheme(), "https");
  EXPECT_EQ(url.host(), "quay.io");
  EXPECT_EQ(url.path(), "/v2/a");
  EXPECT_EQ(url.query(), "?x=%2c&y=1,2");
  EXPECT_EQ(url.origin(), "https://quay.io:443");
  EXPECT_EQ(url.str(), "https://quay.io/v2/a?x=%2c&y=1,2");
  EXPECT_EQ(url.redacted(), "https://quay.io/v2/a");
}

TEST(Url, HasOneOriginHoweverItIsSpelled) {
  EXPECT_EQ(Url::parse("http://h").origin(), Url::parse("http://h:80/x").origin());
  EXPECT_NE(Url::parse("http://h").origin(), Url::parse("http://h:81").origin());
  EXPECT_NE(Url::parse("http://h").origin(), Url::parse("https://h").origin());
  EXPECT_NE(Url::parse("http://h").origin(), Url::parse("http://s.h").origin());
  EXPECT_EQ(Url::parse("http://[::1]:5000/").origin(), "http://[::1]:5000");
}

TEST(Url, R3ResolvesReferences) {
  const Url base = Url::parse("https://r.example:5000/v2/a/b?c=d");
  const std::pair<const char*, const char*> references[] = {
      {"/x?y", "https://r.example:5000/x?y"},
      {"z", "https://r.example:5000/v2/a/z"},
      {"../z", "https://r.example:5000/v2/z"},
      {"//cdn.example/x", "https://cdn.example/x"},
      {"http://o.example/%2F?q=a,b;c#frag", "http://o.example/%2F?q=a,b;c"},
  };
  for (const auto& [reference, url] : references) {
    EXPECT_EQ(base.resolve(reference).str(), url) << reference;
  }
}

TEST(Url, R3RefusesWhatWeDoNotFollow) {  // R5
  const Url base = Url::parse("https://r.example/");
  for (const char* text : {"file:///etc/passwd", "ftp://x/", "https://u@x/", "https://u:p@x/",
                           "https://", "https://h:99999/", "javascript:1", "https://x/\xc3\xa4",
                           "https://x/a b", "https://x/\n"}) {
    EXPECT_THROW(static_cast<void>(Url::parse(text)), Error) << text;
    EXPECT_THROW(static_cast<void>(base.resolve(text)), Error) << text;
  }
}

TEST(Url, KeepsSecretsOutOfItsErrors) {  // AUTH-18
  for (const char* text :
       {"https://user:hunter2@x/", "https://x y/?sig=hunter2", "https://h:99999/?sig=hunter2"}) {
    try {
      static_cast<void>(Url::parse(text));
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find("hunter2"), std::string::npos) << error.what();
    }
  }
}

TEST(Url, KeepsSecretsOfWhereItLeadsOutOfItsErrors) {  // AUTH-18, R3
  const Url from = Url::parse("https://h/a/b");
  for (const char* text :
       {"https://user:hunter2@x/", "//user:hunter2@x/", "https://hunter2@x:99999/",
        "https://h:99999/?sig=hunter2", "/x\xc3(hunter2", "https://\x1bhunter2/"}) {
    try {
      const Url url = from.resolve(text);
      ADD_FAILURE() << url.str();
    } catch (const Error& error) {
      const std::string said = error.what();
      EXPECT_EQ(said.find("hunter2"), std::string::npos) << said;
      EXPECT_EQ(said.find('\x1b'), std::string::npos);
    }
  }
}

TEST(Url, IsOfOneHostInAnyCase) {
  EXPECT_EQ(Url::parse("https://Registry.Example/A").origin(), "https://registry.example:443");
  EXPECT_EQ(Url::parse("https://Registry.Example/A").path(), "/A");
}

TEST(PercentEncoded, LeavesOnlyUnreservedBytes) {
  EXPECT_EQ(percent_encoded("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(percent_encoded("a:b/c d&\xff"), "a%3Ab%2Fc%20d%26%FF");
}

}  // namespace
}  // namespace digestfs::registry
