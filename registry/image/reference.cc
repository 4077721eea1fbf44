// SPDX-License-Identifier: Apache-2.0
#include "registry/image/reference.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/text.h"
#include "registry/http/host_kind.h"

namespace digestfs::registry {
namespace {

constexpr std::size_t kMaxTag = 128;
constexpr std::size_t kMaxPath = 255;  // REF-2
constexpr std::string_view kHub = "docker.io";
constexpr std::string_view kScheme = "docker://";

bool is_lower(char c) noexcept { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) noexcept { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_hex(char c) noexcept {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/// Returns true for a path-component of REF-1: runs of lower-case letters and digits, with `.`,
/// `_`,
/// `__` or dashes between them.
bool is_path_component(std::string_view text) noexcept {
  std::size_t i = 0;
  const auto run = [&] {
    const std::size_t start = i;
    while (i < text.size() && (is_lower(text[i]) || is_digit(text[i]))) ++i;
    return i > start;
  };
  if (!run()) return false;
  while (i < text.size()) {
    if (text[i] == '.') {
      ++i;
    } else if (text[i] == '_') {
      ++i;
      if (i < text.size() && text[i] == '_') ++i;
    } else {
      const std::size_t start = i;
      while (i < text.size() && text[i] == '-') ++i;
      if (i == start) return false;
    }
    if (!run()) return false;
  }
  return true;
}

bool is_domain_component(std::string_view text) noexcept {
  return !text.empty() && text.front() != '-' && text.back() != '-' &&
         std::ranges::all_of(text, [](char c) { return is_alnum(c) || c == '-'; });
}

bool is_host(std::string_view host) noexcept {
  if (host.starts_with('[')) {
    if (host.size() < 4 || host.back() != ']') return false;
    const auto address = host.substr(1, host.size() - 2);
    return std::ranges::all_of(address, [](char c) { return is_hex(c) || c == ':'; });
  }
  for (;;) {
    const auto dot = host.find('.');
    if (!is_domain_component(host.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    host.remove_prefix(dot + 1);
  }
}

/// Splits a domain into `host` and `:port`. The port may be empty.
std::pair<std::string_view, std::string_view> split_port(std::string_view domain) noexcept {
  const auto bracket = domain.find(']');
  const auto colon = domain.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon == std::string_view::npos) return {domain, {}};
  return {domain.substr(0, colon), domain.substr(colon)};
}

bool is_domain(std::string_view domain) noexcept {
  const auto [host, port] = split_port(domain);
  if (!is_host(host)) return false;
  if (port.empty()) return true;
  unsigned number = 0;
  const char* const end = port.data() + port.size();
  const auto [rest, problem] = std::from_chars(port.data() + 1, end, number);
  return problem == std::errc() && rest == end && number > 0 && number <= 65535;
}

/// Returns true if the part before the first slash is a domain (REF-3).
bool looks_like_domain(std::string_view text) noexcept {
  return text == "localhost" || text.find_first_of(".:[") != std::string_view::npos ||
         std::ranges::any_of(text, is_upper);
}

/// Returns the one name of Docker Hub for each of its names.
std::string in_one_spelling(std::string_view domain) {
  const bool is_hub = domain == "index.docker.io" || domain == "registry-1.docker.io";
  return std::string(is_hub ? kHub : domain);
}

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
  // The text before the host may be a password, which must not be repeated (promise 8).
  if (const auto at = text.rfind('@'); at != std::string_view::npos) text.remove_prefix(at + 1);
  throw Error(Errc::unsupported, str_cat("'", text, "' is no repository: ", why));
}

}  // namespace

bool is_repository_path(std::string_view text) noexcept {
  if (text.size() > kMaxPath) return false;
  for (;;) {
    const auto slash = text.find('/');
    if (!is_path_component(text.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    text.remove_prefix(slash + 1);
  }
}

bool is_tag(std::string_view text) noexcept {
  return !text.empty() && text.size() <= kMaxTag &&
         (is_alnum(text.front()) || text.front() == '_') && std::ranges::all_of(text, [](char c) {
           return is_alnum(c) || c == '_' || c == '.' || c == '-';
         });
}

std::optional<Reference> Reference::parse_registry(std::string_view text) {
  if (text.starts_with(kScheme)) text.remove_prefix(kScheme.size());
  if (!text.ends_with('/')) return std::nullopt;
  text.remove_suffix(1);
  if (!looks_like_domain(text) || !is_domain(text)) return std::nullopt;
  Reference reference;
  reference.domain = in_one_spelling(text);
  return reference;
}

Reference Reference::parse(std::string_view text) {
  const std::string_view whole = text;
  if (text.starts_with(kScheme)) {
    text.remove_prefix(kScheme.size());
  } else if (text.find("://") != std::string_view::npos) {
    refuse(whole, "only docker:// may stand before the host");
  }
  if (text.empty()) refuse(whole, "it is empty");
  Reference reference;
  if (const auto at = text.find('@'); at != std::string_view::npos) {
    // No digest has a slash. The text before the `@` is a user then.
    if (text.find('/', at) != std::string_view::npos) {
      refuse(whole, "no user or password may stand before the host");
    }
    reference.digest = Digest::parse(text.substr(at + 1));
    if (!reference.digest) refuse(whole, str_cat("'", text.substr(at + 1), "' is no digest"));
    text = text.substr(0, at);
  }
  const auto last_slash = text.rfind('/');
  const auto name_start = last_slash == std::string_view::npos ? 0 : last_slash + 1;
  if (const auto colon = text.find(':', name_start); colon != std::string_view::npos) {
    const std::string_view tag = text.substr(colon + 1);
    if (!is_tag(tag)) refuse(whole, str_cat("'", tag, "' is no tag"));
    reference.tag = std::string(tag);
    text = text.substr(0, colon);
  }
  const auto slash = text.find('/');
  std::string_view path = text;
  if (slash != std::string_view::npos && looks_like_domain(text.substr(0, slash))) {
    reference.domain = std::string(text.substr(0, slash));
    path = text.substr(slash + 1);
    if (!is_domain(reference.domain)) {
      refuse(whole, str_cat("'", reference.domain, "' is no HOST or HOST:PORT"));
    }
  } else {
    reference.domain = kHub;
  }
  reference.domain = in_one_spelling(reference.domain);
  reference.path = std::string(path);
  if (reference.domain == kHub && path.find('/') == std::string_view::npos) {
    if (path.size() == 64 && std::ranges::all_of(path, is_hex)) {
      refuse(whole, "64 hex digits are an image ID, not a name");
    }
    reference.path.insert(0, "library/");
  }
  if (!is_repository_path(reference.path)) {
    refuse(whole,
           str_cat("'", path, "' is no repository name; lower-case letters, digits and . _ - ",
                   "between them are"));
  }
  return reference;
}

std::string Reference::repository() const {
  return path.empty() ? domain : str_cat(domain, "/", path);
}

std::string Reference::wire_host() const {
  return domain == kHub ? std::string("registry-1.docker.io") : domain;
}

bool Reference::is_loopback() const {
  return host_kind(split_port(domain).first) == HostKind::loopback;
}

}  // namespace digestfs::registry
