// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cache/content.h"
#include "tests/support/clock.h"
#include "tests/support/image_builder.h"
#include "tests/support/landing.h"
#include "tests/support/memory_source.h"
#include "tests/support/mounted.h"

namespace digestfs::cache {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using namespace std::string_literals;
using registry::Endpoint;
using test::landed;
using test::MemorySource;

/// A mount's worth of what works on the content of one cache. Several may share a cache, at once or
/// one after the other.
struct Mount {
  Mount(const fs::path& cache, registry::Source& source, Network network = Network::allowed,
        StoreLimits limits = {.free_percent = 0})
      : store(cache, limits),
        problems(source.name()),
        workers({2, 4, 2}),
        content(store, source, workers, problems, network,
                {.resume = {.first = 1ms, .most = 2ms}}) {}
  ~Mount() { workers.stop(); }
  Mount(const Mount&) = delete;
  Mount& operator=(const Mount&) = delete;

  std::shared_ptr<const VerifiedFile> open(const Digest& digest,
                                           std::uint64_t limit = Content::kNoLimit) {
    auto file = open_unnamed(digest, limit);
    workers.await_end_of(Lane::name);  // its name is there for the test to look at
    return file;
  }
  /// Opens the object, which may have no name in the cache yet.
  std::shared_ptr<const VerifiedFile> open_unnamed(const Digest& digest,
                                                   std::uint64_t limit = Content::kNoLimit) {
    return landed(
        [&] { return content.open(digest, Patience::unlimited(), Lane::download, limit); });
  }
  std::string read(const std::shared_ptr<const VerifiedFile>& file) {
    std::string bytes(static_cast<std::size_t>(file->size()) + 100, '\0');
    bytes.resize(landed([&] {
      return content.read(file, std::as_writable_bytes(std::span(bytes)), 0, Patience::unlimited());
    }));
    return bytes;
  }
  std::string read(const Digest& digest) { return read(open(digest)); }
  /// What opening fails with; nothing where it works.
  std::optional<Errc> failure(const Digest& digest, std::uint64_t limit = Content::kNoLimit) {
    try {
      static_cast<void>(open(digest, limit));
    } catch (const Error& error) {
      return error.code();
    }
    return std::nullopt;
  }
  /// How often each kind of problem was reported.
  [[nodiscard]] std::map<std::string, int> kinds() const {
    std::map<std::string, int> kinds;
    for (const auto& line : lines()) ++kinds[line["kind"]];
    return kinds;
  }
  [[nodiscard]] std::vector<nlohmann::json> lines() const {
    std::vector<nlohmann::json> lines;
    std::istringstream text(problems.text());
    for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }

  Store store;
  Problems problems;
  Workers workers;
  Content content;
};

class ContentTest : public testing::Test {
 protected:
  /// Puts `bytes` into the source, where `mount` meets them.
  Digest add(Mount& mount, const std::string& bytes) {
    const auto descriptor = source_.add_object(Endpoint::blobs, bytes);
    mount.content.meet(descriptor.digest, Endpoint::blobs, descriptor.size);
    return descriptor.digest;
  }
  /// The same of a layer that is promised to decompress to `diff`.
  Digest add_layer(Mount& mount, const std::string& blob, const Digest& diff) {
    const Digest digest = add(mount, blob);
    mount.content.meet_diff(diff, digest);
    return digest;
  }

  [[nodiscard]] fs::path cache() const { return directory_.path() / "cache"; }
  [[nodiscard]] fs::path path(std::string_view folder, const Digest& digest) const {
    return cache() / folder / digest.algorithm() / digest.encoded();
  }
  /// Writes over a cached file as somebody would who is allowed to.
  void damage(std::string_view folder, const Digest& digest, std::string_view bytes) const {
    const fs::path file = path(folder, digest);
    test::await_tick(file);
    fs::permissions(file, fs::perms(0644));
    std::fstream(file, std::ios::in | std::ios::out | std::ios::binary) << bytes;
  }
  void expect_no_wrong_file() const {
    EXPECT_EQ(test::wrong_files(cache()), std::vector<std::string>{});
  }

  test::TemporaryDirectory directory_;
  MemorySource source_;
};

}  // namespace digestfs::cache
