// SPDX-License-Identifier: Apache-2.0
#include "archive/tar_sparse.h"

#include "base/text.h"

namespace digestfs::archive {
namespace {

/// Returns the runs whose offsets and lengths are `numbers`, or nothing if a number is negative.
std::optional<std::vector<SparseRun>> to_runs(const std::vector<std::int64_t>& numbers) {
  std::vector<SparseRun> runs;
  for (std::size_t i = 0; i + 1 < numbers.size(); i += 2) {
    if (numbers[i] < 0 || numbers[i + 1] < 0) return std::nullopt;
    runs.push_back(
        {static_cast<std::uint64_t>(numbers[i]), static_cast<std::uint64_t>(numbers[i + 1])});
  }
  return runs;
}

}  // namespace

PaxSparse pax_sparse(const PaxRecords& records) {
  const auto major = find_record(records, "GNU.sparse.major");
  const auto minor = find_record(records, "GNU.sparse.minor");
  if (major == "0" && (minor == "0" || minor == "1")) return PaxSparse::map_in_header;
  if (major == "1" && minor == "0") return PaxSparse::map_in_content;
  if (!major.empty() || !minor.empty()) return PaxSparse::none;
  // Not every writer of versions 0.0 and 0.1 writes the version.
  return find_record(records, "GNU.sparse.map").empty() ? PaxSparse::none
                                                        : PaxSparse::map_in_header;
}

std::optional<std::vector<SparseRun>> sparse_map_of(const PaxRecords& records) {
  const auto count = parse_signed_decimal(find_record(records, "GNU.sparse.numblocks"));
  std::vector<std::int64_t> numbers;
  std::string_view map = find_record(records, "GNU.sparse.map");
  for (bool goes_on = !map.empty(); goes_on;) {
    const auto comma = map.find(',');
    const auto number = parse_signed_decimal(map.substr(0, comma));
    if (!number) return std::nullopt;
    numbers.push_back(*number);
    if (numbers.size() > kMaxTarSpecial / sizeof(std::int64_t)) return std::nullopt;
    goes_on = comma != std::string_view::npos;
    if (goes_on) map.remove_prefix(comma + 1);
  }
  if (!count || *count < 0 || numbers.size() % 2 != 0 ||
      numbers.size() / 2 != static_cast<std::uint64_t>(*count)) {
    return std::nullopt;
  }
  return to_runs(numbers);
}

bool is_valid_map(const std::vector<SparseRun>& runs, std::uint64_t size) {
  std::uint64_t end = 0;
  for (const SparseRun& run : runs) {
    if (run.offset < end || run.length > size || run.offset > size - run.length) return false;
    end = run.end();
  }
  return true;
}

SparseMapText::State SparseMapText::take(const TarBlock& block) {
  for (const char c : block) {
    if (is_complete()) break;  // what follows is padding
    if (c != '\n') {
      line_ += c;
    } else if (!take_line()) {
      return State::defective;
    }
  }
  if (is_complete()) return State::complete;
  if (line_.size() <= kTarBlock) return State::incomplete;
  defect_ = "its sparse map does not end";
  return State::defective;
}

bool SparseMapText::take_line() {
  const auto number = parse_signed_decimal(line_);
  line_.clear();
  if (!number || *number < 0) {
    defect_ = "its sparse map has a number that is none";
  } else if (wanted_) {
    numbers_.push_back(*number);
  } else if (static_cast<std::uint64_t>(*number) > kMaxSparseRuns) {
    defect_ = "its sparse map is too long";
  } else {
    wanted_ = static_cast<std::uint64_t>(*number) * 2;
  }
  return defect_.empty();
}

std::vector<SparseRun> SparseMapText::runs() const {
  return to_runs(numbers_).value_or(std::vector<SparseRun>{});
}

}  // namespace digestfs::archive
