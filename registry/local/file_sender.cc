// SPDX-License-Identifier: Apache-2.0
#include "registry/local/file_sender.h"

#include <algorithm>
#include <vector>

#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace digestfs::registry {
namespace {

constexpr std::size_t kChunk = std::size_t{256} << 10U;

}  // namespace

void send_file(int fd, const Digest& digest, const Range& range, ObjectSink& sink,
               const Request& request) {
  const std::uint64_t size = file_size(fd, digest);
  std::uint64_t at = range.offset <= size ? range.offset : 0;
  const std::uint64_t end = at == range.offset ? range.end.value_or(UINT64_MAX) : UINT64_MAX;
  sink.begin({at, size});
  std::vector<std::byte> buffer(kChunk);
  while (at < end) {
    if (request.stop.stop_requested()) throw Error(Errc::interrupted, "stopped while reading");
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(kChunk, end - at));
    const std::size_t got = read_at(fd, std::span(buffer).first(want), at);
    if (got == 0) return;
    sink.write(std::span(buffer).first(got));
    at += got;
  }
}

std::uint64_t file_size(int fd, const Digest& digest) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) throw_system_error(str_cat("stat ", digest));
  return static_cast<std::uint64_t>(status.st_size);
}

}  // namespace digestfs::registry
