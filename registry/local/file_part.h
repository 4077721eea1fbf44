// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "registry/source.h"

namespace digestfs::registry {

/// An object that is a part of an open file, or the whole of it.
struct FilePart {
  int fd = -1;  ///< Owned by somebody else.
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

/// Returns the whole of an open regular file.
[[nodiscard]] FilePart whole_file(int fd);

/// Streams `range` of the object to `sink`, as `Source::fetch` has to. If the file has become
/// shorter meanwhile, fewer bytes come.
void send(const FilePart& part, const Range& range, ObjectSink& sink, const Request& request);

/// Does the same for an object that is in memory.
void send(std::string_view object, const Range& range, ObjectSink& sink);

}  // namespace digestfs::registry
