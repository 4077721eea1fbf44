// SPDX-License-Identifier: Apache-2.0
#include "fs/object/digest_file.h"

#include <memory>
#include <string>
#include <utility>

#include "base/text.h"
#include "fs/object/facts.h"

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
  [[nodiscard]] int whole_file() const noexcept override {
    // The kernel may drop from memory what the disk does not take, and read something else.
    return file_->is_on_disk() ? file_->fd() : kNotYet;
  }

 private:
  cache::Content& content_;
  std::shared_ptr<const cache::VerifiedFile> file_;
};

}  // namespace

Attributes DigestFile::attributes() const {
  const auto size = content_.size(digest_);
  Attributes attributes;
  attributes.size = size ? size->bytes : 1;
  attributes.links = 2;
  // A size that somebody else claims may turn out to be another one.
  attributes.valid = size && size->proven ? Clock::duration(kForever) : Clock::duration::zero();
  return attributes;
}

Xattrs DigestFile::xattrs() const {
  const auto document = images_.known_document(digest_);
  return content_facts(content_, digest_,
                       document && document->manifest ? document->manifest->media_type : "");
}

Opened DigestFile::open(const Patience& patience) const {
  auto file = content_.open(digest_, patience);
  return {std::make_unique<OpenContent>(content_, std::move(file)),
          content_.take_healed(digest_) ? Opened::Caching::drop : Opened::Caching::keep};
}

const DigestFile* DigestNodes::file(const Digest& digest) const {
  const auto find = [&](const std::string& key) {
    return nodes_.intern<DigestFile>(key, content_, images_, digest);
  };
  const DigestFile* file = find(digest.str());
  for (int number = 2; file->is_replaced(); ++number) file = find(str_cat(digest, " ", number));
  return file;
}

Entry DigestNodes::hyphenated_link(std::string_view directory, std::string_view name,
                                   const Digest& digest) const {
  return {std::string(name), nodes_.symlink(str_cat(directory, "/", name), digest.str())};
}

}  // namespace digestfs::fs
