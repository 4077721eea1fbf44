// SPDX-License-Identifier: Apache-2.0
#include "fs/image/image_parts.h"

#include <deque>
#include <optional>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "base/side_by_side.h"
#include "base/text.h"
#include "registry/image/media_type.h"

namespace digestfs::fs {
namespace {

// Indexes in indexes can be made to name any number of documents, at any depth (MT-5, M11).
constexpr std::size_t kMaxDocuments = 10000;
constexpr std::size_t kMaxLevels = 8;

bool is_document(const registry::Descriptor& descriptor) {
  switch (registry::document_class(descriptor.media_type)) {
    case registry::DocumentClass::index:
    case registry::DocumentClass::manifest:
    case registry::DocumentClass::schema1:
      return true;
    case registry::DocumentClass::config:
    case registry::DocumentClass::other:
      break;
  }
  return false;
}

/// Whether whoever reads that entry is told the same each time.
bool is_lasting(Errc code) noexcept {
  return code == Errc::not_found || code == Errc::too_large || code == Errc::unsupported;
}

/// Collects parts, each once, and the documents that are still to be read, the nearest first, so
/// that each has the least level it can be found at.
class Collector {
 public:
  struct Unread {
    Digest digest;
    std::string hint;
    std::size_t level;  ///< 1 for the root
  };

  void add(const Digest& digest) {
    if (seen_.insert(digest).second) parts_.push_back(digest);
  }
  void add_document(Unread unread) {
    add(unread.digest);
    if (queued_.insert(unread.digest).second) open_.push_back(std::move(unread));
    if (queued_.size() > kMaxDocuments) {
      throw Error(Errc::too_large, str_cat("cannot list the parts of ", parts_.front(),
                                           ": it names more than ", kMaxDocuments, " documents"));
    }
  }
  void add_parts_of(const registry::Manifest& manifest, std::size_t level) {
    for (const auto& entry : manifest.manifests) {
      if (is_document(entry)) {
        add_document({entry.digest, entry.media_type, level + 1});
      } else {
        add(entry.digest);
      }
    }
    if (manifest.config) add(manifest.config->digest);
    for (const auto& layer : manifest.layers) {
      if (layer) add(layer->digest);
    }
  }

  std::optional<Unread> next() {
    if (open_.empty()) return std::nullopt;
    Unread unread = std::move(open_.front());
    open_.pop_front();
    return unread;
  }
  [[nodiscard]] std::vector<Digest> parts() && { return std::move(parts_); }

 private:
  std::vector<Digest> parts_;
  std::deque<Unread> open_;
  std::unordered_set<Digest> seen_;
  std::unordered_set<Digest> queued_;
};

}  // namespace

std::vector<Digest> image_parts(ImageReader& images, cache::Problems& problems,
                                const Digest& digest, const std::string& hint,
                                const Patience& patience) {
  Collector collector;
  collector.add_document({digest, hint, 1});
  SideBySide side_by_side;
  std::optional<Digest> too_deep;
  while (const auto unread = collector.next()) {
    try {
      side_by_side.run([&] {
        const auto document = images.document(unread->digest, unread->hint, patience);
        if (!document->manifest) return;
        if (document->is_index && unread->level > kMaxLevels) {
          too_deep = unread->digest;
        } else {
          collector.add_parts_of(*document->manifest, unread->level);
        }
      });
    } catch (const Error& error) {
      // What may be otherwise the next time is not passed over: the listing stays as it is.
      if (!is_lasting(error.code()) || unread->digest == digest) throw;
    }
  }
  // Before all is read, the shortest way to an index may not be known.
  side_by_side.wait();
  if (too_deep) {
    const std::string detail =
        str_cat("cannot list the parts of ", digest, ": ", *too_deep, " is the index at level ",
                kMaxLevels + 1, ", and ", kMaxLevels, " are read");
    problems.report({.kind = cache::ProblemKind::limit, .object = digest.str(), .detail = detail});
    throw Error(Errc::too_large, detail);
  }
  return std::move(collector).parts();
}

}  // namespace digestfs::fs
