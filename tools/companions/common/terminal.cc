// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/common/terminal.h"

#include <array>
#include <cstdio>
#include <cstdlib>

#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"

namespace digestfs::companions {
namespace {

/// One character of UTF-8; a `length` of 0 means that there is none.
struct Character {
  char32_t code = 0;
  std::size_t length = 0;
};

/// Reads the character that `text` begins with (Unicode, table 3-7).
Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return {first, 1};
  std::size_t length = 0;
  if (first >= 0xc2 && first <= 0xdf) length = 2;
  if (first >= 0xe0 && first <= 0xef) length = 3;
  if (first >= 0xf0 && first <= 0xf4) length = 4;
  if (length == 0 || text.size() < length) return {};
  char32_t code = first & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) return {};
    code = (code << 6U) | (byte(i) & 0x3fU);
  }
  constexpr std::array<char32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < kLeast.at(length) || is_surrogate || code > 0x10ffff) return {};
  return {code, length};
}

/// Returns true for characters that do not show what they are: controls, marks of direction,
/// separators of lines, and invisible ones.
bool is_hidden(char32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xad || code == 0x61c ||
         (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
         (code >= 0x2060 && code <= 0x206f) || code == 0xfeff || (code >= 0xfff9 && code <= 0xfffb);
}

/// East Asian and pictographic characters take two columns, combining ones none.
std::size_t columns_of_character(char32_t code) {
  if (code >= 0x300 && code <= 0x36f) return 0;
  const bool is_wide = (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
                       (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
                       (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) ||
                       (code >= 0xffe0 && code <= 0xffe6) || (code >= 0x1f300 && code <= 0x1faff) ||
                       (code >= 0x20000 && code <= 0x3ffff);
  return is_wide ? 2 : 1;
}

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

}  // namespace

Terminal look_at_output() {
  Terminal terminal;
  terminal.is_terminal = ::isatty(STDOUT_FILENO) == 1;
  if (!terminal.is_terminal) return terminal;
  winsize size{};
  constexpr std::size_t kUsual = 80;
  const bool is_known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  terminal.width = is_known ? size.ws_col : kUsual;
  const char* kind = std::getenv("TERM");
  terminal.has_colours = !is_set("NO_COLOR") && kind != nullptr && std::string_view(kind) != "dumb";
  return terminal;
}

std::string shown(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const Character character = first_character(text);
    const std::size_t length = character.length == 0 ? 1 : character.length;
    if (character.length == 0 || is_hidden(character.code)) {
      for (const char c : text.substr(0, length)) {
        std::array<char, 5> code{};
        std::snprintf(code.data(), code.size(), "\\x%02x", static_cast<unsigned char>(c));
        result += code.data();
      }
    } else {
      result += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return result;
}

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    const Character character = first_character(text);
    columns += character.length == 0 ? 1 : columns_of_character(character.code);
    text.remove_prefix(character.length == 0 ? 1 : character.length);
  }
  return columns;
}

std::string fitting(std::string_view text, std::size_t columns) {
  if (columns_of(text) <= columns) return std::string(text);
  if (columns == 0) return {};
  std::size_t taken = 0;
  std::size_t end = 0;
  while (end < text.size()) {
    const Character character = first_character(text.substr(end));
    const std::size_t more = character.length == 0 ? 1 : columns_of_character(character.code);
    if (taken + more > columns - 1) break;
    taken += more;
    end += character.length == 0 ? 1 : character.length;
  }
  return str_cat(text.substr(0, end), "…");
}

std::string wrapped(std::string_view text, std::size_t width, std::size_t indent) {
  if (width == 0) return std::string(text);
  std::string result;
  std::size_t column = 0;
  bool is_first = true;
  while (!text.empty()) {
    const std::size_t end = text.find(' ');
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::size_t size = columns_of(word);
    if (!is_first && column + 1 + size > width) {
      result += '\n';
      result.append(indent, ' ');
      column = indent;
    } else if (!is_first) {
      result += ' ';
      ++column;
    }
    result += word;
    column += size;
    is_first = false;
  }
  return result;
}

std::string coloured(const Terminal& terminal, Colour colour, std::string_view text) {
  if (!terminal.has_colours || colour == Colour::plain || text.empty()) return std::string(text);
  const char* code = "1";
  switch (colour) {
    case Colour::plain:
    case Colour::bold:
      break;
    case Colour::dim:
      code = "2";
      break;
    case Colour::red:
      code = "31";
      break;
    case Colour::green:
      code = "32";
      break;
    case Colour::yellow:
      code = "33";
      break;
  }
  return str_cat("\x1b[", code, "m", text, "\x1b[0m");
}

}  // namespace digestfs::companions
