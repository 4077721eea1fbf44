// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/timestamp.h"

// The records of a pax extended header (POSIX.1-2001 pax, "pax Extended Header"), read as Go's
// archive/tar reads them (TAR-5), since that is what unpacks images.

namespace digestfs::archive {

/// Keys and their values; of a key that is there twice the last. An empty value means that the
/// header's own field holds.
using PaxRecords = std::map<std::string, std::string, std::less<>>;

/// Nothing where `text` is not a sequence of records. The repeated keys of GNU's sparse format 0.0
/// become the one key `GNU.sparse.map` of format 0.1.
[[nodiscard]] std::optional<PaxRecords> parse_pax(std::string_view text);

/// `key`'s value, empty where there is none.
[[nodiscard]] std::string_view find_record(const PaxRecords& records, std::string_view key);

/// A decimal number with an optional sign, of 64 bits, and nothing else.
[[nodiscard]] std::optional<std::int64_t> parse_decimal(std::string_view text);

/// `[-]seconds[.fraction]`; what is finer than a nanosecond is cut off (TAR-6).
[[nodiscard]] std::optional<Timestamp> parse_pax_time(std::string_view text);

}  // namespace digestfs::archive
