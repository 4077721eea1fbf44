// SPDX-License-Identifier: Apache-2.0
#include "registry/local/file_part.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"

namespace digestfs::registry {
namespace {

constexpr std::size_t kChunk = std::size_t{256} << 10U;

/// Returns the first byte to send, and one past the last.
std::pair<std::uint64_t, std::uint64_t> ends_of(const Range& range, std::uint64_t size) {
  // Nothing can begin beyond the end, so that the object begins anew.
  if (range.offset > size) return {0, size};
  return {range.offset, std::clamp(range.end.value_or(size), range.offset, size)};
}

}  // namespace

FilePart whole_file(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) throw_system_error("stat a file");
  return {.fd = fd, .size = static_cast<std::uint64_t>(status.st_size)};
}

void send(const FilePart& part, const Range& range, ObjectSink& sink, const Request& request) {
  auto [at, end] = ends_of(range, part.size);
  sink.begin({at, part.size});
  std::vector<std::byte> buffer(kChunk);
  while (at < end) {
    if (request.stop.stop_requested()) throw Error(Errc::interrupted, "stopped while reading");
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(kChunk, end - at));
    const std::size_t got = read_at(part.fd, std::span(buffer).first(want), part.offset + at);
    if (got == 0) return;
    sink.write(std::span(buffer).first(got));
    at += got;
  }
}

void send(std::string_view object, const Range& range, ObjectSink& sink) {
  const auto [begin, end] = ends_of(range, object.size());
  sink.begin({begin, object.size()});
  if (begin < end) sink.write(as_bytes(object.substr(begin, end - begin)));
}

}  // namespace digestfs::registry
