// SPDX-License-Identifier: Apache-2.0
#include "archive/tar_reader.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "archive/pax.h"
#include "base/base64.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace digestfs::archive {
namespace {

// Of a long name, a pax header or a sparse map.
constexpr std::uint64_t kMaxSpecial = std::uint64_t{1} << 20U;

constexpr std::string_view kSchilyXattr = "SCHILY.xattr.";
constexpr std::string_view kLibarchiveXattr = "LIBARCHIVE.xattr.";

/// Types that have no content, whatever their header's size says (TAR-8).
bool is_header_only(char type) noexcept { return type >= '1' && type <= '6'; }

TarType type_of(char flag) noexcept {
  switch (flag) {
    case '0':
    case '7':  // contiguous: a file to whoever reads it
    case 'S':
      return TarType::file;
    case '1':
      return TarType::hardlink;
    case '2':
      return TarType::symlink;
    case '3':
      return TarType::character_device;
    case '4':
      return TarType::block_device;
    case '5':
      return TarType::directory;
    case '6':
      return TarType::fifo;
    default:
      return TarType::other;
  }
}

std::uint64_t padding_of(std::uint64_t size) noexcept { return (0 - size) % kTarBlock; }

/// Whether runs are in order, apart from each other, and within `size`.
bool is_valid_map(const std::vector<SparseRun>& runs, std::uint64_t size) {
  std::uint64_t end = 0;
  for (const SparseRun& run : runs) {
    if (run.offset < end || run.length > size || run.offset > size - run.length) return false;
    end = run.end();
  }
  return true;
}

/// The numbers of a sparse map in pairs.
std::optional<std::vector<SparseRun>> to_runs(const std::vector<std::int64_t>& numbers) {
  std::vector<SparseRun> runs;
  for (std::size_t i = 0; i + 1 < numbers.size(); i += 2) {
    if (numbers[i] < 0 || numbers[i + 1] < 0) return std::nullopt;
    runs.push_back(
        {static_cast<std::uint64_t>(numbers[i]), static_cast<std::uint64_t>(numbers[i + 1])});
  }
  return runs;
}

std::optional<std::string> decode_percent(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto digit = [&](char c) {
    return kDigits.find(static_cast<char>(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c));
  };
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const auto high = digit(text[i + 1]);
    const auto low = digit(text[i + 2]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

/// The extended attributes that pax records carry (TAR-10). Of one that is there in both spellings
/// SCHILY's counts, which is the one that unpackers read.
std::map<std::string, std::string> xattrs_of(const PaxRecords& records) {
  std::map<std::string, std::string> xattrs;
  for (const auto& [key, value] : records) {
    if (value.empty() || !key.starts_with(kLibarchiveXattr)) continue;
    const auto name = decode_percent(std::string_view(key).substr(kLibarchiveXattr.size()));
    auto bytes = decode_base64(value);
    if (name && bytes) xattrs.insert_or_assign(*name, std::move(*bytes));
  }
  for (const auto& [key, value] : records) {
    if (value.empty() || !key.starts_with(kSchilyXattr)) continue;
    xattrs.insert_or_assign(key.substr(kSchilyXattr.size()), value);
  }
  return xattrs;
}

/// How a pax header says that a file is sparse (TAR-9).
enum class PaxSparse { none, map_in_header, map_in_content };

PaxSparse pax_sparse(const PaxRecords& records) {
  const auto major = find_record(records, "GNU.sparse.major");
  const auto minor = find_record(records, "GNU.sparse.minor");
  if (major == "0" && (minor == "0" || minor == "1")) return PaxSparse::map_in_header;
  if (major == "1" && minor == "0") return PaxSparse::map_in_content;
  if (!major.empty() || !minor.empty()) return PaxSparse::none;
  // Versions 0.0 and 0.1 did not always say so.
  return find_record(records, "GNU.sparse.map").empty() ? PaxSparse::none
                                                        : PaxSparse::map_in_header;
}

std::optional<std::vector<SparseRun>> header_map(const PaxRecords& records) {
  const auto count = parse_decimal(find_record(records, "GNU.sparse.numblocks"));
  std::vector<std::int64_t> numbers;
  std::string_view map = find_record(records, "GNU.sparse.map");
  for (bool goes_on = !map.empty(); goes_on;) {
    const auto comma = map.find(',');
    const auto number = parse_decimal(map.substr(0, comma));
    if (!number) return std::nullopt;
    numbers.push_back(*number);
    if (numbers.size() > kMaxSpecial / sizeof(std::int64_t)) return std::nullopt;
    goes_on = comma != std::string_view::npos;
    if (goes_on) map.remove_prefix(comma + 1);
  }
  if (!count || *count < 0 || numbers.size() % 2 != 0 ||
      numbers.size() / 2 != static_cast<std::uint64_t>(*count)) {
    return std::nullopt;
  }
  return to_runs(numbers);
}

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
        return;  // without its padding: so be it (TAR-2)
      case State::header:
      case State::after_zero:
        if (filled_ > 0) fail("it ends inside a header");
        return;
      case State::special:
        if (special_.size() < special_size_) fail("it ends inside an extended header");
        // Whole but for its padding: it says something of an entry that does not come, but it has
        // to say it well.
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
    ended,             ///< two blocks of zeros: nothing more counts
    broken,            ///< it has thrown
  };

  [[noreturn]] void fail(std::string_view why) {
    state_ = State::broken;
    throw Error(Errc::corrupt, str_cat("no valid tar: ", why, " (at byte ", at_, ")"));
  }

  /// Takes some of `bytes`; how many. What it makes of them, and says of them, does not depend on
  /// how the archive is cut into pieces.
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
    if (special_size_ > kMaxSpecial) {
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
      // Go hands it out as an entry, whatever it says, and with it goes what was pending (13.1).
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

  /// Lets what the records say go before the header; false where that is no number or time.
  static bool merge(const PaxRecords& records, TarEntry& entry, std::int64_t& size) {
    for (const auto& [key, value] : records) {
      if (value.empty()) continue;
      const auto number = [&value = value](std::int64_t& into) {
        const auto parsed = parse_decimal(value);
        into = parsed.value_or(0);
        return parsed.has_value();
      };
      bool good = true;
      if (key == "path") {
        entry.name = value;
      } else if (key == "linkpath") {
        entry.link = value;
      } else if (key == "uid") {
        good = number(entry.uid);
      } else if (key == "gid") {
        good = number(entry.gid);
      } else if (key == "size") {
        good = number(size);
      } else if (key == "mtime" || key == "atime" || key == "ctime") {
        const auto time = parse_pax_time(value);
        good = time.has_value();
        if (good && key == "mtime") entry.modified = *time;
      }
      if (!good) return false;
    }
    return true;
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
    if (!merge(records_, entry, size)) fail("a pax header has a number that is none");
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
    // Where the map goes on is part of it: without, nobody knows where the next header is.
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
    if (entry_.runs.size() > kMaxSpecial / sizeof(SparseRun)) {
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
      const auto number = parse_decimal(size);
      if (!number || *number < 0) {
        entry_.defect = "the size of a sparse file makes no sense";
      } else {
        entry_.size = static_cast<std::uint64_t>(*number);
      }
    }
    entry_.sparse = true;
    if (kind == PaxSparse::map_in_header) {
      auto runs = header_map(records);
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
    map_.clear();
    map_numbers_.clear();
    map_wanted_.reset();
    state_ = State::sparse_map;
  }

  /// A block of the decimal numbers, one a line, that a file of GNU's sparse format 1.0 begins
  /// with: how many runs, then their offsets and lengths.
  void take_sparse_map() {
    content_left_ -= kTarBlock;
    for (const char c : block_) {
      if (map_wanted_ && map_numbers_.size() == *map_wanted_) break;  // padding
      if (c != '\n') {
        map_ += c;
        continue;
      }
      const auto number = parse_decimal(map_);
      map_.clear();
      if (!number || *number < 0) return give_up_map("its sparse map has a number that is none");
      if (map_wanted_) {
        map_numbers_.push_back(*number);
      } else if (static_cast<std::uint64_t>(*number) > kMaxSpecial / sizeof(SparseRun)) {
        return give_up_map("its sparse map is too long");
      } else {
        map_wanted_ = static_cast<std::uint64_t>(*number) * 2;
      }
    }
    if (map_wanted_ && map_numbers_.size() == *map_wanted_) {
      entry_.runs = to_runs(map_numbers_).value_or(std::vector<SparseRun>{});
      entry_.offset = at_;
      hand_out();
    } else if (content_left_ < kTarBlock || map_.size() > kTarBlock) {
      give_up_map("its sparse map does not end");
    }
  }

  void give_up_map(std::string_view why) {
    entry_.defect = why;
    hand_out();
  }

  // Constant after construction.
  TarSink& sink_;
  // Where the reading is.
  State state_ = State::header;
  std::uint64_t at_ = 0;  ///< bytes taken
  TarBlock block_{};
  std::size_t filled_ = 0;
  std::uint64_t content_left_ = 0;
  std::uint64_t padding_left_ = 0;
  // A long name or pax header that is being collected.
  char special_type_ = 0;
  std::uint64_t special_size_ = 0;
  std::string special_;
  // What those that were collected say of the entry to come.
  PaxRecords records_;
  std::string long_name_;
  std::string long_link_;
  // The entry whose sparse map is being collected.
  TarEntry entry_;
  std::string map_;
  std::optional<std::uint64_t> map_wanted_;
  std::vector<std::int64_t> map_numbers_;
};

TarReader::TarReader(TarSink& sink) : impl_(std::make_unique<Impl>(sink)) {}

TarReader::~TarReader() = default;

void TarReader::write(std::span<const std::byte> bytes) { impl_->write(as_text(bytes)); }

void TarReader::finish() { impl_->finish(); }

std::uint64_t TarReader::skippable() const noexcept { return impl_->skippable(); }

void TarReader::skip(std::uint64_t bytes) { impl_->skip(bytes); }

}  // namespace digestfs::archive
