// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace digestfs::fs {

enum class FileType : std::uint8_t {
  directory,
  file,
  symlink,
  character_device,
  block_device,
  fifo,
};

}  // namespace digestfs::fs
