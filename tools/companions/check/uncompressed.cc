// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/check/uncompressed.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace digestfs::companions {

void Uncompressed::Output::write(std::span<const std::byte> bytes) {
  if (bytes.size() > left_) {
    throw Error(Errc::too_large, "it decompresses to more bytes than its diff has");
  }
  left_ -= bytes.size();
  hasher_.update(bytes);
}

Uncompressed::Uncompressed(std::string_view algorithm, std::uint64_t most)
    : output_(algorithm, most) {}

template <class Work>
void Uncompressed::attempt(const Work& work) {
  if (!problem_.empty()) return;
  try {
    work();
  } catch (const Error& error) {
    problem_ = error.code() == Errc::too_large
                   ? error.what()
                   : str_cat("it cannot be decompressed: ", error.what());
  }
}

void Uncompressed::write(std::span<const std::byte> piece) {
  attempt([&] {
    if (!decompressor_) {
      const auto first = piece.first(std::min(piece.size(), archive::kSniffBytes));
      decompressor_ = archive::make_decompressor(archive::sniff(first), output_);
    }
    decompressor_->write(piece);
  });
}

void Uncompressed::finish() {
  attempt([&] {
    if (decompressor_) decompressor_->finish();
    digest_ = output_.finish();
  });
}

}  // namespace digestfs::companions
