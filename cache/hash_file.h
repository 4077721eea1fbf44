// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string_view>

#include "base/digest.h"
#include "base/fingerprint.h"
#include "base/flight.h"
#include "cache/open/block_sums.h"

namespace digestfs::cache {

/// Gives the first `bytes` of `fd`, or all of it if the file is shorter, to `take`, piece by piece.
/// Tells `flight`, if there is one, how far it is. Throws `Errc::interrupted` on `stop` and
/// `std::system_error` if the file cannot be read.
void read_file(int fd, std::uint64_t bytes, const std::stop_token& stop, Flight* flight,
               const std::function<void(std::span<const std::byte>)>& take);

/// Says whether sums of the blocks of a file are made while it is hashed.
enum class WithSums { no, yes };

/// What a file was found to be.
struct HashedFile {
  Digest digest;
  Fingerprint fingerprint;  ///< that the file had before and after it was hashed
  /// Of the very bytes that hashed to `digest`; nothing if nobody wanted them.
  std::optional<BlockSums> sums = std::nullopt;
};

/// Hashes all of `fd` with the digest algorithm `algorithm`. What is kept under a digest is hashed
/// in this way, from the file: the bytes that were written to the file prove nothing about a file
/// that somebody else may write to as well. Throws `Errc::unavailable` if the file keeps changing.
[[nodiscard]] HashedFile hash_whole_file(int fd, std::string_view algorithm,
                                         const std::stop_token& stop, Flight* flight = nullptr,
                                         WithSums with_sums = WithSums::no);

}  // namespace digestfs::cache
