// SPDX-License-Identifier: Apache-2.0
#include "fs/object/documents.h"

#include <string>

#include <gtest/gtest.h>

#include "base/text.h"
#include "tests/cache/content_fixture.h"

namespace digestfs::fs {
namespace {

class DocumentsTest : public testing::Test {
 protected:
  /// An index of nothing, of 1000 bytes.
  Digest add(char name) {
    std::string text = str_cat(R"({"schemaVersion":2,"manifests":[],"annotations":{"name":")",
                               std::string(1, name), "\"}}");
    text.resize(1000, ' ');
    const auto endpoint = registry::Endpoint::manifests;
    const auto descriptor =
        source_.add_object(endpoint, text, "application/vnd.oci.image.index.v1+json");
    mount_.content.meet(descriptor.digest, endpoint, descriptor.size);
    return descriptor.digest;
  }

  static void read(Documents& documents, const Digest& digest) {
    const auto document =
        test::landed([&] { return documents.document(digest, {}, Patience::unlimited()); });
    EXPECT_TRUE(document->manifest) << document->unusable;
  }

  test::TemporaryDirectory directory_;
  test::MemorySource source_;
  cache::Mount mount_{directory_.path() / "cache", source_};
};

// What a registry makes up without end must not make memory grow without end.
TEST_F(DocumentsTest, KeepTheNewestWithinTheirBound) {
  Documents documents(mount_.content, mount_.problems, 2500);
  const Digest a = add('a');
  const Digest b = add('b');
  const Digest c = add('c');
  for (const Digest& digest : {a, b, c}) read(documents, digest);
  EXPECT_EQ(documents.known_document(a), nullptr);
  EXPECT_NE(documents.known_document(b), nullptr);
  EXPECT_NE(documents.known_document(c), nullptr);
  read(documents, a);
  EXPECT_NE(documents.known_document(a), nullptr);
  EXPECT_EQ(documents.known_document(b), nullptr);
  EXPECT_EQ(source_.fetches(a), 1U) << "it is in the cache";
}

TEST_F(DocumentsTest, ShowOneThatIsLargerThanTheBound) {
  Documents documents(mount_.content, mount_.problems, 10);
  const Digest a = add('a');
  read(documents, a);
  EXPECT_NE(documents.known_document(a), nullptr);
}

}  // namespace
}  // namespace digestfs::fs
