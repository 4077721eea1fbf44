// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/compare/file_changes.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <map>
#include <set>

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/error.h"
#include "base/text.h"
#include "tools/companions/common/words.h"
#include "tools/companions/mount/files.h"

namespace digestfs::companions {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
constexpr const char* kLayerAttribute = "user.digestfs.layer";

using Attributes = std::map<std::string, std::string>;

std::string_view type_of(const struct stat& status) {
  switch (status.st_mode & S_IFMT) {
    case S_IFREG:
      return "file";
    case S_IFDIR:
      return "directory";
    case S_IFLNK:
      return "link";
    case S_IFCHR:
      return "character device";
    case S_IFBLK:
      return "block device";
    case S_IFIFO:
      return "fifo";
    default:
      return "socket";
  }
}

std::string mode_text(const struct stat& status) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "%04o", status.st_mode & 07777U);
  return text.data();
}

/// A layer of an image, by its number.
struct Origin {
  std::optional<std::size_t> layer = {};
  bool is_certain = false;  ///< the mount says so; otherwise it is the topmost layer with that path
};

/// One of the two images, and where its files are.
class Side {
 public:
  explicit Side(const Image& image) : image_(image), rootfs_(image.directory.place / "rootfs") {}

  [[nodiscard]] fs::path at(const fs::path& path) const { return rootfs_ / path; }
  [[nodiscard]] std::size_t layer_count() const { return image_.layers.size(); }

  /// Returns the layer that brought what is at `path`. `attributes` are those of the path.
  [[nodiscard]] Origin origin_of(const fs::path& path, const Attributes& attributes) const {
    if (const auto found = attributes.find(kLayerAttribute); found != attributes.end()) {
      return {number_of(found->second), true};
    }
    // Links, devices and fifos have no such attribute. The topmost layer that has the path usually
    // brought it; but a layer may have brought it by another path, through a link.
    for (std::size_t i = image_.layers.size(); i-- > 0;) {
      if (status_of(tree(i) / path)) return {i, false};
    }
    return {};
  }

  /// Returns the number of the topmost layer with a whiteout that hides `path`.
  [[nodiscard]] std::optional<std::size_t> layer_that_hides(const fs::path& path) const {
    for (std::size_t i = image_.layers.size(); i-- > 0;) {
      if (hides(i, path)) return i;
    }
    return std::nullopt;
  }

  [[nodiscard]] std::string name_of(std::optional<std::size_t> layer) const {
    return layer ? image_.layers[*layer].name : "";
  }

 private:
  [[nodiscard]] fs::path tree(std::size_t layer) const {
    return image_.directory.place / "layers" / image_.layers[layer].name / "tree";
  }

  [[nodiscard]] std::optional<std::size_t> number_of(const std::string& name) const {
    const auto number = parse_decimal(name);
    if (!number || *number >= image_.layers.size()) return std::nullopt;
    return static_cast<std::size_t>(*number);
  }

  [[nodiscard]] bool hides(std::size_t layer, const fs::path& path) const {
    fs::path folder = tree(layer);
    for (const fs::path& part : path) {
      if (status_of(folder / kOpaque)) return true;
      if (status_of(folder / str_cat(kWhiteout, part.native()))) return true;
      folder /= part;
      const auto status = status_of(folder);
      if (!status || !S_ISDIR(status->st_mode)) return false;
    }
    return false;
  }

  // Constant after construction.
  const Image& image_;
  fs::path rootfs_;
};

class Walk {
 public:
  Walk(const Image& a, const Image& b, Progress& progress,
       const std::function<void(const FileChange&)>& take)
      : a_(a), b_(b), progress_(progress), take_(take) {
    const std::size_t most = std::min(a.layers.size(), b.layers.size());
    while (base_ < most && a.layers[base_].diff && a.layers[base_].diff == b.layers[base_].diff) {
      ++base_;
    }
  }

  /// Returns true if the layers of both are the same, and so are all files.
  [[nodiscard]] bool has_nothing_to_find() const {
    return base_ == a_.layer_count() && base_ == b_.layer_count();
  }

  /// Compares what both have in the folder `folder`. No file system has paths long enough for a
  /// stack to overflow.
  void folder(const fs::path& folder) {
    const auto in_a = names_in(a_.at(folder)).value_or(std::vector<std::string>());
    const auto in_b = names_in(b_.at(folder)).value_or(std::vector<std::string>());
    std::vector<std::string> all;
    std::ranges::set_union(in_a, in_b, std::back_inserter(all));
    for (const std::string& name : all) entry(folder / name);
  }

