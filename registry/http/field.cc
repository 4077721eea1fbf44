// SPDX-License-Identifier: Apache-2.0
#include "registry/http/field.h"

#include <algorithm>

namespace digestfs::registry {
namespace {

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

bool is_token_char(char c) noexcept {
  constexpr std::string_view kSigns = "!#$%&'*+-.^_`|~";
  return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
         kSigns.find(c) != std::string_view::npos;
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), lower);
  return result;
}

bool equals_folded(std::string_view left, std::string_view right) noexcept {
  return std::ranges::equal(left, right, {}, lower, lower);
}

void FieldReader::skip_blanks() noexcept {
  while (!rest_.empty() && is_blank(rest_.front())) drop(1);
}

void FieldReader::skip_any() noexcept {
  if (!rest_.empty()) drop(1);
}

bool FieldReader::skip(char expected) noexcept {
  if (rest_.empty() || rest_.front() != expected) return false;
  drop(1);
  return true;
}

std::string_view FieldReader::token() noexcept {
  const auto end = std::ranges::find_if_not(rest_, is_token_char);
  const std::string_view found = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
  drop(found.size());
  return found;
}

std::string FieldReader::value() {
  std::string found;
  if (skip('"')) {
    while (!rest_.empty() && !skip('"')) {
      if (skip('\\') && rest_.empty()) break;
      found += rest_.front();
      drop(1);
    }
    return found;
  }
  const auto ends = [](char c) { return is_blank(c) || c == ',' || c == ';'; };
  const auto end = std::ranges::find_if(rest_, ends);
  found = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
  drop(found.size());
  return found;
}

std::optional<std::string_view> FieldReader::up_to(char end) noexcept {
  const std::size_t at = rest_.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view found = rest_.substr(0, at);
  drop(at + 1);
  return found;
}

}  // namespace digestfs::registry
