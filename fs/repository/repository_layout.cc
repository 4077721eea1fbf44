// SPDX-License-Identifier: Apache-2.0
#include "fs/repository/repository_layout.h"

#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/guarded.h"
#include "base/side_by_side.h"
#include "base/text.h"
#include "fs/image/oci_layout.h"
#include "fs/static_directory.h"
#include "fs/text_file.h"

namespace digestfs::fs {
namespace {

using registry::Descriptor;

/// A text that is made when it is first opened, and then stays.
class MadeTextFile final : public File {
 public:
  using Make = std::function<std::string(const Patience&)>;

  MadeTextFile(InodeNumber inode, Make make) : File(inode), make_(std::move(make)) {}

  [[nodiscard]] Attributes attributes() const override {
    const auto made = made_.lock();
    Attributes attributes;
    attributes.size = made->size;
    attributes.valid = made->at ? Clock::duration(kForever) : Clock::duration::zero();
    return attributes;
  }
  [[nodiscard]] Opened open(const Patience& patience) const override {
    {
      const auto made = made_.lock();
      if (made->is_retired) {
        // The kernel looks the name up again, and finds the newer file.
        throw std::system_error(ESTALE, std::generic_category(), "a newer file is in its place");
      }
      if (made->at) return {std::make_unique<OpenText>(made->text)};
    }
    std::string text = make_(patience);
    const auto made = made_.lock();
    // If another thread was faster, its text is the one.
    if (!made->at) {
      *made = {.text = std::move(text), .size = 0, .at = Clock::now()};
      made->size = made->text.size();
    }
    return {std::make_unique<OpenText>(made->text)};
  }
  /// Returns when the text was made, if it was.
  [[nodiscard]] std::optional<Clock::time_point> made_at() const { return made_.lock()->at; }
  /// Gives up the text. Whoever opens the file from now on is told that it is gone.
  void retire() const {
    const auto made = made_.lock();
    made->text = {};
    made->is_retired = true;
  }

 private:
  struct Made {
    std::string text = {};
    /// A placeholder is never 0: tools take an empty file for one not worth reading.
    std::uint64_t size = 1;
    std::optional<Clock::time_point> at = {};
    bool is_retired = false;
  };

  // Constant after construction.
  Make make_;
  // Guarded by the lock it lives in.
  mutable Guarded<Made> made_;
};

/// Returns the entry of a tag, or of an image without a tag, in the repository's index.
LayoutEntry entry_of(const ImageContext& context, Descriptor descriptor,
                     const std::optional<std::string>& tag, const Patience& patience) {
  if (!descriptor.size || descriptor.media_type.empty()) {
    const auto document =
        context.images.document(descriptor.digest, descriptor.media_type, patience);
    descriptor = describe(context.content, descriptor.digest, descriptor.media_type, *document);
  }
  return {std::move(descriptor), tag};
}

/// The repository's index: all tags, resolved side by side.
std::string repository_index(const ImageContext& context, const Patience& patience) {
  std::vector<LayoutEntry> entries;
  SideBySide side_by_side;
  const Selection& selection = context.selection;
  std::vector<Descriptor> untagged;
  std::set<std::string> tags;
  if (selection.digest) {
    untagged.push_back({.digest = *selection.digest});
  } else if (selection.tag) {
    tags.insert(*selection.tag);
  } else {
    tags = *context.tags.list(patience).names;
    untagged = context.tags.untagged();
  }
  for (const std::string& name : tags) {
    side_by_side.run([&] {
      // One that went meanwhile is none.
      if (const auto tag = context.tags.resolve(name, patience)) {
        entries.push_back(entry_of(context, tag->descriptor, name, patience));
      }
    });
  }
  for (const Descriptor& descriptor : untagged) {
    side_by_side.run([&] { entries.push_back(entry_of(context, descriptor, {}, patience)); });
  }
  side_by_side.wait();
  return layout_index(entries);
}

/// The repository's `oci/`. Its index is made when it is opened, and made anew, as another file,
/// once the tags in it are no longer believed or are to be asked for again.
class RepositoryLayout final : public Directory {
 public:
  RepositoryLayout(InodeNumber inode, const ImageContext& context)
      : Directory(inode), context_(context) {}

  [[nodiscard]] Attributes attributes() const override {
    return {.type = FileType::directory,
            .modified = from_nanoseconds(generations_.lock()->count),
            .valid = Clock::duration::zero()};
  }
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& patience) const override {
    return find_entry(list(patience), name);
  }
  [[nodiscard]] Listing list(const Patience& /*patience*/) const override {
    const LayoutBlobs blobs{
        .list = [&context = context_](const Patience&) { return context.seen.all_stored(); },
        .has = [&context = context_](
                   const Digest& digest,
                   const Patience& patience) { return context.images.has(digest, patience); },
        .version = [&context = context_] { return context.seen.version(); }};
    auto entries = layout_entries(context_, "oci", blobs);
    entries.push_back({"index.json", index(), context_.selection.tag_ttl});
    return make_listing(std::move(entries));
  }

 private:
  struct Generations {
    const MadeTextFile* index = nullptr;
    const MadeTextFile* before = nullptr;  ///< the one that `index` took the place of
    std::int64_t count = 0;
    std::uint64_t round = 0;  ///< of the tags, when `index` was new
  };

  [[nodiscard]] const Node* index() const {
    const Generations last = *generations_.lock();
    const std::uint64_t round = context_.tags.round();
    if (last.index != nullptr) {
      const auto made_at = last.index->made_at();
      const bool is_believed =
          made_at && last.round == round && Clock::now() < *made_at + context_.selection.tag_ttl;
      if (!made_at || is_believed) return last.index;
    }
    const auto make = [&context = context_](const Patience& patience) {
      return repository_index(context, patience);
    };
    const auto* made =
        context_.nodes.intern<MadeTextFile>(str_cat("oci/index.json#", last.count + 1), make);
    // The kernel may still lead somebody to the last one, and no longer to the one before.
    if (last.before != nullptr) last.before->retire();
    *generations_.lock() = {made, last.index, last.count + 1, round};
    return made;
  }

  // Constant after construction.
  const ImageContext& context_;
  // Guarded by the lock it lives in.
  mutable Guarded<Generations> generations_;
};

}  // namespace

const Directory* repository_layout(const ImageContext& context) {
  return context.nodes.intern<RepositoryLayout>("oci", context);
}

}  // namespace digestfs::fs
