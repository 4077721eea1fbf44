// SPDX-License-Identifier: Apache-2.0
#include "tests/tools/companions/fake_mount.h"

#include <fstream>
#include <utility>

#include "base/text.h"
#include "registry/image/media_type.h"
#include "tests/support/image_builder.h"

namespace digestfs::test {

namespace fs = std::filesystem;
namespace media_type = registry::media_type;

FakeMount::FakeMount() {
  for (const char* folder : {"tags", "images", "blobs", ".digestfs"}) {
    fs::create_directories(path() / folder);
  }
  write(path() / ".digestfs/problems.jsonl", "");
}

fs::path FakeMount::images(const Digest& digest) const { return path() / "images" / digest.str(); }

fs::path FakeMount::tags(const std::string& tag) const { return path() / "tags" / tag; }

Digest FakeMount::add_image(const std::string& architecture, const std::vector<Layer>& layers,
                            const std::string& extra) {
  std::string diff_ids;
  std::string descriptors;
  std::vector<std::pair<Digest, Digest>> pairs;
  for (const Layer& layer : layers) {
    pairs.emplace_back(add("blobs", layer.blob), add("diffs", layer.diff));
    const std::string comma = diff_ids.empty() ? "" : ",";
    diff_ids += str_cat(comma, '"', pairs.back().second, '"');
    descriptors +=
        str_cat(comma, R"({"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":")",
                pairs.back().first, R"(","size":)", layer.blob.size(), "}");
  }
  const std::string config_text =
      str_cat(R"({"os":"linux","architecture":")", architecture,
              R"(","created":"2025-01-02T03:04:05Z","rootfs":{"type":"layers","diff_ids":[)",
              diff_ids, "]}", extra, "}");
  const Digest config = add("configs", config_text);
  const Digest digest =
      add("manifests",
          str_cat(R"({"schemaVersion":2,"mediaType":")", media_type::kOciManifest,
                  R"(","config":{"mediaType":")", media_type::kOciConfig, R"(","digest":")", config,
                  R"(","size":)", config_text.size(), R"(},"layers":[)", descriptors, "]}"));
  const fs::path image = images(digest);
  if (fs::exists(image)) return digest;
  fs::create_directories(image / "layers");
  link(image / "manifest.json", str_cat("../../manifests/", digest));
  link(image / "config.json", str_cat("../../configs/", config));
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const fs::path layer = image / "layers" / str_cat("0", i);
    fs::create_directories(layer);
    link(layer / "blob", str_cat("../../../../blobs/", pairs[i].first));
    link(layer / "diff", str_cat("../../../../diffs/", pairs[i].second));
  }
  return digest;
}

Digest FakeMount::add_artifact(const std::vector<std::pair<std::string, std::string>>& blobs,
                               const std::string& extra, const std::string& config_type) {
  std::string descriptors;
  for (const auto& [descriptor, bytes] : blobs) {
    descriptors += str_cat(descriptors.empty() ? "" : ",", "{", descriptor, R"(,"digest":")",
                           add("blobs", bytes), R"(","size":)", bytes.size(), "}");
  }
  const Digest config = add("blobs", "{}");
  const Digest digest = add(
      "manifests", str_cat(R"({"schemaVersion":2,"mediaType":")", media_type::kOciManifest, R"(",)",
                           extra, R"("config":{"mediaType":")", config_type, R"(","digest":")",
                           config, R"(","size":2},"layers":[)", descriptors, "]}"));
  const fs::path image = images(digest);
  if (fs::exists(image)) return digest;
  fs::create_directories(image / "layers");
  link(image / "manifest.json", str_cat("../../manifests/", digest));
  for (std::size_t i = 0; i < blobs.size(); ++i) {
    link(image / "layers" / str_cat("0", i) / "blob",
         str_cat("../../../../blobs/", digest_of(blobs[i].second)));
  }
  return digest;
}

FakeMount::Layer FakeMount::gzip(const std::string& diff) { return {test::gzip(diff), diff}; }

FakeMount::Layer FakeMount::zstd(const std::string& diff) { return {test::zstd(diff), diff}; }

Digest FakeMount::add_index(const std::vector<std::pair<std::string, Digest>>& images,
                            const std::string& extra) {
  std::string descriptors;
  for (const auto& [architecture, digest] : images) {
    descriptors += str_cat(descriptors.empty() ? "" : ",", R"({"mediaType":")",
                           media_type::kOciManifest, R"(","digest":")", digest, R"(","size":)",
                           fs::file_size(path() / "manifests" / digest.str()),
                           R"(,"platform":{"os":"linux","architecture":")", architecture, R"("}})");
  }
  const Digest index =
      add("indexes", str_cat(R"({"schemaVersion":2,"mediaType":")", media_type::kOciIndex,
                             R"(","manifests":[)", descriptors, extra, "]}"));
  const fs::path image = this->images(index);
  fs::create_directories(image / "platforms");
  link(image / "manifest.json", str_cat("../../indexes/", index));
  for (const auto& [architecture, digest] : images) {
    link(image / "platforms" / ("linux_" + architecture), str_cat("../../../images/", digest));
  }
  return index;
}

void FakeMount::tag(const std::string& tag, const Digest& digest) {
  fs::copy(images(digest), tags(tag),
           fs::copy_options::recursive | fs::copy_options::copy_symlinks);
}

void FakeMount::write(const fs::path& path, std::string_view bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

Digest FakeMount::add(const std::string& folder, const std::string& bytes) {
  const Digest digest = digest_of(bytes);
  write(path() / folder / digest.str(), bytes);
  return digest;
}

void FakeMount::link(const fs::path& path, const std::string& target) {
  fs::create_directories(path.parent_path());
  fs::create_symlink(target, path);
}

}  // namespace digestfs::test
