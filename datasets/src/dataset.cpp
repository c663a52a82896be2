#include "neurojoule/datasets/dataset.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/datasets/grey_image.hpp"

namespace nj {
namespace {

namespace fs = std::filesystem;

/// What the spec reads, in this order: of Fashion-MNIST images and labels, as `file` or, where only
/// that is there, `file.gz`.
std::vector<fs::path> files_of(const DatasetSpec& spec) {
  if (!has_splits(spec.source)) return {spec.path};
  std::vector<fs::path> files;
  if (spec.source == DatasetSource::fashion_mnist) {
    const std::string prefix = spec.split == Split::train ? "train" : "t10k";
    for (const char* part : {"-images-idx3-ubyte", "-labels-idx1-ubyte"}) {
      const fs::path plain = spec.path / (prefix + part);
      const fs::path packed = plain.string() + ".gz";
      files.push_back(!fs::exists(plain) && fs::exists(packed) ? packed : plain);
    }
  } else if (spec.split == Split::test) {
    files.push_back(spec.path / "test_batch.bin");
  } else {
    for (int i = 1; i <= 5; ++i) files.push_back(spec.path / fmt::format("data_batch_{}.bin", i));
  }
  return files;
}

LabelledImages read_split(const DatasetSpec& spec) {
  const bool idx = spec.source == DatasetSource::fashion_mnist;
  if (const auto absent = absent_file(spec)) {
    const std::string name = absent->filename().string();
    throw Error(
        ErrorKind::io,
        idx ? fmt::format("neither {0} nor {0}.gz is there (Debian: install dataset-fashion-mnist)",
                          name)
            : fmt::format("{} of CIFAR-10's binary version is not there", name),
        {.file = spec.path.string(), .key = "dataset.path"});
  }
  const std::vector<fs::path> files = files_of(spec);
  return idx ? read_idx_pair(files[0], files[1]) : read_cifar10(files);
}

void choose_samples(DatasetSpec& spec, std::uint64_t available) {
  const std::uint64_t left = available - std::min(spec.first, available);
  const std::uint64_t wanted = spec.samples.value_or(left);
  if (wanted == 0 || wanted > left) {
    const std::string_view whole = !has_splits(spec.source)     ? "file"
                                   : spec.split == Split::train ? "train split"
                                                                : "test split";
    const std::string message =
        wanted == 0
            ? fmt::format("no samples from {} on in the {} of {}", spec.first, whole, available)
            : fmt::format("{} samples from {} on wanted, the {} has {}", wanted, spec.first, whole,
                          available);
    throw Error(ErrorKind::config, message, {.key = "dataset.samples"});
  }
  spec.samples = wanted;
}

}  // namespace

FrameForm frame_form(const DatasetSpec& spec, const FeatureShape& stored) {
  if (spec.encoding) {
    const FeatureShape shape =
        spec.source == DatasetSource::cifar10 ? FeatureShape{3, 32, 32} : stored;
    const ImageEncoder encoder(*spec.encoding, shape);
    const bool direct = spec.encoding->encoder == Encoder::direct;
    return {shape, spec.encoding->timesteps, encoder.least(), encoder.largest(),
            direct ? spec.encoding->scale : 1.0};
  }
  const bool frames = spec.source == DatasetSource::frames;
  if (!frames) validate(spec.camera);
  const FeatureShape shape =
      frames ? stored : FeatureShape{2, spec.camera.height, spec.camera.width};
  const std::uint32_t largest =
      spec.framing.values == FrameValues::binary ? 1 : spec.framing.max_value;
  return {shape, spec.framing.timesteps, 0, static_cast<std::int16_t>(largest), std::nullopt};
}

std::optional<std::filesystem::path> absent_file(const DatasetSpec& spec) {
  for (fs::path& file : files_of(spec)) {
    if (!fs::exists(file)) return std::move(file);
  }
  return std::nullopt;
}

Dataset::Dataset(DatasetSpec spec, std::uint64_t seed) : spec_(std::move(spec)), seed_(seed) {
  if (!spec_.encoding && spec_.source != DatasetSource::frames) validate(spec_.camera);
  read_images();
  if (spec_.encoding) encoder_.emplace(*spec_.encoding, images_.shape);
  static_cast<void>(frames(0));  // a spec that cannot work fails now, not in the middle of a run
}

void Dataset::read_images() {
  if (!has_splits(spec_.source)) {
    const bool frames = spec_.source == DatasetSource::frames;
    const ImageHdf5 file(spec_.path, frames ? StoredSamples::frames : StoredSamples::images);
    choose_samples(spec_, file.count());
    images_ = file.read(spec_.first, *spec_.samples);
    held_from_ = spec_.first;
    if (frames) check_frames(file.timesteps());
    return;
  }
  images_ = read_split(spec_);
  choose_samples(spec_, images_.count());
}

void Dataset::check_frames(std::uint32_t timesteps) const {
  const std::uint32_t most = spec_.framing.max_value;
  if (timesteps != spec_.framing.timesteps) {
    throw Error(ErrorKind::config,
                fmt::format("the frames in {} have {} time steps, not {}", spec_.path.string(),
                            timesteps, spec_.framing.timesteps),
                {.key = "dataset.framing.timesteps"});
  }
  for (std::uint64_t i = 0; i < size(); ++i) {
    for (const std::uint8_t value : pixels(i)) {
      if (value <= most) continue;
      throw Error(ErrorKind::config,
                  fmt::format("sample {} in {} holds {}, more than {}", image_index(i),
                              spec_.path.string(), value, most),
                  {.key = "dataset.framing.max_value"});
    }
  }
}

FrameForm Dataset::form() const {
  FeatureShape stored = images_.shape;
  if (spec_.source == DatasetSource::frames) stored.channels /= spec_.framing.timesteps;
  return frame_form(spec_, stored);
}

EventStream Dataset::events(std::uint64_t i) const {
  return emulate(grey_image(pixels(i), images_.shape), spec_.camera, seed_, image_index(i));
}

GradedTensor Dataset::stored_frames(std::uint64_t i) const {
  const FeatureShape shape = form().shape;
  GradedTensor frames(spec_.framing.timesteps, shape);
  const auto values = pixels(i);
  std::size_t next = 0;
  for (std::uint32_t t = 0; t < frames.timesteps(); ++t) {
    const std::span<std::int16_t> frame = frames.step(t);
    for (std::uint32_t c = 0; c < shape.channels; ++c) {
      for (std::size_t place = c; place < frame.size(); place += shape.channels) {
        frame[place] = values[next++];
      }
    }
  }
  return frames;
}

GradedTensor Dataset::frames(std::uint64_t i) const {
  if (encoder_) return (*encoder_)(pixels(i), seed_, image_index(i));
  if (spec_.source == DatasetSource::frames) return stored_frames(i);
  return frame_events(events(i), spec_.framing, spec_.camera.duration_us()).values;
}

}  // namespace nj
