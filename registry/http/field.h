// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace digestfs::registry {

/// `text` with its letters of ASCII in lower case.
[[nodiscard]] std::string lower_case(std::string_view text);

/// Whether two ASCII texts differ at most in case.
[[nodiscard]] bool equals_folded(std::string_view left, std::string_view right) noexcept;

/// Reads the value of an HTTP field piece by piece (RFC 9110, 5.6). Never fails: what does not fit
/// yields nothing, and the caller goes on behind it.
class FieldReader {
 public:
  explicit FieldReader(std::string_view value) noexcept : rest_(value) {}

  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }
  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

  void skip_blanks() noexcept;
  /// Skips whatever comes next.
  void skip_any() noexcept;
  /// Skips `expected` if it comes next, and says whether it did.
  bool skip(char expected) noexcept;
  /// The token that comes next; may be empty.
  std::string_view token() noexcept;
  /// A parameter's value: a quoted string without its quotes and escapes, or everything up to the
  /// next blank, comma or semicolon (servers send URLs unquoted, which RFC 9110 does not allow).
  std::string value();
  /// Everything up to `end`, which is skipped; nothing where `end` does not come.
  std::optional<std::string_view> up_to(char end) noexcept;

 private:
  void drop(std::size_t count) noexcept { rest_.remove_prefix(count); }

  std::string_view rest_;
};

}  // namespace digestfs::registry
