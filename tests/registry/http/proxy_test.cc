// SPDX-License-Identifier: Apache-2.0
#include "registry/http/proxy.h"

#include <array>

#include <gtest/gtest.h>

namespace digestfs::registry {
namespace {

const ProxyVariables kProxies{
    .https = "http://proxy:3128", .http = "http://plain:3128", .no_proxy = ""};

std::string proxy_of(const std::string& url, const std::string& no_proxy) {
  ProxyVariables variables = kProxies;
  variables.no_proxy = no_proxy;
  return registry::proxy_of(Url::parse(url), variables);
}

TEST(Proxy, IsThatOfTheScheme) {  // PRX-1
  EXPECT_EQ(proxy_of("https://ghcr.io/v2/", ""), "http://proxy:3128");
  EXPECT_EQ(proxy_of("http://ghcr.io/v2/", ""), "http://plain:3128");
  EXPECT_EQ(registry::proxy_of(Url::parse("https://ghcr.io/"), {}), "");
}

TEST(Proxy, IsNeverForThisMachine) {  // PRX-1
  for (const char* url : {"http://localhost:5000/", "https://127.0.0.1/", "https://[::1]:5000/",
                          "http://registry.localhost/"}) {
    EXPECT_EQ(proxy_of(url, ""), "") << url;
  }
}

TEST(Proxy, L12IsNotForWhatNoProxyNames) {  // PRX-1
  struct Row {
    const char* no_proxy;
    const char* url;
    bool direct;
  };
  const auto rows = std::to_array<Row>({
      {"*", "https://ghcr.io/", true},
      {"ghcr.io", "https://ghcr.io/", true},
      {"GHCR.io", "https://ghcr.IO/", true},
      {"ghcr.io", "https://pkg.ghcr.io/", true},
      {"ghcr.io", "https://notghcr.io/", false},
      {".ghcr.io", "https://pkg.ghcr.io/", true},
      {".ghcr.io", "https://ghcr.io/", false},
      {"*.ghcr.io", "https://pkg.ghcr.io/", true},
      {"a.example, ghcr.io ,b.example", "https://ghcr.io/", true},
      {"a.example,b.example", "https://ghcr.io/", false},
      {"ghcr.io:443", "https://ghcr.io/", true},
      {"ghcr.io:5000", "https://ghcr.io/", false},
      {"ghcr.io:5000", "https://ghcr.io:5000/", true},
      {"10.1.2.3", "https://10.1.2.3/", true},
      {"10.1.2.3", "https://10.1.2.30/", false},
      {"10.0.0.0/8", "https://10.200.0.1:5000/", true},
      {"10.0.0.0/8", "https://11.0.0.1/", false},
      {"10.1.2.128/25", "https://10.1.2.127/", false},
      {"10.1.2.128/25", "https://10.1.2.129/", true},
      {"0.0.0.0/0", "https://8.8.8.8/", true},
      {"0.0.0.0/0", "https://ghcr.io/", false},
      {"10.0.0.0/33", "https://10.0.0.0/", false},
      {"fd00::/8", "https://[fd12::1]/", true},
      {"fd00::/8", "https://[fe12::1]/", false},
      {"fd12::1", "https://[fd12::1]:5000/", true},
      {"[fd12::1]:5000", "https://[fd12::1]:5000/", true},
      {"[fd12::1]:5001", "https://[fd12::1]:5000/", false},
      {",, .,:,/", "https://ghcr.io/", false},
  });
  for (const Row& row : rows) {
    EXPECT_EQ(proxy_of(row.url, row.no_proxy).empty(), row.direct)
        << row.no_proxy << " " << row.url;
  }
}

TEST(Proxy, IsShownWithoutItsPassword) {  // AUTH-18
  EXPECT_EQ(shown_proxy("http://me:secret@proxy:3128"), "http://proxy:3128");
  EXPECT_EQ(shown_proxy("me:sec@ret@proxy:3128"), "proxy:3128");
  EXPECT_EQ(shown_proxy("socks5://proxy:1080"), "socks5://proxy:1080");
}

}  // namespace
}  // namespace digestfs::registry
