// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/guarded.h"
#include "cache/content.h"
#include "cache/problems.h"
#include "registry/image/config.h"
#include "registry/image/manifest.h"
#include "registry/image/media_type.h"

namespace digestfs::fs {

/// An index or manifest that was fetched and verified, as it reads to whoever referred to it.
/// Immutable.
struct Document {
  /// Absent if the bytes make no usable document. Their file can be read all the same.
  std::optional<registry::Manifest> manifest;
  std::string unusable;  ///< why there is no manifest
  bool is_index = false;
  std::size_t bytes = 0;  ///< how long the text is
};

/// A blob that was fetched and verified because it may be an image config.
struct ConfigDocument {
  std::optional<registry::ImageConfig> config;
  std::string unusable;   ///< why there is none
  std::size_t bytes = 0;  ///< how long the text is
};

/// Reads indexes, manifests and configs, and keeps the newest of what it has read: an
/// older one is read again when somebody asks for it. Safe for concurrent use; throws `Pending`
/// for what is not there yet (base/flight.h).
class Documents {
 public:
  /// How many bytes of documents are kept parsed, which takes several times as much memory.
  static constexpr std::size_t kMaxBytes = std::size_t{64} << 20U;

  /// `most` bounds the text of what is kept, in bytes.
  Documents(cache::Content& content, cache::Problems& problems, std::size_t most = kMaxBytes)
      : content_(content), problems_(problems), most_(most) {}

  /// Returns the document `digest`. `hint` is the media type by which it was referred to, and
  /// decides if the bytes do not say what they are. If the bytes contradict the hint, the document
  /// is unusable to those who come with that hint, and to nobody else (EP-2, MT-4).
  [[nodiscard]] std::shared_ptr<const Document> document(const Digest& digest,
                                                         const std::string& hint,
                                                         const Patience& patience);
  /// Returns the document as its bytes alone describe it, or null if it is not in memory.
  [[nodiscard]] std::shared_ptr<const Document> known_document(const Digest& digest) const;

  /// Returns the blob `digest` read as an image config.
  [[nodiscard]] std::shared_ptr<const ConfigDocument> config(const Digest& digest,
                                                             const Patience& patience);

 private:
  struct Readings {
    std::shared_ptr<const Document> own;  ///< by its bytes alone
    /// By the class of the hint; mostly the same one.
    std::map<registry::DocumentClass, std::shared_ptr<const Document>> by_hint;
  };
  struct Memory {
    std::unordered_map<Digest, Readings> documents;
    std::unordered_map<Digest, std::shared_ptr<const ConfigDocument>> configs;
    // What is kept, the oldest first, and how many bytes it was read from.
    std::deque<std::pair<Digest, std::size_t>> kept;
    std::size_t bytes = 0;
  };

  /// Drops the oldest documents beyond the bound, but never the one that comes next.
  void make_room(Memory& memory, const Digest& digest, std::size_t bytes) const;

  [[nodiscard]] std::shared_ptr<const Document> read(const Digest& digest, const std::string& hint,
                                                     const Patience& patience);
  [[nodiscard]] std::shared_ptr<const Document> read_as(const Digest& digest,
                                                        const std::string& hint,
                                                        const std::shared_ptr<const Document>& own,
                                                        const Patience& patience);
  void report(const Digest& digest, const Document& document);

  // Constant after construction.
  cache::Content& content_;
  cache::Problems& problems_;
  std::size_t most_;
  // Guarded by the lock it lives in.
  Guarded<Memory> memory_;
};

}  // namespace digestfs::fs
