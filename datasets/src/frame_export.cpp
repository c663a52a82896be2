#include "neurojoule/datasets/frame_export.hpp"

#include <algorithm>
#include <limits>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/core/hdf5_file.hpp"
#include "neurojoule/core/parallel.hpp"

namespace nj {
namespace {

constexpr std::uint64_t block_samples = 512;
constexpr std::uint64_t chunk_samples = 64;

/// Reorders `[T, H, W, C]` to `[T, C, H, W]`; frame values are 0..255.
void copy_channels_first(const GradedTensor& frames, std::span<std::uint8_t> out) {
  const FeatureShape& shape = frames.shape();
  std::size_t at = 0;
  for (std::uint32_t t = 0; t < frames.timesteps(); ++t) {
    const auto values = frames.step(t);
    for (std::uint32_t c = 0; c < shape.channels; ++c) {
      for (std::uint64_t i = c; i < values.size(); i += shape.channels) {
        out[at++] = static_cast<std::uint8_t>(values[i]);
      }
    }
  }
}

std::uint8_t byte_label(const Dataset& dataset, std::uint64_t i) {
  const std::uint32_t label = dataset.label(i);
  if (label > std::numeric_limits<std::uint8_t>::max()) {
    throw Error(ErrorKind::unsupported,
                fmt::format("labels of frames are 0..255, got {} for image {}", label,
                            dataset.image_index(i)),
                {.key = "dataset.path"});
  }
  return static_cast<std::uint8_t>(label);
}

}  // namespace

FrameExport export_frames(const Dataset& dataset, const std::filesystem::path& file,
                          unsigned threads,
                          const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  const DatasetSpec& spec = dataset.spec();
  if (spec.encoding) {
    throw Error(ErrorKind::unsupported, "frames are written of events, not of encoded images",
                {.key = "dataset.encoding"});
  }
  if (spec.source == DatasetSource::frames) {
    throw Error(ErrorKind::unsupported, "these are frames already", {.key = "dataset.source"});
  }
  const std::uint64_t steps = spec.framing.timesteps;
  const std::uint64_t size = steps * 2 * spec.camera.height * spec.camera.width;
  Hdf5Writer writer(file);
  writer.create_rows<std::uint8_t>("frames", {steps, 2, spec.camera.height, spec.camera.width},
                                   chunk_samples);
  writer.create_rows<std::uint8_t>("labels", {}, block_samples);
  FrameExport done{dataset.size(), 0, 0};
  for (std::uint64_t first = 0; first < dataset.size(); first += block_samples) {
    if (progress) progress(first, dataset.size());
    const std::uint64_t count = std::min(block_samples, dataset.size() - first);
    std::vector<std::uint8_t> frames(count * size);
    std::vector<std::uint8_t> labels(count);
    std::vector<std::uint64_t> events(count);
    std::vector<std::uint64_t> saturated(count);
    parallel_for(count, 8, threads, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) {
        const EventStream stream = dataset.events(first + i);
        const Frames framed = frame_events(stream, spec.framing, spec.camera.duration_us());
        copy_channels_first(framed.values, std::span(frames).subspan(i * size, size));
        labels[i] = byte_label(dataset, first + i);
        events[i] = stream.events.size();
        saturated[i] = framed.saturated_events;
      }
    });
    writer.append_rows<std::uint8_t>("frames", frames);
    writer.append_rows<std::uint8_t>("labels", labels);
    for (const std::uint64_t value : events) done.events += value;
    for (const std::uint64_t value : saturated) done.saturated_events += value;
  }
  if (progress) progress(dataset.size(), dataset.size());
  writer.attribute("/", "dataset", to_yaml(spec, 0));
  writer.attribute("/", "seed", static_cast<std::int64_t>(dataset.seed()));
  writer.attribute("/", "events", static_cast<std::int64_t>(done.events));
  writer.attribute("/", "saturated_events", static_cast<std::int64_t>(done.saturated_events));
  writer.commit();
  return done;
}

}  // namespace nj
