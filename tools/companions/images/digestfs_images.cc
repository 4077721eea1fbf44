// SPDX-License-Identifier: Apache-2.0

// digestfs-images(1): the images of mounts as a table.

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "tools/companions/common/in_order.h"
#include "tools/companions/common/program.h"
#include "tools/companions/common/progress.h"
#include "tools/companions/images/report.h"
#include "tools/companions/images/rows.h"
#include "tools/companions/mount/files.h"
#include "tools/companions/mount/image_directory.h"
#include "tools/exit_code.h"

namespace digestfs::companions {
namespace {

const Usage program_usage = {
    .program = "digestfs-images",
    .summary = "Shows the images of a mount: a row per tag and platform.",
    .arguments = "[options] MOUNT...",
    .options = {{"a,all", "also images without a tag that the mount shows in images/", ""},
                {"tag", "only tags that match a shell pattern", "PATTERN"},
                {"repository", "only repositories that match a shell pattern", "PATTERN"},
                {"platform", "only images for this platform", "OS/ARCH[/VARIANT]"},
                {"digest", "only images of which the digest, the image ID or the index begins so",
                 "DIGEST"},
                {"no-trunc", "whole digests and all columns on a terminal too", ""},
                {"stream", "print each row as soon as it is known", ""},
                {"jobs", "how many tags are read at a time (default: 8)", "N"}},
    .examples = {"digestfs-images ~/mnt",
                 "digestfs-images --platform linux/arm64 --tag 'v1.*' ~/mnt",
                 "digestfs-images --json ~/mnt | jq -r '.images[].digest'"}};

ImageFilter filter_of(const Arguments& arguments) {
  ImageFilter filter;
  filter.repository = arguments.value("repository").value_or("");
  filter.tag = arguments.value("tag").value_or("");
  filter.digest = arguments.value("digest").value_or("");
  try {
    if (const auto platform = arguments.value("platform")) {
      filter.platform = registry::parse_platform(*platform);
    }
  } catch (const Error& error) {
    throw tools::UsageError(error.what());
  }
  return filter;
}

/// The rows of several repositories, one after the other.
class Listing {
 public:
  Listing(const Arguments& arguments, ImageReport& report)
      : filter_(filter_of(arguments)),
        jobs_(arguments.number("jobs", 1, 64, 8)),
        shows_all_(arguments.has("all")),
        progress_(arguments.has("quiet") || arguments.has("stream") ? ShowProgress::no
                                                                    : ShowProgress::yes),
        report_(report) {}

  void add(const RepositoryDirectory& repository) {
    std::vector<std::string> tags;
    try {
      tags = names_in(repository.path / "tags").value_or(tags);
    } catch (const Error& error) {
      show({.repository = repository.name, .error = error.what()});
      return;
    }
    // A repository that has no tags at all, such as a store's, is shown by its digests.
    const bool has_tags = !tags.empty();
    std::erase_if(tags, [&](const std::string& tag) { return !filter_.takes_tag(tag); });
    add_places(repository, "tags", tags);
    if ((shows_all_ || !has_tags) && filter_.tag.empty()) {
      auto images = names_in(repository.path / "images").value_or(std::vector<std::string>());
      std::erase_if(images, [&](const std::string& name) { return shown_.contains(name); });
      add_places(repository, "images", images);
    }
    shown_.clear();
  }

  [[nodiscard]] bool has_failed() const noexcept { return has_failed_; }

 private:
  void add_places(const RepositoryDirectory& repository, const std::string& folder,
                  const std::vector<std::string>& names) {
    const bool is_tag = folder == "tags";
    const auto read = [&](std::size_t i) {
      return rows_of({.repository = repository.name,
                      .tag = is_tag ? names[i] : "",
                      .path = repository.path / folder / names[i]});
    };
    std::size_t done = 0;
    in_order(names.size(), jobs_, read, [&](const std::vector<ImageRow>& rows) {
      ++done;
      progress_.show(str_cat(repository.name, ": ", done, " of ", names.size(), " ", folder));
      for (const ImageRow& row : rows) show(row);
    });
    progress_.clear();
  }

  void show(const ImageRow& row) {
    if (!row.error.empty()) has_failed_ = true;
    // In images/, what a tag or an index leads to is no image without a tag.
    if (shows_all_ || row.tag.empty()) {
      for (const auto& digest : {row.digest, row.index}) {
        if (digest) shown_.insert(digest->str());
      }
    }
    if (!filter_.takes(row)) return;
    progress_.clear();
    report_.add(row);
  }

  // Constant after construction.
  ImageFilter filter_;
  std::size_t jobs_;
  bool shows_all_;
  // Synchronises itself.
  Progress progress_;
  // Used by one thread.
  ImageReport& report_;
  std::set<std::string> shown_;
  bool has_failed_ = false;
};

Answer show_images(const Arguments& arguments) {
  if (arguments.words().empty()) throw tools::UsageError("MOUNT is missing");
  const ImageFilter filter = filter_of(arguments);
  std::vector<RepositoryDirectory> repositories;
  KnownWidths widths;
  for (const std::string& word : arguments.words()) {
    for (RepositoryDirectory& repository : find_repositories(word)) {
      if (!filter.takes_repository(repository.name)) continue;
      widths.repository = std::max(widths.repository, columns_of(shown(repository.name)));
      repositories.push_back(std::move(repository));
    }
  }
  const Terminal terminal = look_at_output();
  const bool is_whole = !terminal.is_terminal || arguments.has("no-trunc");
  const auto report = make_report(std::cout, terminal,
                                  arguments.has("json") ? ImageFormat::json : ImageFormat::table,
                                  arguments.has("stream") ? RowsAtOnce::yes : RowsAtOnce::no,
                                  is_whole ? Digests::whole : Digests::brief, widths);
  Listing listing(arguments, *report);
  for (const RepositoryDirectory& repository : repositories) listing.add(repository);
  report->finish();
  return listing.has_failed() ? Answer::no : Answer::yes;
}

}  // namespace
}  // namespace digestfs::companions

int main(int argc, char** argv) {
  return digestfs::companions::run_program(digestfs::companions::program_usage, argc, argv,
                                           digestfs::companions::show_images);
}
