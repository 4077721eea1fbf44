// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/companions/common/progress.h"
#include "tools/companions/mount/image.h"

// What differs in the files of two images, and which layers brought it.

namespace digestfs::companions {

enum class FileChangeKind { added, removed, changed };

[[nodiscard]] std::string_view to_string(FileChangeKind kind) noexcept;

/// A path that differs. The layers are named as in `layers/NN`.
struct FileChange {
  FileChangeKind kind = FileChangeKind::changed;
  std::string path;                    ///< absolute, inside the image
  std::vector<std::string> what = {};  ///< `content`, `mode 0644, 0755`, …; for a change only
  bool is_directory = false;           ///< with everything below it, for what was added or removed
  std::string layer_a = {};            ///< the layer of A that brought what A has, if known
  std::string layer_b = {};            ///< the same of B
  std::string removed_by = {};         ///< the layer of B with the whiteout that hides the path
};

/// Walks the `rootfs/` of both images and passes every difference to `take`, in the order of the
/// paths. Does not read the content of a file that, as both mounts say, comes from one layer of the
/// base that the images share.
void compare_files(const Image& a, const Image& b, Progress& progress,
                   const std::function<void(const FileChange&)>& take);

}  // namespace digestfs::companions
