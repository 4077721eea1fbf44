// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string_view>

#include "base/digest.h"
#include "base/flight.h"
#include "base/quick_sum.h"
#include "cache/disk/partial.h"
#include "cache/hash_file.h"

namespace digestfs::cache {

/// A file that this process writes: hashed as it is written, so that it need not be hashed once
/// more in the end, and sent to the disk step by step. The bytes that were written to a file prove
/// nothing about a file that somebody else may write to as well: if it has a name, it is read again
/// in the end, and recognised by a sum.
class WrittenFile {
 public:
  /// Says who can write to the file.
  enum class Writers {
    any,      ///< It has a name.
    only_us,  ///< It has none. (This user's processes find it in /proc, but they may as well write
              ///< to the memory of this one.)
  };

  /// `fd` is open for reading and writing. `algorithm` is a digest algorithm that can be computed.
  /// Of what is in the file already, `update` is told what a read of the file returns.
  WrittenFile(int fd, std::string_view algorithm, Writers writers);

  /// Says which bytes come next in the file; they are there.
  void update(std::span<const std::byte> bytes);

  /// Returns the digest of the bytes, all of which have been told.
  [[nodiscard]] Digest digest() { return digest_ ? *digest_ : digest_.emplace(hasher_.finish()); }

  /// Returns what the file is: the bytes that were told, if nobody else wrote to it. Returns
  /// nothing if somebody has. Throws `Errc::interrupted` on `stop` and `std::system_error` if
  /// the file cannot be read. Tells `flight`, if there is one, how far it is with reading.
  [[nodiscard]] std::optional<HashedFile> recognise(const std::stop_token& stop,
                                                    Flight* flight = nullptr);

 private:
  int fd_;
  Hasher hasher_;
  std::optional<QuickSum> sum_;  ///< nothing where nobody else can write to the file
  std::uint64_t size_ = 0;
  WriteOut write_out_;
  std::optional<Digest> digest_;
};

}  // namespace digestfs::cache
