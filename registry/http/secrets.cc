// SPDX-License-Identifier: Apache-2.0
#include "registry/http/secrets.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/text.h"

namespace digestfs::registry {
namespace {

// A server may repeat only the beginning of a secret. So much of it, or more, is hidden.
constexpr std::size_t kTelling = 16;
// A shorter value in a query is a number or a name that messages need.
constexpr std::size_t kLeastValue = 8;

/// Returns how many bytes of `secret` stand in `text` at `at`.
std::size_t length_of_match(std::string_view text, std::size_t at, std::string_view secret) {
  const std::string_view rest = text.substr(at);
  const auto [in_rest, in_secret] =
      std::mismatch(rest.begin(), rest.end(), secret.begin(), secret.end());
  return static_cast<std::size_t>(in_rest - rest.begin());
}

void hide(std::string& text, std::string_view secret) {
  constexpr std::string_view kHidden = "***";
  const std::string_view start = secret.substr(0, kTelling);
  for (std::size_t at = 0; (at = text.find(start, at)) != std::string::npos;) {
    text.replace(at, length_of_match(text, at, secret), kHidden);
    at += kHidden.size();
  }
}

}  // namespace

void Secrets::add(std::string_view secret) {
  // A shorter text is part of many words, and nothing would be left to read.
  constexpr std::size_t kLeast = 4;
  if (secret.size() < kLeast) return;
  keep(std::string(secret));
  keep(percent_encoded(secret));
  keep(on_one_line(std::string(secret)));
}

void Secrets::keep(std::string text) {
  if (!is_full()) texts_.insert(std::move(text));
}

void Secrets::add_query_of(const Url& url) {
  std::string_view rest = url.query();
  while (!rest.empty()) {
    rest.remove_prefix(1);  // '?' or '&'
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(pair.size());
    const auto sign = pair.find('=');
    const std::string_view value = pair.substr(sign == std::string_view::npos ? 0 : sign + 1);
    if (value.size() < kLeastValue) continue;
    add(value);
    add(percent_decoded(value));
  }
}

void Secrets::add(const Secrets& others) {
  for (const std::string& text : others.texts_) keep(text);
}

std::string Secrets::hidden_in(std::string_view text) const {
  std::string result(text);
  for (const std::string& secret : texts_) hide(result, secret);
  return result;
}

}  // namespace digestfs::registry
