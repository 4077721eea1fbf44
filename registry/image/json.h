// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

// Reading of JSON from the network. A document is one JSON text of bounded depth, without duplicate
// names at its top level. Its users take it member by member, and treat a member of the wrong type
// like a missing one. No function here throws an exception of nlohmann's.

namespace digestfs::registry {

/// Says whether two names at the top level that differ only in case are the same name, and thus a
/// duplicate, as they are for Go's decoders (MT-4).
enum class NameCase { matters, folded };

/// Parses `bytes` as Go's decoders do: in texts, bytes that are no UTF-8 and lone surrogates become
/// U+FFFD. Throws `Errc::corrupt` with what is wrong.
[[nodiscard]] nlohmann::json parse_json(std::string_view bytes, NameCase names);

/// Returns `bytes` with U+FFFD in place of what is not Unicode in their texts (`parse_json`), or
/// nothing if all of it is.
[[nodiscard]] std::optional<std::string> with_replacements(std::string_view bytes);

/// The remark about a document for which `with_replacements` returned something.
inline constexpr std::string_view kReplacementRemark =
    "it holds text that is not Unicode, which is read as U+FFFD";

/// Takes an element of a list: the name of its type, and its text, or null if it is no text.
using TakeElement = std::function<void(std::string_view type, const std::string* text)>;

/// Passes the elements of the list in the member `list` of a document to `take`, one by one. Keeps
/// none of them: lists are long, and `parse_json` makes twenty times as much of one. The member may
/// be null or missing. Throws as `parse_json`, and `Errc::corrupt` if the document is no object or
/// the member no list.
void read_list(std::string_view bytes, std::string_view list, const TakeElement& take);

/// Returns `name` with its case folded, as Go's decoders compare names.
[[nodiscard]] std::string folded(std::string_view name);

/// Returns the member `key` of `object`. Returns null if `object` is no object, has no such member,
/// or the member is null.
[[nodiscard]] const nlohmann::json* member(const nlohmann::json& object, std::string_view key);
/// Returns the member as a text, or an empty text if it is no text.
[[nodiscard]] std::string text_member(const nlohmann::json& object, std::string_view key);
/// Returns the member as a whole number that is not negative. Returns nothing for anything else,
/// such as 1.5 and 1e30 (M8).
[[nodiscard]] std::optional<std::uint64_t> number_member(const nlohmann::json& object,
                                                         std::string_view key);

}  // namespace digestfs::registry
