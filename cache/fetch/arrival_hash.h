// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string_view>
#include <thread>

#include "cache/fetch/arrival.h"
#include "cache/hash_file.h"
#include "cache/open/block_sums.h"
#include "cache/written_file.h"

namespace digestfs::cache {

/// Hashes an object while it arrives, in a thread of its own, so that little is left to do when the
/// last byte has come.
class ArrivalHash {
 public:
  /// What arrives comes into the file `fd`. `algorithm` is a digest algorithm that can be computed.
  ArrivalHash(std::shared_ptr<Arrival> arrival, int fd, std::string_view algorithm,
              WithSums with_sums);
  ArrivalHash(const ArrivalHash&) = delete;
  ArrivalHash& operator=(const ArrivalHash&) = delete;
  /// Ends the thread.
  ~ArrivalHash() = default;

  /// Waits until everything is hashed that has arrived by `Arrival::complete`. Returns nothing if
  /// the bytes began anew meanwhile, if there was no thread to be had, or if somebody else wrote to
  /// the file: then the file has to be hashed from its start. Call once. On `stop` it
  /// returns nothing soon.
  [[nodiscard]] std::optional<HashedFile> finish(const std::stop_token& stop);

 private:
  void run(const std::stop_token& stop, ArrivalReader reader);

  // Belong to the thread until it has ended.
  WrittenFile file_;
  std::optional<BlockSummer> sums_;  ///< sees what `file_` sees, from the first byte of the file on
  bool has_all_ = false;
  // The last member: it uses all of the above.
  std::jthread thread_;
};

}  // namespace digestfs::cache
