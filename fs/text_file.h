// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/file.h"
#include "base/guarded.h"
#include "fs/node.h"

namespace digestfs::fs {

/// An open file whose content is a text in memory.
class OpenText final : public OpenFile {
 public:
  explicit OpenText(std::shared_ptr<const std::string> text) : text_(std::move(text)) {}
  explicit OpenText(std::string text)
      : OpenText(std::make_shared<const std::string>(std::move(text))) {}

  [[nodiscard]] std::size_t read(std::span<std::byte> buffer, std::uint64_t offset,
                                 const Patience& /*patience*/) override {
    const auto bytes = as_bytes(*text_);
    if (offset >= bytes.size()) return 0;
    const auto rest = bytes.subspan(static_cast<std::size_t>(offset));
    const auto part = rest.first(std::min(buffer.size(), rest.size()));
    std::ranges::copy(part, buffer.begin());
    return part.size();
  }

 private:
  std::shared_ptr<const std::string> text_;
};

/// The text that a process has open of a file whose text changes. The kernel does not say of which
/// open file it wants the attributes, so the one that was opened last is meant. Safe for concurrent
/// use.
class LastOpened {
 public:
  [[nodiscard]] Opened open(std::string text) const {
    auto shared = std::make_shared<const std::string>(std::move(text));
    *text_.lock() = shared;
    return {std::make_unique<OpenText>(std::move(shared)), Opened::Caching::bypass};
  }
  /// Returns the size of the text that was opened last, or nothing if it was closed.
  [[nodiscard]] std::optional<std::uint64_t> size() const {
    const auto text = text_.lock()->lock();
    return text ? std::optional<std::uint64_t>(text->size()) : std::nullopt;
  }

 private:
  // Guarded by the lock it lives in.
  mutable Guarded<std::weak_ptr<const std::string>> text_;
};

/// A small text that never changes.
class TextFile final : public File {
 public:
  TextFile(InodeNumber inode, std::string text) : File(inode), text_(std::move(text)) {}

  [[nodiscard]] Attributes attributes() const override {
    return {.type = FileType::file, .size = text_.size()};
  }
  [[nodiscard]] Opened open(const Patience& /*patience*/) const override {
    return {std::make_unique<OpenText>(text_)};
  }

 private:
  std::string text_;
};

/// A file whose text grows. A process that has it open sees the text, and its size, as they were at
/// the open.
class GrowingTextFile final : public File {
 public:
  /// Returns the text, and its size. Called from any thread.
  struct Source {
    std::function<std::string()> text;
    std::function<std::uint64_t()> size;
  };

  GrowingTextFile(InodeNumber inode, Source source) : File(inode), source_(std::move(source)) {}

  [[nodiscard]] Attributes attributes() const override {
    const std::uint64_t size = opened_.size().value_or(source_.size());
    return {.type = FileType::file,
            .size = size,
            .modified = from_nanoseconds(static_cast<std::int64_t>(size)),
            .valid = Clock::duration::zero()};
  }
  [[nodiscard]] Opened open(const Patience& /*patience*/) const override {
    return opened_.open(source_.text());
  }

 private:
  Source source_;
  LastOpened opened_;
};

/// A file whose text says how things are now. It is another text at each open; a process that has
/// the file open sees that text, and its size.
class LiveTextFile final : public File {
 public:
  /// Returns the text. Called from any thread.
  using Source = std::function<std::string()>;

  LiveTextFile(InodeNumber inode, Source source) : File(inode), source_(std::move(source)) {}

  [[nodiscard]] Attributes attributes() const override {
    const auto size = opened_.size();
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return {.type = FileType::file,
            .size = size ? *size : source_().size(),
            .modified =
                from_nanoseconds(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()),
            .valid = Clock::duration::zero()};
  }
  [[nodiscard]] Opened open(const Patience& /*patience*/) const override {
    return opened_.open(source_());
  }

 private:
  Source source_;
  LastOpened opened_;
};

}  // namespace digestfs::fs
