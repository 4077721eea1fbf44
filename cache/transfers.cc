// SPDX-License-Identifier: Apache-2.0
#include "cache/transfers.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <sstream>

#include "base/digest.h"
#include "base/text.h"

namespace digestfs::cache {
namespace {

/// Reads the name of a flight: a word for the work, and the object. Of several words after the
/// first, the first digest is what people know.
Transfer to_transfer(const Flight& flight) {
  Transfer transfer;
  std::istringstream words(flight.name());
  words >> transfer.work;
  std::getline(words >> std::ws, transfer.object);
  std::istringstream objects(transfer.object);
  for (std::string word; objects >> word;) {
    if (!Digest::parse(word)) continue;
    transfer.object = word;
    break;
  }
  transfer.progress = flight.progress();
  transfer.has_begun = transfer.progress.total > 0 || transfer.progress.done > 0;
  transfer.age = Clock::now() - flight.launched_at();
  transfer.waiters = flight.waiters();
  return transfer;
}

std::string without_blanks(std::string text) {
  std::erase(text, ' ');
  return text;
}

}  // namespace

std::vector<Transfer> transfers(const Workers& workers) {
  std::vector<std::shared_ptr<const Flight>> flights = workers.flights();
  std::erase_if(flights, [](const auto& flight) { return flight->name().empty(); });
  std::ranges::sort(flights, {}, [](const auto& flight) { return flight->launched_at(); });
  std::vector<Transfer> all;
  all.reserve(flights.size());
  for (const auto& flight : flights) all.push_back(to_transfer(*flight));
  return all;
}

std::string transfer_table(const std::vector<Transfer>& transfers) {
  const auto line = [](const std::array<std::string, 7>& cells) {
    std::array<char, 128> text{};
    std::snprintf(text.data(), text.size(), "%8s %8s %10s %7s %7s  %-8s ", cells[0].c_str(),
                  cells[1].c_str(), cells[2].c_str(), cells[3].c_str(), cells[4].c_str(),
                  cells[5].c_str());
    return std::string(text.data()) + cells[6] + "\n";
  };
  std::string table = line({"DONE", "SIZE", "RATE", "LEFT", "WAITING", "WORK", "OBJECT"});
  for (const Transfer& transfer : transfers) {
    const Progress& progress = transfer.progress;
    const auto left = progress.time_left();
    const std::uint64_t rate = progress.bytes_per_second();
    table += line({transfer.has_begun ? without_blanks(size_text(progress.done)) : "-",
                   progress.total > 0 ? without_blanks(size_text(progress.total)) : "-",
                   rate > 0 ? without_blanks(size_text(rate)) + "/s" : "-",
                   left ? duration_text(*left) : "-", std::to_string(transfer.waiters),
                   transfer.work, escaped(transfer.object)});
  }
  return table;
}

}  // namespace digestfs::cache
