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

/// The values by their keys. If a key occurs twice, the last value counts. An empty value means
/// that the header's own field counts.
using PaxRecords = std::map<std::string, std::string, std::less<>>;

/// Returns the records of `text`, or nothing if `text` is not a sequence of records. The repeated
/// keys of GNU's sparse format 0.0 become the single key `GNU.sparse.map` of format 0.1.
[[nodiscard]] std::optional<PaxRecords> parse_pax(std::string_view text);

/// Returns the value of `key`, or an empty text if there is none.
[[nodiscard]] std::string_view find_record(const PaxRecords& records, std::string_view key);

/// Returns the time that `text` is: `[-]seconds[.fraction]`, cut off after the nanoseconds (TAR-6).
[[nodiscard]] std::optional<Timestamp> parse_pax_time(std::string_view text);

/// Returns the extended attributes that the records carry (TAR-10). If an attribute has both
/// spellings, that of SCHILY counts, because unpackers read that one.
[[nodiscard]] std::map<std::string, std::string> xattrs_of(const PaxRecords& records);

}  // namespace digestfs::archive
