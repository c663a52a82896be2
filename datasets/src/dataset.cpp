#include "neurojoule/datasets/dataset.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/datasets/grey_image.hpp"

namespace nj {
namespace {

/// `name` or `name.gz` in the directory, whichever exists.
std::filesystem::path find_idx(const DatasetSpec& spec, const std::string& name) {
  std::filesystem::path plain = spec.path / name;
  if (std::filesystem::exists(plain)) return plain;
  std::filesystem::path packed = plain.string() + ".gz";
  if (std::filesystem::exists(packed)) return packed;
  throw Error(
      ErrorKind::io,
      fmt::format("neither {0} nor {0}.gz is there (Debian: install dataset-fashion-mnist)", name),
      {.file = spec.path.string(), .key = "dataset.path"});
}

std::filesystem::path find_cifar(const DatasetSpec& spec, const std::string& name) {
  std::filesystem::path file = spec.path / name;
  if (std::filesystem::exists(file)) return file;
  throw Error(ErrorKind::io, fmt::format("{} of CIFAR-10's binary version is not there", name),
              {.file = spec.path.string(), .key = "dataset.path"});
}

LabelledImages read_cifar_split(const DatasetSpec& spec) {
  std::vector<std::filesystem::path> files;
  if (spec.split == Split::test) {
    files.push_back(find_cifar(spec, "test_batch.bin"));
  } else {
    for (int i = 1; i <= 5; ++i)
      files.push_back(find_cifar(spec, fmt::format("data_batch_{}.bin", i)));
  }
  return read_cifar10(files);
}

LabelledImages read_idx_split(const DatasetSpec& spec) {
  const std::string prefix = spec.split == Split::train ? "train" : "t10k";
  const std::filesystem::path images = find_idx(spec, prefix + "-images-idx3-ubyte");
  return read_idx_pair(images, find_idx(spec, prefix + "-labels-idx1-ubyte"));
}

bool has_no_splits(DatasetSource source) {
  return source == DatasetSource::hdf5 || source == DatasetSource::frames;
}

void choose_samples(DatasetSpec& spec, std::uint64_t available) {
  const std::uint64_t left = available - std::min(spec.first, available);
  const std::uint64_t wanted = spec.samples.value_or(left);
  if (wanted == 0 || wanted > left) {
    const std::string_view whole = has_no_splits(spec.source)   ? "file"
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

Dataset::Dataset(DatasetSpec spec, std::uint64_t seed) : spec_(std::move(spec)), seed_(seed) {
  if (!spec_.encoding && spec_.source != DatasetSource::frames) validate(spec_.camera);
  read_images();
  if (spec_.encoding) encoder_.emplace(*spec_.encoding, images_.shape);
  static_cast<void>(frames(0));  // a spec that cannot work fails now, not in the middle of a run
}

void Dataset::read_images() {
  if (has_no_splits(spec_.source)) {
    const bool frames = spec_.source == DatasetSource::frames;
    const ImageHdf5 file(spec_.path, frames ? StoredSamples::frames : StoredSamples::images);
    choose_samples(spec_, file.count());
    images_ = file.read(spec_.first, *spec_.samples);
    held_from_ = spec_.first;
    if (frames) check_frames(file.timesteps());
    return;
  }
  images_ =
      spec_.source == DatasetSource::cifar10 ? read_cifar_split(spec_) : read_idx_split(spec_);
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
  if (encoder_) {
    const bool direct = spec_.encoding->encoder == Encoder::direct;
    return {images_.shape, spec_.encoding->timesteps, encoder_->least(), encoder_->largest(),
            direct ? spec_.encoding->scale : 1.0};
  }
  const std::uint32_t largest =
      spec_.framing.values == FrameValues::binary ? 1 : spec_.framing.max_value;
  FeatureShape shape{2, spec_.camera.height, spec_.camera.width};
  if (spec_.source == DatasetSource::frames) {
    shape = images_.shape;
    shape.channels /= spec_.framing.timesteps;
  }
  return {shape, spec_.framing.timesteps, 0, static_cast<std::int16_t>(largest), std::nullopt};
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
