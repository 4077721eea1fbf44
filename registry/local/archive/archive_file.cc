// SPDX-License-Identifier: Apache-2.0
#include "registry/local/archive/archive_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "archive/decompressor.h"
#include "archive/tar_reader.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "registry/local/archive/inflation.h"

namespace digestfs::registry {
namespace {

// Headers of small files stand close together; between large files most of a chunk is in vain.
constexpr std::size_t kHeaderChunk = std::size_t{8} << 10U;
// A twentieth of the disk stays free, as the cache leaves it. So often the room is looked at.
constexpr std::uint64_t kKeptPart = 20;
constexpr std::uint64_t kRoomStep = std::uint64_t{16} << 20U;

/// Reads the headers of a tar that can be sought in.
void read_headers(const FilePart& tar, TarIndex& index, const std::stop_token& stop) {
  archive::TarReader reader(index);
  std::vector<std::byte> buffer(kHeaderChunk);
  for (std::uint64_t at = 0; at < tar.size;) {
    if (stop.stop_requested()) throw Error(Errc::interrupted, "stopped while reading the archive");
    const auto skipped = std::min(reader.skippable(), tar.size - at);
    reader.skip(skipped);
    at += skipped;
    const std::size_t got = read_at(tar.fd, buffer, at);
    if (got == 0) break;
    reader.write(std::span(buffer).first(got));
    at += got;
  }
  reader.finish();
}

/// Returns the folder of temporary files.
std::string temporary_folder() {
  const char* variable = std::getenv("TMPDIR");
  return variable != nullptr && *variable != '\0' ? variable : "/var/tmp";
}

/// Returns an open file without a name in `folder`.
UniqueFd unnamed_file(const std::string& folder) {
  const int fd = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) return UniqueFd(fd);
  if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) {
    throw_system_error(str_cat("make a temporary file in ", folder));
  }
  // Not every file system has files without names.
  std::string name = folder + "/digestfs-XXXXXX";
  UniqueFd file(::mkostemp(name.data(), O_CLOEXEC));
  if (!file) throw_system_error(str_cat("make a temporary file in ", folder));
  ::unlink(name.c_str());
  return file;
}

/// Keeps a tar in a file, and reads its headers. Leaves other users of the disk some room.
class TarKeeper final : public ByteSink {
 public:
  /// `attempt` says what cannot be done if there is no room.
  TarKeeper(int fd, std::string attempt, TarIndex& index)
      : fd_(fd), attempt_(std::move(attempt)), reader_(index) {}

  void write(std::span<const std::byte> bytes) override {
    reader_.write(bytes);
    if (unchecked_ >= kRoomStep) check_room();
    unchecked_ += bytes.size();
    try {
      write_all(fd_, bytes);
    } catch (const std::system_error& error) {
      throw std::system_error(error.code(), attempt_);
    }
  }
  void finish() { reader_.finish(); }

 private:
  void check_room() {
    unchecked_ = 0;
    struct statvfs disk {};
    if (::fstatvfs(fd_, &disk) != 0) return;
    if (disk.f_bavail >= disk.f_blocks / kKeptPart) return;
    throw std::system_error(ENOSPC, std::generic_category(), attempt_);
  }

  int fd_;
  std::string attempt_;
  archive::TarReader reader_;
  std::uint64_t unchecked_ = kRoomStep;  ///< how much was written since the room was looked at
};

}  // namespace

ArchiveFile::ArchiveFile(std::string_view scheme, const std::filesystem::path& path,
                         const std::stop_token& stop) {
  const auto absolute = std::filesystem::absolute(path).lexically_normal();
  name_ = str_cat(scheme, absolute.native());
  try {
    open_tar(absolute, stop);
  } catch (const Error& error) {
    throw Error(error.code(), str_cat("cannot read ", name_, ": ", error.what()));
  }
}

void ArchiveFile::open_tar(const std::filesystem::path& path, const std::stop_token& stop) {
  std::optional<UniqueFd> file;
  try {
    file = open_regular(AT_FDCWD, path, Links::followed);
  } catch (const std::system_error& error) {
    const int cause = error.code().value();
    if (cause != EACCES && cause != EPERM) throw;
    throw Error(Errc::denied, error.code().message());
  }
  if (!file) throw Error(Errc::not_found, "there is no such file, or it is no regular file");
  const FilePart whole = whole_file(file->get());
  size_ = whole.size;
  const archive::Compression compression = compression_of(whole);
  if (compression == archive::Compression::none) {
    read_headers(whole, index_, stop);
    file_ = std::move(*file);
    return;
  }
  const std::string folder = temporary_folder();
  file_ = unnamed_file(folder);
  TarKeeper keeper(file_.get(),
                   str_cat("cannot decompress ", name_, " into a file in ", folder,
                           " (TMPDIR names another place)"),
                   index_);
  auto budget = InflationBudget::for_compressed(whole.size);
  inflate(whole, compression, keeper, budget, stop);
  keeper.finish();
}

FilePart ArchiveFile::part(const TarIndex::Member& member) const {
  if (member.sparse) {
    throw Error(Errc::unsupported,
                str_cat("the file at ", member.offset, " in ", name_,
                        " is stored as a sparse file, which cannot be read; `tar` without -S "
                        "stores all of it"));
  }
  return {.fd = file_.get(), .offset = member.offset, .size = member.size};
}

std::string ArchiveFile::text(const TarIndex::Member& member, std::size_t limit) const {
  if (member.size > limit) {
    throw Error(Errc::too_large, str_cat("the file is larger than ", limit, " bytes"));
  }
  std::string text(static_cast<std::size_t>(member.size), '\0');
  const FilePart part = this->part(member);
  const std::size_t got = read_at(part.fd, std::as_writable_bytes(std::span(text)), part.offset);
  text.resize(got);
  return text;
}

}  // namespace digestfs::registry
