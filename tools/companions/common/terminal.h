// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

// What the output goes to, and how text is shown there. No text from a registry may move the
// cursor, change colours or turn the direction of what follows.

namespace digestfs::companions {

/// What standard output is.
struct Terminal {
  bool is_terminal = false;
  std::size_t width = 0;     ///< in columns; 0 if it has no end, as for a pipe
  bool has_colours = false;  ///< NO_COLOR and TERM=dumb switch colours off
};

/// Asks the kernel and the environment.
[[nodiscard]] Terminal look_at_output();

/// Returns `text` on one line and with everything escaped that is not plainly visible: control
/// characters, bytes that are no UTF-8, and the characters that direct the order of text.
[[nodiscard]] std::string shown(std::string_view text);

/// Returns how many columns `text`, which `shown` returned, takes.
[[nodiscard]] std::size_t columns_of(std::string_view text);

/// Returns the beginning of `text` that takes at most `columns`, with a `…` for the rest.
[[nodiscard]] std::string fitting(std::string_view text, std::size_t columns);

/// Returns `text` with line breaks at blanks, so that no line takes more than `width` columns as
/// long as its words allow. Lines after the first begin with `indent` blanks. A `width` of 0 breaks
/// nothing.
[[nodiscard]] std::string wrapped(std::string_view text, std::size_t width, std::size_t indent);

/// The colours that the companions use.
enum class Colour { plain, bold, dim, red, green, yellow };

/// Returns `text` in that colour if the terminal has colours.
[[nodiscard]] std::string coloured(const Terminal& terminal, Colour colour, std::string_view text);

}  // namespace digestfs::companions
