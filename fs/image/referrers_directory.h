// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/guarded.h"
#include "fs/image/image_context.h"
#include "fs/node.h"

namespace digestfs::fs {

/// `referrers/` of an image directory: what says that it is about this image. The referrers API or
/// its fallback tag (EP-12), cosign's tags (EP-13) and BuildKit's attestations (MT-8).
///
/// No link leads back to where it was followed from, whoever made the documents and tags. What has
/// this image as its `subject` contains its digest, so that the reverse cannot be. What a tag or an
/// annotation says could be said both ways; that counts only of an image for an artifact or a
/// statement (a signature, an SBOM), and of an artifact for a statement. A subject may have any
/// referrer that is not more of an image than itself.
class ReferrersDirectory final : public Directory {
 public:
  /// `path` is the directory's own, three levels down.
  ReferrersDirectory(InodeNumber inode, const ImageContext& context, std::string path,
                     Digest subject)
      : Directory(inode), context_(context), path_(std::move(path)), subject_(std::move(subject)) {}

  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& patience) const override;
  [[nodiscard]] Listing list(const Patience& patience) const override;
  [[nodiscard]] Clock::duration absence_valid() const override;

 private:
  enum class Relation {
    subject,  ///< it should name our image as its subject
    said,     ///< a tag or an annotation says so
  };
  struct Candidate {
    registry::Descriptor descriptor;
    Relation relation;
  };

  /// One look at the source.
  struct Look {
    const Patience& patience;
    bool was_denied = false;  ///< something, which need not be there
  };

  [[nodiscard]] std::optional<cache::Tag> resolve(const std::string& tag, Look& look) const;
  [[nodiscard]] Listing ask(const Patience& patience) const;
  [[nodiscard]] std::vector<Candidate> candidates(Look& look) const;
  [[nodiscard]] std::vector<registry::Descriptor> by_subject(Look& look) const;
  [[nodiscard]] bool refers(const Candidate& candidate, const Document& subject, Look& look) const;

  // Constant after construction.
  const ImageContext& context_;
  std::string path_;
  Digest subject_;
  // Guarded by the lock it lives in: what was found last.
  mutable Guarded<Listing> last_;
};

}  // namespace digestfs::fs
