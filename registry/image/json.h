// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

// Reading JSON from the network. A document is one JSON text in UTF-8, of bounded depth, without
// duplicate names at its top level; what is inside is taken member by member, and a member of the
// wrong type is as good as none. Nothing here throws nlohmann's exceptions.

namespace digestfs::registry {

/// Whether names at the top level that differ only by case are one name twice, as they are for the
/// decoders of Go (MT-4).
enum class NameCase { matters, folded };

/// Throws `Errc::corrupt` with what is wrong.
[[nodiscard]] nlohmann::json parse_json(std::string_view bytes, NameCase names);

/// Takes an element of a list: the name of its type, and its text where it is one.
using TakeElement = std::function<void(std::string_view type, const std::string* text)>;

/// Hands on the elements of the list that the member `list` of a document is, one by one and
/// keeping none: lists are long, and what `parse_json` makes of one is twenty times as large. The
/// member may be null or missing. Throws as `parse_json`, and where document or member are
/// something else.
void read_list(std::string_view bytes, std::string_view list, const TakeElement& take);

/// `name` as Go's decoders compare it: case folded.
[[nodiscard]] std::string folded(std::string_view name);

/// The member `key` of `object`; null where `object` is none, has no such member, or has null
/// there.
[[nodiscard]] const nlohmann::json* member(const nlohmann::json& object, std::string_view key);
/// The same as a text; empty for anything else.
[[nodiscard]] std::string text_member(const nlohmann::json& object, std::string_view key);
/// The same as a whole number ≥ 0; nothing for anything else, fractions and 1e30 included (M8).
[[nodiscard]] std::optional<std::uint64_t> number_member(const nlohmann::json& object,
                                                         std::string_view key);

}  // namespace digestfs::registry
