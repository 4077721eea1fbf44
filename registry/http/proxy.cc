// SPDX-License-Identifier: Apache-2.0
#include "registry/http/proxy.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <optional>
#include <vector>

#include <arpa/inet.h>

#include "base/text.h"
#include "registry/http/field.h"
#include "registry/http/host_kind.h"

namespace digestfs::registry {
namespace {

/// Returns the value of the first variable in `names` that is not empty.
std::string first_of(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return {};
}

/// Reads an IPv4 or IPv6 address, in network byte order. Returns nothing for a name.
std::optional<std::vector<std::uint8_t>> address_of(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  const std::string copy(text);
  std::vector<std::uint8_t> bytes(sizeof(in6_addr));
  if (::inet_pton(AF_INET6, copy.c_str(), bytes.data()) == 1) return bytes;
  bytes.resize(sizeof(in_addr));
  if (::inet_pton(AF_INET, copy.c_str(), bytes.data()) == 1) return bytes;
  return std::nullopt;
}

bool is_in_network(const std::vector<std::uint8_t>& address, std::string_view network) {
  const auto slash = network.find('/');
  const auto base = address_of(network.substr(0, slash));
  const auto bits = parse_decimal(network.substr(slash + 1));
  if (!base || !bits || base->size() != address.size() || *bits > base->size() * 8) return false;
  for (std::size_t bit = 0; bit < *bits; ++bit) {
    const unsigned mask = 0x80U >> (bit % 8);
    if (((address[bit / 8] ^ (*base)[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

/// Returns true if a word of NO_PROXY covers `host` at `port`.
bool is_about(std::string_view word, std::string_view host, std::string_view port) {
  if (word == "*") return true;
  const auto address = address_of(host);
  if (word.find('/') != std::string_view::npos) return address && is_in_network(*address, word);
  // An IPv6 address has colons of its own; with a port it is in brackets.
  const auto colon = word.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && (word.find(':') == colon || word[colon - 1] == ']');
  if (has_port) {
    if (word.substr(colon + 1) != port) return false;
    word = word.substr(0, colon);
  }
  if (const auto exempt = address_of(word)) return address == exempt;
  if (word.starts_with("*.")) word.remove_prefix(1);
  if (word.empty()) return false;
  if (word.starts_with('.')) return host.size() > word.size() && host.ends_with(word);
  return host == word || host.ends_with(str_cat(".", word));
}

}  // namespace

ProxyVariables ProxyVariables::of_environment() {
  // A client of a CGI program can set HTTP_PROXY by the header Proxy.
  const bool is_cgi = std::getenv("REQUEST_METHOD") != nullptr;
  return {.https = first_of({"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"}),
          .http = is_cgi ? first_of({"http_proxy", "ALL_PROXY", "all_proxy"})
                         : first_of({"HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"}),
          .no_proxy = first_of({"NO_PROXY", "no_proxy"})};
}

std::string proxy_of(const Url& url, const ProxyVariables& variables) {
  const std::string& proxy = url.scheme() == "https" ? variables.https : variables.http;
  if (proxy.empty() || host_kind(url.host()) == HostKind::loopback) return {};
  const std::string& host = url.host();
  const std::string_view port = std::string_view(url.origin()).substr(url.origin().rfind(':') + 1);
  const std::string words = lower_case(variables.no_proxy);
  constexpr std::string_view kBetween = ", \t";
  for (std::size_t at = 0; (at = words.find_first_not_of(kBetween, at)) != std::string::npos;) {
    const std::size_t end = std::min(words.find_first_of(kBetween, at), words.size());
    if (is_about(std::string_view(words).substr(at, end - at), host, port)) return {};
    at = end;
  }
  return proxy;
}

std::string shown_proxy(std::string_view proxy) {
  const auto scheme = proxy.find("://");
  const std::size_t start = scheme == std::string_view::npos ? 0 : scheme + 3;
  const auto at = proxy.rfind('@');
  if (at == std::string_view::npos || at < start) return std::string(proxy);
  return str_cat(proxy.substr(0, start), proxy.substr(at + 1));
}

}  // namespace digestfs::registry
