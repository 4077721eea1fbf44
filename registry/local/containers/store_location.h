// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace digestfs::registry {

/// Where a store of containers/storage is.
struct StoreLocation {
  std::string driver;          ///< `overlay` or `vfs`; empty for the one that `root` is made by.
  std::filesystem::path root;  ///< `graphroot`: absolute.
  std::filesystem::path run_root;  ///< `runroot`: absolute, or empty.
  /// Further stores with images, which are searched in this order, after `root`.
  std::vector<std::filesystem::path> additional_stores;

  /// Adds the stores that the driver options name (`overlay.imagestore=/path`). Other options do
  /// not matter for reading.
  void add_options(const std::vector<std::string>& options);
};

/// A SOURCE that begins with `containers-storage:`, without this word.
struct StoreSpelling {
  /// What stands in brackets, `[driver@root+runroot:options]`. Absent if there are no brackets.
  std::optional<StoreLocation> location;
  std::string rest;  ///< What follows: `REPOSITORY[:TAG]`, or nothing.

  /// Reads the spelling of skopeo (containers-transports(5)). Throws `Errc::unsupported` with what
  /// is wrong.
  [[nodiscard]] static StoreSpelling parse(std::string_view text);
};

}  // namespace digestfs::registry
