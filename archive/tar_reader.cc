// SPDX-License-Identifier: Apache-2.0
#include "archive/tar_reader.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "archive/pax.h"
#include "archive/tar_sparse.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace digestfs::archive {
namespace {

std::uint64_t padding_of(std::uint64_t size) noexcept { return (0 - size) % kTarBlock; }

}  // namespace

class TarReader::Impl {
 public:
  explicit Impl(TarSink& sink) : sink_(sink) {}

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      bytes.remove_prefix(step(bytes));
    }
  }

  void finish() {
    switch (state_) {
      case State::ended:
      case State::broken:
        return;
      case State::content:
        if (content_left_ > 0) fail("it ends inside the content of an entry");
        return;  // the padding may be missing (TAR-2)
      case State::header:
      case State::after_zero:
        if (filled_ > 0) fail("it ends inside a header");
        return;
      case State::special:
        if (special_.size() < special_size_) fail("it ends inside an extended header");
        // Only the padding is missing. No entry follows that the header could describe, but the
        // header must be valid.
        take_special();
        return;
      case State::sparse_extension:
      case State::sparse_map:
        fail("it ends inside a sparse map");
    }
  }

  [[nodiscard]] std::uint64_t skippable() const noexcept {
    if (state_ == State::ended) return std::numeric_limits<std::uint64_t>::max();
    return state_ == State::content ? content_left_ : 0;
  }

  void skip(std::uint64_t bytes) {
    if (state_ == State::content) {
      pass_over(bytes);
    } else {
      at_ += bytes;
    }
  }

 private:
  enum class State {
    header,            ///< collecting a header
    after_zero,        ///< the same, after one block of zeros
    special,           ///< collecting a long name or pax header, and passing over its padding
    sparse_extension,  ///< collecting a block of GNU's old sparse map
    sparse_map,        ///< collecting the map at the start of a file's content
    content,           ///< passing over content and padding
    ended,             ///< two blocks of zeros have come: what follows does not count
    broken,            ///< the reader has thrown
  };

  [[noreturn]] void fail(std::string_view why) {
    state_ = State::broken;
    throw Error(Errc::corrupt, str_cat("no valid tar: ", why, " (at byte ", at_, ")"));
  }

  /// Takes some of `bytes`, and returns how many. The result and the messages do not depend on how
  /// the archive is cut into pieces.
  std::size_t step(std::string_view bytes) {
    switch (state_) {
      case State::header:
      case State::after_zero:
      case State::sparse_extension:
      case State::sparse_map:
        return collect_block(bytes);
      case State::special:
        return collect_special(bytes);
      case State::content: {
        const auto taken = std::min<std::uint64_t>(bytes.size(), content_left_ + padding_left_);
        pass_over(taken);
        return static_cast<std::size_t>(taken);
      }
      case State::ended:
      case State::broken:
        break;
    }
    at_ += bytes.size();
    return bytes.size();
  }

  void pass_over(std::uint64_t bytes) {
    at_ += bytes;
    const auto content = std::min(bytes, content_left_);
    content_left_ -= content;
    padding_left_ -= bytes - content;
    if (content_left_ + padding_left_ == 0) state_ = State::header;
  }

  std::size_t collect_block(std::string_view bytes) {
    const std::size_t taken = std::min(bytes.size(), kTarBlock - filled_);
    std::ranges::copy(bytes.substr(0, taken), block_.begin() + static_cast<long>(filled_));
    filled_ += taken;
    at_ += taken;
    if (filled_ < kTarBlock) return taken;
    filled_ = 0;
    switch (state_) {
      case State::sparse_extension:
        take_sparse_extension();
        break;
      case State::sparse_map:
        take_sparse_map();
        break;
      default:
        take_header();
        break;
    }
    return taken;
  }

  void take_header() {
    if (is_zero(block_)) {
      state_ = state_ == State::after_zero ? State::ended : State::after_zero;
      return;
    }
    if (state_ == State::after_zero) fail("a block of zeros is followed by something else");
    auto header = parse_header(block_);
    if (!header) fail("a header's checksum or one of its numbers is wrong");
    if (header->size < 0 && !is_header_only(header->type)) fail("a size is negative");
    switch (header->type) {
      case 'x':
      case 'g':
      case 'L':
      case 'K':
        begin_special(*header);
        return;
      default:
        take_entry(std::move(*header));
        return;
    }
  }

  void begin_special(const TarHeader& header) {
    special_type_ = header.type;
    special_size_ = static_cast<std::uint64_t>(header.size);
    if (special_size_ > kMaxTarSpecial) {
      state_ = State::broken;
      throw Error(Errc::too_large, str_cat("no usable tar: a long name or extended header is of ",
                                           special_size_, " bytes (at byte ", at_, ")"));
    }
    special_.clear();
    padding_left_ = padding_of(special_size_);
    state_ = State::special;
    if (special_size_ == 0) take_special();
  }

  std::size_t collect_special(std::string_view bytes) {
    if (special_.size() < special_size_) {
      const std::size_t wanted = static_cast<std::size_t>(special_size_) - special_.size();
      const std::size_t taken = std::min(bytes.size(), wanted);
      special_ += bytes.substr(0, taken);
      at_ += taken;
      if (special_.size() == special_size_ && padding_left_ == 0) take_special();
      return taken;
    }
    const auto taken =
        static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), padding_left_));
    padding_left_ -= taken;
    at_ += taken;
    if (padding_left_ == 0) take_special();
    return taken;
  }

  void take_special() {
    state_ = State::header;
    const std::string_view name = std::string_view(special_).substr(0, special_.find('\0'));
    switch (special_type_) {
      case 'L':
        long_name_ = name;
        return;
      case 'K':
        long_link_ = name;
        return;
      default:
        break;
    }
    auto records = parse_pax(special_);
    if (!records) fail("a pax header is no sequence of records");
    if (special_type_ == 'g') {
      // Go returns a global header as an entry, and forgets what was pending for the next (13.1).
      forget_pending();
      return;
    }
    records_ = std::move(*records);
  }

  void forget_pending() {
    records_.clear();
    long_name_.clear();
    long_link_.clear();
  }

  void take_entry(TarHeader header) {
    TarEntry entry;
    entry.flag = header.type;
    entry.name = std::move(header.name);
    entry.link = std::move(header.link);
    entry.mode = header.mode;
    entry.uid = header.uid;
    entry.gid = header.gid;
    entry.modified = {header.modified, 0};
    entry.device_major = header.device_major;
    entry.device_minor = header.device_minor;
    std::int64_t size = header.size;
    if (!override_fields(entry, size, records_)) fail("a pax header has a number that is none");
    if (!long_name_.empty()) entry.name = long_name_;
    if (!long_link_.empty()) entry.link = long_link_;
    if (entry.flag == '\0') entry.flag = entry.name.ends_with('/') ? '5' : '0';
    entry.type = type_of(entry.flag);
    entry.xattrs = xattrs_of(records_);
    const bool has_content = !is_header_only(entry.flag);
    if (has_content && size < 0) fail("a size is negative");
    content_left_ = has_content ? static_cast<std::uint64_t>(size) : 0;
    padding_left_ = padding_of(content_left_);
    entry.size = content_left_;
    entry.offset = at_;
    const PaxRecords records = std::exchange(records_, {});
    forget_pending();
    entry_ = std::move(entry);
    if (header.type == 'S') {
      take_old_sparse(header.format);
    } else {
      take_pax_sparse(records);
    }
  }

  void hand_out() {
    if (entry_.sparse && entry_.defect.empty()) check_sparse();
    state_ = content_left_ + padding_left_ > 0 ? State::content : State::header;
    sink_.take(std::move(entry_));
  }

  void check_sparse() {
    if (is_header_only(entry_.flag) || !is_valid_map(entry_.runs, entry_.size)) {
      entry_.defect = "its sparse map is not in order or leaves the file";
      return;
    }
    std::uint64_t stored = 0;
    for (const SparseRun& run : entry_.runs) stored += run.length;  // apart, so at most the size
    if (stored != content_left_) {
      entry_.defect = "its sparse map and its content are not of one size";
    }
  }

  void take_old_sparse(TarFormat format) {
    auto sparse = format == TarFormat::gnu ? parse_sparse_header(block_) : std::nullopt;
    // The map says whether more blocks of it follow, and so where the next header is.
    if (!sparse) fail("a sparse file has no sparse map");
    if (sparse->size < 0) fail("a size is negative");
    entry_.size = static_cast<std::uint64_t>(sparse->size);
    take_sparse_part(std::move(sparse->map));
  }

  void take_sparse_extension() {
    auto part = parse_sparse_extension(block_);
    if (!part) fail("a sparse map has a number that is none");
    take_sparse_part(std::move(*part));
  }

  void take_sparse_part(SparsePart part) {
    entry_.sparse = true;
    entry_.runs.insert(entry_.runs.end(), part.runs.begin(), part.runs.end());
    if (entry_.runs.size() > kMaxSparseRuns) {
      state_ = State::broken;
      throw Error(Errc::too_large,
                  str_cat("no usable tar: a sparse map is too long (at byte ", at_, ")"));
    }
    entry_.offset = at_;
    state_ = State::sparse_extension;
    if (!part.goes_on) hand_out();
  }

  void take_pax_sparse(const PaxRecords& records) {
    const PaxSparse kind = pax_sparse(records);
    if (kind == PaxSparse::none) {
      hand_out();
      return;
    }
    if (const auto name = find_record(records, "GNU.sparse.name"); !name.empty()) {
      entry_.name = name;
    }
    auto size = find_record(records, "GNU.sparse.size");
    if (size.empty()) size = find_record(records, "GNU.sparse.realsize");
    if (!size.empty()) {
      const auto number = parse_signed_decimal(size);
      if (!number || *number < 0) {
        entry_.defect = "the size of a sparse file makes no sense";
      } else {
        entry_.size = static_cast<std::uint64_t>(*number);
      }
    }
    entry_.sparse = true;
    if (kind == PaxSparse::map_in_header) {
      auto runs = sparse_map_of(records);
      if (!runs) entry_.defect = "its sparse map makes no sense";
      if (runs) entry_.runs = std::move(*runs);
      hand_out();
      return;
    }
    if (is_header_only(entry_.flag) || content_left_ < kTarBlock) {
      entry_.defect = "its sparse map is missing";
      hand_out();
      return;
    }
    map_ = SparseMapText();
    state_ = State::sparse_map;
  }

  void take_sparse_map() {
    content_left_ -= kTarBlock;
    switch (map_.take(block_)) {
      case SparseMapText::State::complete:
        entry_.runs = map_.runs();
        entry_.offset = at_;
        break;
      case SparseMapText::State::defective:
        entry_.defect = map_.defect();
        break;
      case SparseMapText::State::incomplete:
        if (content_left_ >= kTarBlock) return;
        entry_.defect = "its sparse map does not end";
        break;
    }
    hand_out();
  }

  // Constant after construction.
  TarSink& sink_;
  // The position in the archive.
  State state_ = State::header;
  std::uint64_t at_ = 0;  ///< bytes taken
  TarBlock block_{};
  std::size_t filled_ = 0;
  std::uint64_t content_left_ = 0;
  std::uint64_t padding_left_ = 0;
  // The long name or pax header that is being collected.
  char special_type_ = 0;
  std::uint64_t special_size_ = 0;
  std::string special_;
  // What the collected long names and pax headers say of the next entry.
  PaxRecords records_;
  std::string long_name_;
  std::string long_link_;
  // The entry whose sparse map is being collected.
  TarEntry entry_;
  SparseMapText map_;
};

TarReader::TarReader(TarSink& sink) : impl_(std::make_unique<Impl>(sink)) {}

TarReader::~TarReader() = default;

void TarReader::write(std::span<const std::byte> bytes) { impl_->write(as_text(bytes)); }

void TarReader::finish() { impl_->finish(); }

std::uint64_t TarReader::skippable() const noexcept { return impl_->skippable(); }

void TarReader::skip(std::uint64_t bytes) { impl_->skip(bytes); }

}  // namespace digestfs::archive
