#include "neurojoule/datasets/dataset.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"

namespace nj {
namespace {

/// `name` or `name.gz` in the directory, whichever exists.
std::filesystem::path find_file(const DatasetSpec& spec, const std::string& name) {
  const std::filesystem::path plain = spec.path / name;
  if (std::filesystem::exists(plain)) return plain;
  const std::filesystem::path packed = plain.string() + ".gz";
  if (std::filesystem::exists(packed)) return packed;
  throw Error(
      ErrorKind::io,
      fmt::format("neither {0} nor {0}.gz is there (Debian: install dataset-fashion-mnist)", name),
      {.file = spec.path.string(), .key = "dataset.path"});
}

void choose_samples(DatasetSpec& spec, std::uint64_t available) {
  const std::uint64_t left = available - std::min(spec.first, available);
  const std::uint64_t wanted = spec.samples.value_or(left);
  if (wanted == 0 || wanted > left) {
    const std::string_view split = spec.split == Split::train ? "train" : "test";
    const std::string message =
        wanted == 0 ? fmt::format("no samples from {} on in the {} split of {}", spec.first, split,
                                  available)
                    : fmt::format("{} samples from {} on wanted, the {} split has {}", wanted,
                                  spec.first, split, available);
    throw Error(ErrorKind::config, message, {.key = "dataset.samples"});
  }
  spec.samples = wanted;
}

}  // namespace

Dataset::Dataset(DatasetSpec spec, std::uint64_t seed) : spec_(std::move(spec)), seed_(seed) {
  validate(spec_.camera);
  const std::string prefix = spec_.split == Split::train ? "train" : "t10k";
  const auto image_file = find_file(spec_, prefix + "-images-idx3-ubyte");
  const auto label_file = find_file(spec_, prefix + "-labels-idx1-ubyte");
  images_ = read_idx_images(image_file);
  labels_ = read_idx_labels(label_file);
  if (labels_.size() != images_.count) {
    throw Error(ErrorKind::format,
                fmt::format("{} labels for {} images", labels_.size(), images_.count),
                {.file = label_file.string()});
  }
  choose_samples(spec_, images_.count);
  static_cast<void>(frames(0));  // a spec that cannot work fails now, not in the middle of a run
}

EventStream Dataset::events(std::uint64_t i) const {
  return emulate(image(i), spec_.camera, seed_, image_index(i));
}

GradedTensor Dataset::frames(std::uint64_t i) const {
  return frame_events(events(i), spec_.framing, spec_.camera.duration_us()).values;
}

}  // namespace nj
