// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <stop_token>
#include <string_view>

#include "base/digest.h"
#include "base/flight.h"

namespace digestfs::cache {

/// Feeds the first `bytes` of `fd`, or all of it if the file is shorter, to `hasher`. Tells
/// `flight`, if there is one, how far it is. Throws `Errc::interrupted` on `stop` and
/// `std::system_error` if the file cannot be read.
void hash_file(int fd, std::uint64_t bytes, Hasher& hasher, const std::stop_token& stop,
               Flight* flight = nullptr);

}  // namespace digestfs::cache
