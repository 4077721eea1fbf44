// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "tools/companions/common/progress.h"
#include "tools/companions/mount/image.h"

// What images are made of, as a graph in which every object is one node.

namespace digestfs::companions {

/// An object.
struct GraphNode {
  std::string kind;  ///< `index`, `manifest`, `artifact`, `config`, `layer`, `diff` or `blob`
  std::optional<Digest> digest = {};
  std::optional<std::uint64_t> size = {};
  std::filesystem::path file = {};  ///< the object's file in the mount, without links
  std::string error = {};           ///< why it is not known what the object is made of
  struct Edge {
    std::size_t to = 0;
    std::string label = {};  ///< `linux_amd64`, `layer 00`, or empty
  };
  std::vector<Edge> edges = {};
};

/// The objects of several images.
class Graph {
 public:
  /// `progress` is told how many objects were looked at.
  explicit Graph(Progress& progress) : progress_(progress) {}

  /// Adds the image or index at `path`, a way to it that is shown. Throws `Error` if there is none.
  void add(const std::string& path);

  /// An image that was added.
  struct Root {
    std::string path;
    std::filesystem::path repository;
    std::size_t node = 0;
  };
  [[nodiscard]] const std::vector<Root>& roots() const noexcept { return roots_; }
  [[nodiscard]] const std::vector<GraphNode>& nodes() const noexcept { return nodes_; }
  /// Returns true if a part of an image could not be read.
  [[nodiscard]] bool has_errors() const;

 private:
  std::size_t document(const ImageDirectory& directory, int depth);
  std::size_t entry(const std::filesystem::path& path, const Digest& digest, int depth);
  void fill_index(const ImageDirectory& directory, std::size_t node, int depth);
  void fill_image(const ImageDirectory& directory, std::size_t node);
  void add_referrers(const ImageDirectory& directory, std::size_t node, int depth);
  /// Returns the node of an object and whether it is new.
  std::pair<std::size_t, bool> object(const std::string& kind, const Digest& digest,
                                      std::optional<std::uint64_t> size,
                                      const std::filesystem::path& file);

  Progress& progress_;
  std::vector<GraphNode> nodes_;
  std::vector<Root> roots_;
  std::map<std::string, std::size_t> by_name_;  ///< by kind and digest
};

}  // namespace digestfs::companions
