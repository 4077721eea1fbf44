// SPDX-License-Identifier: Apache-2.0
#include "fs/tree/kept_tree.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/fingerprint.h"
#include "base/lasting_sum.h"
#include "base/text.h"
#include "fs/tree/file_tree_builder.h"
#include "fs/tree/tree_check.h"

namespace digestfs::fs {
namespace {

// Raised with each change of what follows the header; the test has a sum of it.
constexpr std::string_view kTreeVersion = "digestfs tree 1\n";
// The version of the program: another one may build another tree of the same layer.
constexpr std::string_view kProgramVersion = DIGESTFS_VERSION;
// A machine of the other order of bytes reads another number.
constexpr std::uint64_t kByteOrder = 0x0102030405060708;

struct Header {
  std::array<char, kTreeVersion.size()> version{};
  std::array<char, 32> program{};
  std::uint64_t byte_order = kByteOrder;
  std::uint64_t record_size = sizeof(FileRecord);
  std::uint64_t tar_size = 0;
  std::uint64_t files = 0;
  std::uint64_t names = 0;
  std::uint64_t texts = 0;

  friend bool operator==(const Header&, const Header&) = default;
};

// What is written as it is in memory has a value in each of its bytes.
static_assert(std::has_unique_object_representations_v<Header>);
static_assert(std::has_unique_object_representations_v<FileRecord>);
static_assert(std::has_unique_object_representations_v<FileTree::Name>);

Header header_of(std::uint64_t tar_size, std::size_t files, std::size_t names, std::size_t texts) {
  Header header;
  std::ranges::copy(kTreeVersion, header.version.begin());
  static_assert(kProgramVersion.size() <= std::tuple_size_v<decltype(Header::program)>);
  std::ranges::copy(kProgramVersion, header.program.begin());
  header.tar_size = tar_size;
  header.files = files;
  header.names = names;
  header.texts = texts;
  return header;
}

/// The details as a text.
class DetailsWriter {
 public:
  void put(std::uint64_t number) { text += as_text(std::as_bytes(std::span(&number, 1))); }
  void put(std::string_view bytes) {
    put(std::uint64_t{bytes.size()});
    text += bytes;
  }
  void put(const FileExtras& extras) {
    put(std::uint64_t{extras.xattrs.size()});
    for (const auto& [name, value] : extras.xattrs) {
      put(name);
      put(value);
    }
    put(std::uint64_t{extras.sparse ? 1U : 0U});
    put(std::uint64_t{extras.runs.size()});
    for (const archive::SparseRun& run : extras.runs) {
      put(run.offset);
      put(run.length);
    }
    put(extras.defect);
    put(extras.missing_target);
  }
  void put(const EarlyLink& link) {
    put(std::uint64_t{link.directory});
    put(link.name);
    put(std::uint64_t{link.targets.size()});
    for (const std::string& target : link.targets) put(target);
  }
  void put(const Finding& finding) {
    put(finding.path);
    put(finding.detail);
  }
  template <class Range>
  void put_all(const Range& range) {
    put(std::uint64_t{range.size()});
    for (const auto& item : range) put(item);
  }

  std::string text;
};

Error damaged_tree() { return {Errc::corrupt, "a kept tree is not as it was written"}; }

/// Takes the details apart. Throws `Errc::corrupt` where they end too early, and where they take
/// more memory than those of a tree that was built.
class DetailsReader {
 public:
  explicit DetailsReader(std::string_view text) : rest_(text) {}

