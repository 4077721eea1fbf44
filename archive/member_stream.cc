// SPDX-License-Identifier: Apache-2.0
#include "archive/member_stream.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace digestfs::archive {

MemberStream::MemberStream(ByteSink& output, std::size_t output_size, Stage stage,
                           std::string_view format, std::string_view member)
    : output_(output), format_(format), member_(member), buffer_(output_size), stage_(stage) {}

void MemberStream::write(std::span<const std::byte> compressed) {
  while (!compressed.empty()) {
    switch (stage_) {
      case Stage::in_member:
        compressed = decompress_some(compressed);
        break;
      case Stage::between:
        compressed = look_for_member(compressed);
        break;
      case Stage::trailing:
        leave_aside(compressed);
        return;
    }
  }
}

std::string MemberStream::remark() const {
  if (!has_garbage_) return {};
  return str_cat(trailing_, " bytes after the last ", format_, " ", member_, " are no ", format_,
                 " and were left aside");
}

void MemberStream::leave_aside(std::span<const std::byte> bytes) {
  stage_ = Stage::trailing;
  trailing_ += bytes.size();
  has_garbage_ =
      has_garbage_ || std::ranges::any_of(bytes, [](std::byte b) { return b != std::byte{0}; });
}

void MemberStream::require_end() const {
  if (stage_ != Stage::in_member) return;
  throw Error(Errc::corrupt,
              str_cat("the ", format_, " stream ends before its last ", member_, " does"));
}

void MemberStream::hand_out(std::size_t made) {
  if (made > 0) output_.take(buffer_, made);
}

}  // namespace digestfs::archive
