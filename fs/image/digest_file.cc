// SPDX-License-Identifier: Apache-2.0
#include "fs/image/digest_file.h"

#include <utility>

#include "fs/image/facts.h"

namespace digestfs::fs {
namespace {

class OpenContent final : public OpenFile {
 public:
  OpenContent(cache::Content& content, std::shared_ptr<const cache::VerifiedFile> file)
      : content_(content), file_(std::move(file)) {}

  [[nodiscard]] std::size_t read(std::span<std::byte> buffer, std::uint64_t offset,
                                 const Patience& patience) override {
    return content_.read(file_, buffer, offset, patience);
  }

 private:
  cache::Content& content_;
  std::shared_ptr<const cache::VerifiedFile> file_;
};

}  // namespace

const DigestFile* DigestFile::of(Repository& repository, const Digest& digest) {
  return repository.inodes().intern<DigestFile>(digest.str(), repository, digest);
}

Attributes DigestFile::attributes() const {
  const auto size = repository_.content().size(digest_);
  Attributes attributes;
  attributes.size = size ? size->bytes : 1;
  attributes.links = 2;
  // A size that somebody else claims may turn out to be another one.
  attributes.valid = size && size->proven ? Clock::duration(kForever) : Clock::duration::zero();
  return attributes;
}

Xattrs DigestFile::xattrs() const {
  const auto document = repository_.known_document(digest_);
  return content_facts(repository_.content(), digest_,
                       document && document->manifest ? document->manifest->media_type : "");
}

Opened DigestFile::open(const Patience& patience) const {
  auto& content = repository_.content();
  auto file = content.open(digest_, patience);
  return {std::make_unique<OpenContent>(content, std::move(file)),
          content.take_healed(digest_) ? Opened::Caching::drop : Opened::Caching::keep};
}

}  // namespace digestfs::fs
