// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/flight.h"
#include "base/workers.h"

namespace digestfs::cache {

/// Something that a reader may wait for: a download, the unpacking or the check of an object, a
/// question to the source.
struct Transfer {
  std::string work;        ///< `fetch`, `unpack`, `check`, …
  std::string object;      ///< the digest of an object, or what else the work is about
  bool has_begun = false;  ///< false before the first byte
  Progress progress = {};
  Clock::duration age{};    ///< since a reader first asked for it
  std::size_t waiters = 0;  ///< how many callers wait for it
};

/// Returns what the workers have to do, those first that were asked for first.
[[nodiscard]] std::vector<Transfer> transfers(const Workers& workers);

/// Returns a table of the transfers for people: a line of headings, and a line for each transfer
/// with what is done, the size, the rate, the time left, the number of waiters, the work and the
/// object. Columns are separated by blanks; `-` stands for what is not known.
[[nodiscard]] std::string transfer_table(const std::vector<Transfer>& transfers);

}  // namespace digestfs::cache