 private:
  void entry(const fs::path& path) {
    progress_.show(str_cat(counted(++seen_, "file"), " compared: /", path.native()));
    const auto in_a = status_of(a_.at(path));
    const auto in_b = status_of(b_.at(path));
    if (!in_a && !in_b) return;
    FileChange change{.path = "/" + path.native()};
    if (!in_b) {
      change.kind = FileChangeKind::removed;
      change.is_directory = S_ISDIR(in_a->st_mode);
      change.layer_a = a_.name_of(a_.origin_of(path, own_attributes(a_.at(path))).layer);
      change.removed_by = b_.name_of(b_.layer_that_hides(path));
    } else if (!in_a) {
      change.kind = FileChangeKind::added;
      change.is_directory = S_ISDIR(in_b->st_mode);
      change.layer_b = b_.name_of(b_.origin_of(path, own_attributes(b_.at(path))).layer);
    } else {
      compare(path, *in_a, *in_b, change);
    }
    if (change.kind != FileChangeKind::changed || !change.what.empty()) take_(change);
    if (in_a && in_b && S_ISDIR(in_a->st_mode) && S_ISDIR(in_b->st_mode)) folder(path);
  }

  /// Fills in what differs of a path that both have.
  void compare(const fs::path& path, const struct stat& in_a, const struct stat& in_b,
               FileChange& change) const {
    const Attributes attributes_a = own_attributes(a_.at(path));
    const Attributes attributes_b = own_attributes(b_.at(path));
    const Origin of_a = a_.origin_of(path, attributes_a);
    const Origin of_b = b_.origin_of(path, attributes_b);
    const auto add = [&change](std::string_view what, const auto& before, const auto& after) {
      change.what.push_back(str_cat(what, " ", before, " → ", after));
    };
    if ((in_a.st_mode & S_IFMT) != (in_b.st_mode & S_IFMT)) {
      add("type", type_of(in_a), type_of(in_b));
    } else {
      if (in_a.st_mode != in_b.st_mode) add("mode", mode_text(in_a), mode_text(in_b));
      if (in_a.st_uid != in_b.st_uid || in_a.st_gid != in_b.st_gid) {
        add("owner", str_cat(in_a.st_uid, ":", in_a.st_gid),
            str_cat(in_b.st_uid, ":", in_b.st_gid));
      }
      if (S_ISLNK(in_a.st_mode)) {
        const auto target_a = link_target(a_.at(path)).value_or("");
        const auto target_b = link_target(b_.at(path)).value_or("");
        if (target_a != target_b) add("target", target_a, target_b);
      } else if (S_ISREG(in_a.st_mode)) {
        if (in_a.st_size != in_b.st_size) {
          add("size", in_a.st_size, in_b.st_size);
        } else if (!is_of_base(of_a, of_b) && !has_same_content(a_.at(path), b_.at(path))) {
          change.what.emplace_back("content");
        }
      } else if (in_a.st_rdev != in_b.st_rdev) {
        add("device", str_cat(major(in_a.st_rdev), ":", minor(in_a.st_rdev)),
            str_cat(major(in_b.st_rdev), ":", minor(in_b.st_rdev)));
      }
      if (in_a.st_mtim.tv_sec != in_b.st_mtim.tv_sec ||
          in_a.st_mtim.tv_nsec != in_b.st_mtim.tv_nsec) {
        change.what.emplace_back("time");
      }
      if (of_image(attributes_a) != of_image(attributes_b)) change.what.emplace_back("attributes");
    }
    // What differs does not come from one layer of the base: then the guess was wrong.
    const bool is_wrong_guess = of_a.layer == of_b.layer && of_a.layer && *of_a.layer < base_ &&
                                !(of_a.is_certain && of_b.is_certain);
    if (is_wrong_guess) return;
    change.layer_a = a_.name_of(of_a.layer);
    change.layer_b = b_.name_of(of_b.layer);
  }

  /// Returns true if a file that both have certainly comes from one layer of the base. Below that,
  /// everything is the same in both, and so is what the layer made of it.
  [[nodiscard]] bool is_of_base(const Origin& of_a, const Origin& of_b) const {
    return of_a.is_certain && of_b.is_certain && of_a.layer && of_a.layer == of_b.layer &&
           *of_a.layer < base_;
  }

  /// Returns the attributes that the image gives a file, without those that digestfs adds.
  static Attributes of_image(Attributes attributes) {
    std::erase_if(attributes, [](const auto& attribute) {
      return attribute.first.starts_with("user.digestfs.") ||
             attribute.first.starts_with("user.oci.");
    });
    return attributes;
  }

  // Constant after construction.
  Side a_;
  Side b_;
  std::size_t base_ = 0;  ///< how many layers from the base upwards are the same
  // Used by one thread.
  Progress& progress_;
  const std::function<void(const FileChange&)>& take_;
  std::size_t seen_ = 0;
};

}  // namespace

std::string_view to_string(FileChangeKind kind) noexcept {
  switch (kind) {
    case FileChangeKind::added:
      return "added";
    case FileChangeKind::removed:
      return "removed";
    case FileChangeKind::changed:
      return "changed";
  }
  return {};
}

void compare_files(const Image& a, const Image& b, Progress& progress,
                   const std::function<void(const FileChange&)>& take) {
  Walk walk(a, b, progress, take);
  if (!walk.has_nothing_to_find()) walk.folder("");
  progress.clear();
}

}  // namespace digestfs::companions
