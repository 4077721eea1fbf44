// SPDX-License-Identifier: Apache-2.0
#include "cache/written_file.h"

#include "base/fingerprint.h"

namespace digestfs::cache {

WrittenFile::WrittenFile(int fd, std::string_view algorithm, Writers writers)
    : fd_(fd), hasher_(algorithm) {
  if (writers == Writers::any) sum_.emplace();
}

void WrittenFile::update(std::span<const std::byte> bytes) {
  hasher_.update(bytes);
  if (sum_) sum_->update(bytes);
  size_ += bytes.size();
  write_out_.advance(fd_, size_);
}

std::optional<HashedFile> WrittenFile::recognise(const std::stop_token& stop, Flight* flight) {
  const Fingerprint before = Fingerprint::of(fd_);
  if (before.size != size_) return std::nullopt;
  if (sum_) {
    QuickSum found;
    read_file(fd_, before.size, stop, flight, [&](auto bytes) { found.update(bytes); });
    if (found.value() != sum_->value() || Fingerprint::of(fd_) != before) return std::nullopt;
  }
  return HashedFile{digest(), before};
}

}  // namespace digestfs::cache
