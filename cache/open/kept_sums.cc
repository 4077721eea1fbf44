// SPDX-License-Identifier: Apache-2.0
#include "cache/open/kept_sums.h"

#include <string>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/file.h"

namespace digestfs::cache {

/// What is kept of one object.
struct KeptSums::Found {
  std::optional<BlockSums> sums;
  bool is_damaged = false;  ///< There is a file, but it is not as it was written.
};

KeptSums::Found KeptSums::read(const Digest& digest, int object, std::uint64_t size) const {
  try {
    const auto file = store_.open_hint(Hint::sums, digest, object);
    if (!file) return {};
    const std::string text = read_rest(file->get(), BlockSums::kMaxText);
    auto sums = BlockSums::parse(text, digest, size);
    const bool is_damaged = !sums && BlockSums::is_damaged(text, digest);
    return {std::move(sums), is_damaged};
  } catch (const Error&) {
    return {std::nullopt, true};  // It is too large.
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::io_error) throw;
    return {std::nullopt, true};
  }
}

std::optional<BlockSums> KeptSums::find(const Digest& digest, int object,
                                        std::uint64_t size) const {
  return read(digest, object, size).sums;
}

void KeptSums::keep(const Digest& digest, int object, const BlockSums& sums) const {
  // To check the only block of an object is to hash the object, or nearly so.
  if (sums.count() < 2 || !store_.is_ours_alone(object)) return;
  const Found kept = read(digest, object, sums.size());
  if (kept.sums == sums) return;
  store_.write_hint(Hint::sums, digest,
                    [&](ByteSink& file) { file.write(as_bytes(sums.text(digest))); });
  // Of the same object there is but one list of sums.
  if (!kept.is_damaged && !kept.sums) return;
  problems_.report({.kind = ProblemKind::cache_damaged,
                    .object = digest.str(),
                    .detail = "the file of sums of its blocks in the cache was damaged, and was "
                              "made anew"});
}

}  // namespace digestfs::cache
