// SPDX-License-Identifier: Apache-2.0
#include "fs/image_parts.h"

#include <optional>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "base/side_by_side.h"
#include "base/text.h"
#include "registry/media_type.h"

namespace digestfs::fs {
namespace {

// Indexes in indexes can be made to name any number of documents.
constexpr std::size_t kMaxDocuments = 10000;

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

/// Collects parts, each once, and the documents that are still to be read.
class Collector {
 public:
  void add(const Digest& digest) {
    if (seen_.insert(digest).second) parts_.push_back(digest);
  }
  void add_document(const Digest& digest, const std::string& hint) {
    add(digest);
    if (queued_.insert(digest).second) open_.push_back({digest, hint});
    if (queued_.size() > kMaxDocuments) {
      throw Error(Errc::too_large, str_cat("cannot list the parts of ", parts_.front(),
                                           ": it names more than ", kMaxDocuments, " documents"));
    }
  }
  void add_parts_of(const registry::Manifest& manifest) {
    for (const auto& entry : manifest.manifests) {
      if (is_document(entry)) {
        add_document(entry.digest, entry.media_type);
      } else {
        add(entry.digest);
      }
    }
    if (manifest.config) add(manifest.config->digest);
    for (const auto& layer : manifest.layers) {
      if (layer) add(layer->digest);
    }
  }

  struct Unread {
    Digest digest;
    std::string hint;
  };
  std::optional<Unread> next() {
    if (open_.empty()) return std::nullopt;
    Unread unread = std::move(open_.back());
    open_.pop_back();
    return unread;
  }
  [[nodiscard]] std::vector<Digest> parts() && { return std::move(parts_); }

 private:
  std::vector<Digest> parts_;
  std::vector<Unread> open_;
  std::unordered_set<Digest> seen_;
  std::unordered_set<Digest> queued_;
};

}  // namespace

std::vector<Digest> image_parts(Repository& repository, const Digest& digest,
                                const std::string& hint, const Patience& patience) {
  Collector collector;
  collector.add_document(digest, hint);
  SideBySide side_by_side;
  while (const auto unread = collector.next()) {
    try {
      side_by_side.run([&] {
        const auto document = repository.document(unread->digest, unread->hint, patience);
        if (document->manifest) collector.add_parts_of(*document->manifest);
      });
    } catch (const Error& error) {
      if (error.code() != Errc::not_found || unread->digest == digest) throw;
    }
  }
  side_by_side.wait();
  return std::move(collector).parts();
}

}  // namespace digestfs::fs
