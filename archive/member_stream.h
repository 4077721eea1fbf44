// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "archive/decompressor.h"

namespace digestfs::archive {

/// A decompressor of a stream that consists of members, each of which is a whole compressed object:
/// the members of gzip, the frames of zstd. Bytes after the last member that begin no further
/// member are left aside: zeros are padding, and a remark is made about anything else (DEC-a).
class MemberStream : public Decompressor {
 public:
  void write(std::span<const std::byte> compressed) final;
  [[nodiscard]] std::string remark() const final;

 protected:
  enum class Stage {
    between,  ///< no member has begun, or a member has ended and another may follow
    in_member,
    trailing,  ///< what follows the last member is no member
  };

  /// `format` and `member` name the format and its members in messages, and must outlive the
  /// object. `output_size` is how many decompressed bytes are made at a time.
  MemberStream(ByteSink& output, std::size_t output_size, Stage stage, std::string_view format,
               std::string_view member);

  /// Decompresses bytes of a member, and returns those that were not taken.
  virtual std::span<const std::byte> decompress_some(std::span<const std::byte> compressed) = 0;
  /// Looks in bytes between members for the next member, and returns those that were not taken.
  virtual std::span<const std::byte> look_for_member(std::span<const std::byte> compressed) = 0;

  [[nodiscard]] Stage stage() const noexcept { return stage_; }
  void enter(Stage stage) noexcept { stage_ = stage; }
  /// Counts `bytes` as following the last member, as all bytes after them do.
  void leave_aside(std::span<const std::byte> bytes);
  /// Throws `Errc::corrupt` if a member has not ended.
  void require_end() const;

  /// Where decompressed bytes are made before `hand_out`, which may put another buffer in its
  /// place.
  [[nodiscard]] std::span<std::byte> buffer() noexcept { return buffer_; }
  /// Gives the first `made` bytes of the buffer to the output.
  void hand_out(std::size_t made);

 private:
  ByteSink& output_;
  std::string_view format_;
  std::string_view member_;
  std::vector<std::byte> buffer_;
  Stage stage_;
  bool has_garbage_ = false;
  std::uint64_t trailing_ = 0;
};

}  // namespace digestfs::archive
