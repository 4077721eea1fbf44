// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string_view>

#include <isa-l.h>
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>

#include "archive/inflater.h"
#include "base/error.h"
#include "base/text.h"

namespace digestfs::archive {
namespace {

std::uint32_t isal_size(std::size_t size) noexcept {
  return static_cast<std::uint32_t>(
      std::min<std::size_t>(size, std::numeric_limits<std::uint32_t>::max()));
}

std::string_view reason_of(int result) noexcept {
  switch (result) {
    case ISAL_INVALID_BLOCK:
      return "invalid block";
    case ISAL_INVALID_SYMBOL:
      return "invalid code";
    case ISAL_INVALID_LOOKBACK:
      return "invalid distance too far back";
    case ISAL_INCORRECT_CHECKSUM:
      return "incorrect data check";
    default:
      return "bad data";
  }
}

/// Reads the header of a member (RFC 1952, 2.3) byte by byte. ISA-L could, but of a header that
/// comes in several pieces it checks neither the CRC16 nor the flags.
class Header {
 public:
  /// Takes bytes of the header off the front of `in`. Returns true once the header has ended.
  /// Throws `Errc::corrupt`.
  bool take(std::span<const std::byte>& in) {
    while (part_ != Part::end && !in.empty()) {
      const std::byte byte = in.front();
      if (part_ != Part::crc) {
        crc_ = ::crc32_gzip_refl(crc_, reinterpret_cast<const std::uint8_t*>(&byte), 1);
      }
      take(std::to_integer<unsigned>(byte));
      in = in.subspan(1);
    }
    return part_ == Part::end;
  }

 private:
  enum class Part { fixed, extra_size, extra, name, comment, crc, end };

  static constexpr unsigned kFixedSize = 10;
  static constexpr unsigned kDeflate = 8;
  static constexpr unsigned kCrcFlag = 2;
  static constexpr unsigned kExtraFlag = 4;
  static constexpr unsigned kNameFlag = 8;
  static constexpr unsigned kCommentFlag = 16;
  static constexpr unsigned kReserved = 0xe0;

  [[noreturn]] static void refuse(std::string_view why) {
    throw Error(Errc::corrupt, str_cat("the gzip stream is broken: ", why));
  }

  void take(unsigned byte) {
    ++count_;
    switch (part_) {
      case Part::fixed:
        check_fixed(byte);
        if (count_ == kFixedSize) enter(Part::extra_size);
        break;
      case Part::extra_size:
        number_ |= byte << (8 * (count_ - 1));
        if (count_ == 2) enter(number_ > 0 ? Part::extra : Part::name);
        break;
      case Part::extra:
        if (count_ == number_) enter(Part::name);
        break;
      case Part::name:
        if (byte == 0) enter(Part::comment);
        break;
      case Part::comment:
        if (byte == 0) enter(Part::crc);
        break;
      case Part::crc:
        number_ |= byte << (8 * (count_ - 1));
        if (count_ < 2) break;
        if (number_ != (crc_ & 0xffffU)) refuse("header crc mismatch");
        enter(Part::end);
        break;
      case Part::end:
        break;
    }
  }

  void check_fixed(unsigned byte) {
    if ((count_ == 1 && byte != 0x1f) || (count_ == 2 && byte != 0x8b)) {
      refuse("incorrect header check");
    }
    if (count_ == 3 && byte != kDeflate) refuse("unknown compression method");
    if (count_ != 4) return;
    if ((byte & kReserved) != 0) refuse("unknown header flags set");
    flags_ = byte;
  }

  /// Begins `part`, or the first part after it that the flags say is there.
  void enter(Part part) {
    count_ = 0;
    if (part != Part::extra) number_ = 0;
    if (part == Part::extra_size && (flags_ & kExtraFlag) == 0) part = Part::name;
    if (part == Part::name && (flags_ & kNameFlag) == 0) part = Part::comment;
    if (part == Part::comment && (flags_ & kCommentFlag) == 0) part = Part::crc;
    if (part == Part::crc && (flags_ & kCrcFlag) == 0) part = Part::end;
    part_ = part;
  }

  Part part_ = Part::fixed;
  unsigned flags_ = 0;
  unsigned count_ = 0;   ///< bytes taken of the part
  unsigned number_ = 0;  ///< the size of the extra field, or the CRC16 as far as it was read
  std::uint32_t crc_ = 0;
};

class IsalInflater final : public Inflater {
 public:
  IsalInflater() { reset(); }

  Step inflate(std::span<const std::byte> in, std::span<std::byte> out) override {
    const std::size_t before = in.size();
    if (!header_.take(in)) return {before, 0, false};
    const std::uint32_t given = isal_size(in.size());
    const std::uint32_t room = isal_size(out.size());
    // ISA-L takes a pointer to what it never writes to.
    state_.next_in = reinterpret_cast<std::uint8_t*>(const_cast<std::byte*>(in.data()));
    state_.avail_in = given;
    state_.next_out = reinterpret_cast<std::uint8_t*>(out.data());
    state_.avail_out = room;
    const int result = ::isal_inflate(&state_);
    if (result != ISAL_DECOMP_OK) {
      throw Error(Errc::corrupt, str_cat("the gzip stream is broken: ", reason_of(result)));
    }
    return {before - in.size() + given - state_.avail_in, room - state_.avail_out,
            state_.block_state == ISAL_BLOCK_FINISH};
  }

  void reset() override {
    header_ = Header();
    ::isal_inflate_init(&state_);
    // The trailer alone is ISA-L's to read: the CRC32 and the length.
    state_.crc_flag = ISAL_GZIP_NO_HDR_VER;
  }

 private:
  Header header_;
  inflate_state state_{};
};

}  // namespace

std::unique_ptr<Inflater> make_isal_inflater() { return std::make_unique<IsalInflater>(); }

// ISA-L has no function that says which version is loaded.
std::string isal_library() {
  return str_cat("ISA-L ", ISAL_MAJOR_VERSION, ".", ISAL_MINOR_VERSION, ".", ISAL_PATCH_VERSION);
}

}  // namespace digestfs::archive
