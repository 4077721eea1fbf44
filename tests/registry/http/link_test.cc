// SPDX-License-Identifier: Apache-2.0
#include "registry/http/link.h"

#include <gtest/gtest.h>

namespace digestfs::registry {
namespace {

TEST(Link, L1FindsNextInTheFormsThatRegistriesSend) {  // EP-10
  const std::string next = "/v2/a/tags/list?last=b&n=2";
  for (const std::string parameters :
       {R"(; rel="next")", R"(;rel=next)", R"(; title="a, b"; rel="next")",
        R"(; rel="prefetch NEXT")", R"( ; REL = "next")"}) {
    EXPECT_EQ(next_link("<" + next + ">" + parameters), next) << parameters;
  }
}

TEST(Link, KeepsTheTargetByteForByte) {  // the cursor is opaque
  EXPECT_EQ(next_link("</v2/a/tags/list?last=x%2Cy,z;w=%2c>; rel=\"next\""),
            "/v2/a/tags/list?last=x%2Cy,z;w=%2c");
}

TEST(Link, FindsNextBehindAnotherLink) {
  EXPECT_EQ(next_link(R"(</a>; rel="prev", </b>; rel="next")"), "/b");
}

TEST(Link, CountsOnlyTheFirstRel) { EXPECT_FALSE(next_link(R"(</a>; rel="prev"; rel="next")")); }

TEST(Link, HasNoNextOtherwise) {
  for (const char* field :
       {"", "/a; rel=next", "<", "</a", "</a>", "</a>; rel", "</a>; rel=nextish", "</a>; next",
        "<>;;;;=\"", "</a>; rel=\"", "\xff</a>;rel=\xff"}) {
    EXPECT_FALSE(next_link(field)) << field;
  }
}

}  // namespace
}  // namespace digestfs::registry
