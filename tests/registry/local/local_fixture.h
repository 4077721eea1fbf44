// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "registry/source.h"
#include "tests/support/image_builder.h"
#include "tests/support/mounted.h"
#include "tests/support/tar_builder.h"

// What the tests of sources on this machine share.

namespace digestfs::test {

inline void write_file(const std::filesystem::path& path, std::string_view text) {
  const UniqueFd file = open_file(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  write_all(file.get(), as_bytes(text));
}

/// Keeps what it is sent.
class Received final : public registry::ObjectSink {
 public:
  void begin(const registry::Beginning& beginning) override { beginnings.push_back(beginning); }
  void write(std::span<const std::byte> bytes) override { text += as_text(bytes); }

  std::vector<registry::Beginning> beginnings;
  std::string text;
};

inline std::string fetched(registry::Source& source, const Digest& digest) {
  Received received;
  source.fetch(registry::Endpoint::blobs, digest, {}, received, {});
  return received.text;
}

/// How a call failed; the text is empty if it did not.
struct Failure {
  std::optional<Errc> code;
  std::string text;
};

template <class Call>
Failure failure_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return {error.code(), error.what()};
  }
  return {};
}

inline bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// The names of what was left out.
inline std::vector<std::string> names_of(const std::vector<registry::LeftOut>& left_out) {
  std::vector<std::string> names;
  for (const registry::LeftOut& record : left_out) {
    EXPECT_NE(record.reason, "") << record.name;
    names.push_back(record.name);
  }
  return names;
}

inline std::vector<Digest> digests_of(const std::vector<registry::Descriptor>& descriptors) {
  std::vector<Digest> digests;
  for (const registry::Descriptor& descriptor : descriptors) digests.push_back(descriptor.digest);
  return digests;
}

/// A member of a tar that `tar -S` stores without its holes: `text`, and zeros up to `size`.
inline std::string sparse_file(const std::string& name, const std::string& text,
                               std::uint64_t size) {
  return pax_header({{"GNU.sparse.major", "1"},
                     {"GNU.sparse.minor", "0"},
                     {"GNU.sparse.name", name},
                     {"GNU.sparse.realsize", std::to_string(size)}}) +
         tar_file("GNUSparseFile.0/" + name,
                  padded("1\n0\n" + std::to_string(text.size()) + "\n") + text);
}

/// The files of an OCI image layout as members of a tar.
inline std::vector<TarEntry> layout_members(const ObjectSet& set) {
  std::vector<TarEntry> members;
  for (const auto& [name, text] : set.layout_files()) {
    members.push_back({.name = name, .content = text});
  }
  return members;
}

}  // namespace digestfs::test
