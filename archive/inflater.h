// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace digestfs::archive {

/// Inflates one member of a gzip stream (RFC 1952) after another, and checks the header, the CRC32
/// and the length of each. There is one with zlib inside and one with ISA-L inside. They agree on
/// which streams are right and on every byte that comes out of those.
class Inflater {
 public:
  /// What one call did.
  struct Step {
    std::size_t taken = 0;  ///< how many bytes of the input were used up
    std::size_t made = 0;   ///< how many bytes were written to the output
    bool ended = false;     ///< the member has ended; what was not taken follows it
  };

  Inflater() = default;
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  virtual ~Inflater() = default;

  /// Inflates as much of `in` as there is room for in `out`. When a call takes all of `in` and does
  /// not fill `out`, it needs more input. Throws `Errc::corrupt` if the member is broken.
  virtual Step inflate(std::span<const std::byte> in, std::span<std::byte> out) = 0;
  /// Expects the begin of another member.
  virtual void reset() = 0;
};

[[nodiscard]] std::unique_ptr<Inflater> make_zlib_inflater();
/// Is there only if CMake found ISA-L (`DIGESTFS_ISAL`). It takes half the time of zlib.
[[nodiscard]] std::unique_ptr<Inflater> make_isal_inflater();
/// Returns the faster of those that are there.
[[nodiscard]] std::unique_ptr<Inflater> make_inflater();

/// Returns the name and the version of zlib.
[[nodiscard]] std::string zlib_library();
/// Returns the name and the version of ISA-L; is there only if `make_isal_inflater` is.
[[nodiscard]] std::string isal_library();
/// Returns the name and the version of the library that `make_inflater` uses.
[[nodiscard]] std::string inflating_library();

}  // namespace digestfs::archive
