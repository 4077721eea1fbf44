// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace digestfs::registry {

/// Returns `text` with its ASCII letters in lower case.
[[nodiscard]] std::string lower_case(std::string_view text);

/// Returns true if two texts differ at most in the case of ASCII letters.
[[nodiscard]] bool equals_folded(std::string_view left, std::string_view right) noexcept;

/// Reads the value of an HTTP field piece by piece (RFC 9110, 5.6). Never fails: if the next piece
/// is not what was asked for, the result is empty and the caller goes on behind it.
class FieldReader {
 public:
  explicit FieldReader(std::string_view value) noexcept : rest_(value) {}

  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }
  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

  void skip_blanks() noexcept;
  /// Skips the next character, whatever it is.
  void skip_any() noexcept;
  /// Skips `expected` if it comes next. Returns true if it did.
  bool skip(char expected) noexcept;
  /// Takes the token that comes next. It may be empty.
  std::string_view token() noexcept;
  /// Takes a parameter's value: a quoted string without its quotes and escapes, or everything up to
  /// the next blank, comma or semicolon. Servers send URLs unquoted, which RFC 9110 does not allow.
  std::string value();
  /// Takes everything up to `end`, and skips `end`. Returns nothing if `end` does not come.
  std::optional<std::string_view> up_to(char end) noexcept;

 private:
  void drop(std::size_t count) noexcept { rest_.remove_prefix(count); }

  std::string_view rest_;
};

}  // namespace digestfs::registry
