// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/guarded.h"
#include "fs/image/image_context.h"
#include "fs/node.h"

namespace digestfs::fs {

/// `referrers/` of an image directory: links to what says that it is about this image. It comes
/// from the referrers API or its fallback tag (EP-12), cosign's tags (EP-13) and BuildKit's
/// attestations (MT-8).
///
/// No chain of these links leads in a circle, whoever made the documents and tags. A document that
/// names this image as its `subject` contains the image's digest, so that the image cannot contain
/// the digest of the document. A tag or an annotation, however, can say it both ways. Documents
/// therefore have ranks: a statement (a signature, an SBOM) is below an artifact, and an artifact
/// is below an image. What a tag or an annotation says counts only for a document of a lower rank
/// than the image's own; a document that names its subject must not have a higher rank.
class ReferrersDirectory final : public Directory {
 public:
  /// `path` is that of the directory, three levels below the root.
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
    subject,  ///< the document should name the image as its subject
    said,     ///< a tag or an annotation says that the document is about the image
  };
  struct Candidate {
    registry::Descriptor descriptor;
    Relation relation;
  };

  /// One listing, while it is made.
  struct Look {
    const Patience& patience;
    bool was_denied = false;  ///< The source denied something that perhaps does not exist.
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
  // Guarded by the lock it lives in: the last listing that was made.
  mutable Guarded<Listing> last_;
};

}  // namespace digestfs::fs
