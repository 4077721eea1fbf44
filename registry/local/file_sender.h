// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/digest.h"
#include "base/request.h"
#include "registry/source.h"

namespace digestfs::registry {

/// Sends the bytes `range` of an open file to `sink`, as `Source::fetch` promises. `digest` names
/// the object in messages.
void send_file(int fd, const Digest& digest, const Range& range, ObjectSink& sink,
               const Request& request);

/// Returns the size of an open file.
[[nodiscard]] std::uint64_t file_size(int fd, const Digest& digest);

}  // namespace digestfs::registry
