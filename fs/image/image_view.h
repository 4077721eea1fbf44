// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fs/image/image_context.h"
#include "fs/image/platforms.h"
#include "fs/image/titles.h"
#include "fs/node.h"

namespace digestfs::fs {

/// What an image directory shows of one index or manifest: the same below `images/<digest>` and
/// below `tags/<tag>` while the tag names that digest. It is a cheap value. Throws `Pending` for
/// what is not there yet.
class ImageView {
 public:
  /// `path` is that of the image directory, two levels below the root; `path` and `digest` together
  /// are the keys of its nodes. `tag` is the tag that the directory stands for, if any. `hint` is
  /// the media type by which the image was referred to.
  ImageView(const ImageContext& context, std::optional<std::string> tag, std::string path,
            Digest digest, std::string hint)
      : context_(context),
        tag_(std::move(tag)),
        path_(std::move(path)),
        digest_(std::move(digest)),
        hint_(std::move(hint)) {}

  [[nodiscard]] std::optional<Entry> lookup(std::string_view name, const Patience& patience) const;
  [[nodiscard]] std::vector<Entry> list(const Patience& patience) const;
  /// Returns what is known of the image without asking the source.
  /// `said` is what the descriptor says that leads here. It goes before what the source says of the
  /// same image elsewhere, and behind what the manifest says itself.
  [[nodiscard]] Xattrs xattrs(const registry::Annotations& said = {}) const;

 private:
  [[nodiscard]] std::shared_ptr<const Document> document(const Patience& patience) const;
  [[nodiscard]] Entry link(const std::string& name, const std::string& target) const;
  [[nodiscard]] Entry manifest_link(const Document& document) const;
  [[nodiscard]] std::vector<PlatformEntry> platforms(const registry::Manifest& manifest,
                                                     const Patience& patience) const;
  [[nodiscard]] const Directory* platforms_directory(
      const std::vector<PlatformEntry>& entries) const;
  [[nodiscard]] std::optional<Entry> host_link(const std::vector<PlatformEntry>& entries) const;
  [[nodiscard]] const Directory* layers_directory(const registry::Manifest& manifest,
                                                  const Patience& patience) const;
  [[nodiscard]] const Directory* files_directory(const registry::Manifest& manifest) const;
  [[nodiscard]] const Directory* files_folder(const std::string& path,
                                              std::span<const TitledBlob> blobs, std::size_t begin,
                                              const std::string& up) const;
  [[nodiscard]] Timestamp created(const registry::Manifest& manifest,
                                  const Patience& patience) const;
  [[nodiscard]] const Node* rootfs(const registry::Manifest& manifest,
                                   const Patience& patience) const;
  [[nodiscard]] bool shows_platforms(const registry::Manifest& manifest) const;

  const ImageContext& context_;
  std::optional<std::string> tag_;
  std::string path_;
  Digest digest_;
  std::string hint_;
};

}  // namespace digestfs::fs
