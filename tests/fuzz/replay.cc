// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include <fcntl.h>

#include "base/file.h"

// Stands in for libFuzzer in ordinary builds: runs a fuzz target once over each file of the corpus
// directories that are its arguments.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::size_t kMaxInput = std::size_t{64} << 20U;

std::vector<std::filesystem::path> files_of(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

void run(const std::filesystem::path& file) {
  // Said before, so that the last line names what crashed.
  std::printf("%s\n", file.c_str());
  std::fflush(stdout);
  const auto input = digestfs::open_file(AT_FDCWD, file, O_RDONLY);
  const std::string text = digestfs::read_rest(input.get(), kMaxInput);
  // In memory of its exact size, so that a sanitizer sees a read past its end.
  const std::vector<std::uint8_t> bytes(text.begin(), text.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string> directories(argv + 1, argv + argc);
  if (directories.empty()) {
    std::fprintf(stderr, "usage: %s CORPUS_DIRECTORY...\n", argv[0]);
    return 1;
  }
  for (const std::string& directory : directories) {
    const auto files = files_of(directory);
    if (files.empty()) {
      std::fprintf(stderr, "the corpus %s is empty\n", directory.c_str());
      return 1;
    }
    for (const auto& file : files) run(file);
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "cannot replay the corpus: %s\n", error.what());
  return 1;
}