  std::uint64_t number() {
    std::uint64_t number = 0;
    const std::string_view bytes = take(sizeof number);
    std::memcpy(&number, bytes.data(), sizeof number);
    return number;
  }
  std::string text() {
    const std::uint64_t length = number();
    if (length > rest_.size()) throw damaged_tree();
    charge(length);
    return std::string(take(static_cast<std::size_t>(length)));
  }
  FileExtras extras() {
    FileExtras extras;
    for (std::uint64_t left = number(); left > 0; --left) {
      charge(kPerItem);
      std::string name = text();
      if (!extras.xattrs.try_emplace(std::move(name), text()).second) throw damaged_tree();
    }
    const std::uint64_t sparse = number();
    if (sparse > 1) throw damaged_tree();
    extras.sparse = sparse == 1;
    for (std::uint64_t left = number(); left > 0; --left) {
      archive::SparseRun run;
      run.offset = number();
      run.length = number();
      charge(sizeof run);
      extras.runs.push_back(run);
    }
    extras.defect = text();
    extras.missing_target = text();
    return extras;
  }
  EarlyLink early_link() {
    EarlyLink link;
    const std::uint64_t directory = number();
    if (directory > UINT32_MAX) throw damaged_tree();
    link.directory = static_cast<std::uint32_t>(directory);
    link.name = text();
    for (std::uint64_t left = number(); left > 0; --left) {
      charge(sizeof(std::string));
      link.targets.push_back(text());
    }
    return link;
  }
  Finding finding() {
    Finding finding;
    finding.path = text();
    finding.detail = text();
    return finding;
  }
  template <class Take>
  auto all(std::uint64_t most, const Take& take_one) {
    std::vector<decltype(take_one())> items;
    std::uint64_t left = number();
    if (left > most) throw damaged_tree();
    for (; left > 0; --left) {
      charge(sizeof(decltype(take_one())));
      items.push_back(take_one());
    }
    return items;
  }
  [[nodiscard]] bool is_at_end() const noexcept { return rest_.empty(); }

 private:
  // About what an extended attribute takes besides its texts.
  static constexpr std::uint64_t kPerItem = 128;
  // Findings are few; the bound of the builder is on the others.
  static constexpr std::uint64_t kMostBytes =
      FileTreeBuilder::Limits{}.bytes + (std::uint64_t{64} << 20U);

  void charge(std::uint64_t bytes) {
    bytes_ += bytes;
    if (bytes_ > kMostBytes) throw damaged_tree();
  }
  std::string_view take(std::size_t length) {
    if (length > rest_.size()) throw damaged_tree();
    const std::string_view taken = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return taken;
  }

  std::string_view rest_;
  std::uint64_t bytes_ = 0;
};

/// Reads the parts of the file one after the other, and sums them up.
class Parts {
 public:
  explicit Parts(int fd) : fd_(fd) {}

  /// Returns false if the file ends too early.
  [[nodiscard]] bool read(std::span<std::byte> part) {
    if (read_at(fd_, part, at_) != part.size()) return false;
    at_ += part.size();
    sum_.update(part);
    return true;
  }
  /// Returns true if the sum of what was read comes next.
  [[nodiscard]] bool matches_sum() {
    const LastingSum::Value expected = sum_.value();
    LastingSum::Value sum{};
    return read(sum) && sum == expected;
  }

 private:
  int fd_;
  std::uint64_t at_ = 0;
  LastingSum sum_;
};

/// Returns true if the bytes of the records are those of records: a bool that is neither true nor
/// false must not even be looked at.
bool are_records(std::span<const FileRecord> records) {
  const auto bytes = std::as_bytes(records);
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(FileRecord)) {
    if (bytes[at + offsetof(FileRecord, implicit)] > std::byte{1}) return false;
  }
  return true;
}

/// Returns true if the file `fd` of `size` bytes ends with the sum of what stands before it.
bool has_own_sum(int fd, std::uint64_t size) {
  if (size < LastingSum::kBytes) return false;
  Parts parts(fd);
  std::vector<std::byte> buffer(std::size_t{256} << 10U);
  for (std::uint64_t left = size - LastingSum::kBytes; left > 0;) {
    const auto part = std::span(buffer).first(
        static_cast<std::size_t>(std::min<std::uint64_t>(left, buffer.size())));
    if (!parts.read(part)) return false;
    left -= part.size();
  }
  return parts.matches_sum();
}

/// Returns the bytes of the details if the parts that `header` tells of are the whole file.
std::optional<std::uint64_t> details_size(const Header& header, std::uint64_t file_size) {
  constexpr std::uint64_t kMaxNames = UINT32_MAX;
  if (header.files > FileTreeBuilder::Limits{}.files || header.names > kMaxNames ||
      header.texts > UINT32_MAX) {
    return std::nullopt;
  }
  const std::uint64_t others = sizeof(Header) + header.files * sizeof(FileRecord) +
                               header.names * sizeof(FileTree::Name) + header.texts +
                               LastingSum::kBytes;
  if (others > file_size) return std::nullopt;
  return file_size - others;
}

}  // namespace

void write_kept_tree(ByteSink& output, const Digest& diff, std::uint64_t tar_size,
                     const FileTree& tree, const Findings& findings) {
  DetailsWriter details;
  details.put(diff.str());
  details.put_all(tree.all_extras());
  details.put_all(tree.early_links());
  details.put_all(findings.all());
  details.put(findings.omitted());
  const Header header =
      header_of(tar_size, tree.files().size(), tree.names().size(), tree.texts().size());
  const std::array<std::span<const std::byte>, 5> parts{
      std::as_bytes(std::span(&header, 1)), std::as_bytes(tree.files()),
      std::as_bytes(tree.names()), as_bytes(tree.texts()), as_bytes(details.text)};
  std::uint64_t size = LastingSum::kBytes;
  for (const auto part : parts) size += part.size();
  if (size > kMaxKeptTree) throw Error(Errc::too_large, "the tree is too large to be kept");
  LastingSum sum;
  for (const auto part : parts) {
    sum.update(part);
    output.write(part);
  }
  output.write(sum.value());
}

std::optional<KeptTree> read_kept_tree(int fd, const Digest& diff, std::uint64_t tar_size) {
  const std::uint64_t size = Fingerprint::of(fd).size;
  Parts parts(fd);
  Header header;
  if (size > kMaxKeptTree) throw damaged_tree();
  if (!parts.read(std::as_writable_bytes(std::span(&header, 1))) ||
      header != header_of(tar_size, header.files, header.names, header.texts)) {
    // What another version wrote ends with its own sum, too: each format so far has done so.
    if (!has_own_sum(fd, size)) throw damaged_tree();
    return std::nullopt;
  }
  const auto rest = details_size(header, size);
  if (!rest) throw damaged_tree();
  // All of this together is no more than the file has.
  TreeArrays arrays(static_cast<std::size_t>(header.files), static_cast<std::size_t>(header.names),
                    static_cast<std::size_t>(header.texts));
  std::string details_text(static_cast<std::size_t>(*rest), '\0');
  if (!parts.read(arrays.files_to_fill()) || !parts.read(arrays.names_to_fill()) ||
      !parts.read(arrays.texts_to_fill()) ||
      !parts.read(std::as_writable_bytes(std::span(details_text))) || !parts.matches_sum() ||
      !are_records(arrays.files())) {
    throw damaged_tree();
  }
  DetailsReader details(details_text);
  if (details.text() != diff.str()) throw damaged_tree();
  auto extras = details.all(header.files, [&] { return details.extras(); });
  auto early_links = details.all(header.names, [&] { return details.early_link(); });
  auto findings = details.all(Findings::kMost, [&] { return details.finding(); });
  const std::uint64_t omitted = details.number();
  if (!details.is_at_end()) throw damaged_tree();
  FileTree tree(std::move(arrays), std::move(extras), std::move(early_links));
  if (!is_sound(tree, tar_size)) throw damaged_tree();
  return KeptTree{std::move(tree), Findings(std::move(findings), omitted)};
}

}  // namespace digestfs::fs
