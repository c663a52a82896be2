#include "neurojoule/datasets/image_files.hpp"

#include <limits>
#include <utility>

#include <fmt/format.h>

#include "neurojoule/core/atomic_file.hpp"
#include "neurojoule/core/error.hpp"
#include "neurojoule/datasets/idx.hpp"

namespace nj {
namespace {

constexpr FeatureShape cifar_shape{3, 32, 32};
constexpr std::uint64_t cifar_record = 1 + cifar_shape.neurons();
constexpr std::uint8_t most_cifar_label = 9;
constexpr std::uint64_t most_extent = std::uint64_t{1} << 16;
constexpr std::int64_t most_label = std::numeric_limits<std::uint16_t>::max();
constexpr std::int64_t most_frame_label = std::numeric_limits<std::uint8_t>::max();

void append_cifar10(const std::filesystem::path& file, LabelledImages& images) {
  const std::uint64_t room = max_image_bytes - images.pixels.size();
  const std::string bytes = read_file(file, room);
  const auto refuse = [&](std::uint64_t offset, const std::string& message) {
    throw Error(ErrorKind::format, message, {.file = file.string(), .byte_offset = offset});
  };
  const std::uint64_t records = bytes.size() / cifar_record;
  if (records == 0 || bytes.size() % cifar_record != 0) {
    refuse(records * cifar_record,
           fmt::format("expected records of {} bytes (a label, 3 x 32 x 32 pixels), got {} bytes",
                       cifar_record, bytes.size() - records * cifar_record));
  }
  for (std::uint64_t begin = 0; begin < bytes.size(); begin += cifar_record) {
    const auto label = static_cast<std::uint8_t>(bytes[begin]);
    if (label > most_cifar_label) {
      refuse(begin, fmt::format("expected a label of 0..{}, got {}", most_cifar_label, label));
    }
    images.labels.push_back(label);
    const auto first = bytes.begin() + static_cast<std::ptrdiff_t>(begin) + 1;
    images.pixels.insert(images.pixels.end(), first, first + cifar_record - 1);
  }
}

}  // namespace

LabelledImages read_idx_pair(const std::filesystem::path& images,
                             const std::filesystem::path& labels) {
  IdxImages stack = read_idx_images(images);
  const std::vector<std::uint8_t> numbers = read_idx_labels(labels);
  if (numbers.size() != stack.count) {
    throw Error(ErrorKind::format,
                fmt::format("{} labels for {} images", numbers.size(), stack.count),
                {.file = labels.string()});
  }
  return {
      {1, stack.height, stack.width}, std::move(stack.pixels), {numbers.begin(), numbers.end()}};
}

LabelledImages read_cifar10(std::span<const std::filesystem::path> files) {
  LabelledImages images{cifar_shape, {}, {}};
  for (const std::filesystem::path& file : files) append_cifar10(file, images);
  return images;
}

ImageHdf5::ImageHdf5(const std::filesystem::path& file, StoredSamples samples)
    : file_(file), key_(samples == StoredSamples::frames ? "frames" : "images"), reader_(file) {
  const auto refuse = [&](ErrorKind kind, const std::string& key, const std::string& message) {
    throw Error(kind, message, {.file = file_.string(), .key = key});
  };
  const std::vector<std::uint64_t> sizes = reader_.shape(key_);
  const std::vector<std::uint64_t> labels = reader_.shape("labels");
  const std::string written = fmt::format("[{}]", fmt::join(sizes, ", "));
  const bool steps = samples == StoredSamples::frames;
  if (sizes.size() != (steps ? 5 : 4)) {
    refuse(ErrorKind::format, key_,
           fmt::format("expected [N, {}C, H, W], got {}", steps ? "T, " : "", written));
  }
  std::uint64_t room = max_image_bytes;
  for (std::size_t i = 1; i < sizes.size(); ++i) {
    if (sizes[i] == 0) refuse(ErrorKind::format, key_, fmt::format("empty {}: {}", key_, written));
    if (sizes[i] > most_extent || sizes[i] > room) {
      refuse(ErrorKind::capacity, key_,
             fmt::format("{} of {} are over {} in an extent or {} bytes", key_, written,
                         most_extent, max_image_bytes));
    }
    room /= sizes[i];
  }
  if (labels.size() != 1 || labels[0] != sizes[0]) {
    refuse(ErrorKind::format, "labels",
           fmt::format("expected [{}] for {} {}, got [{}]", sizes[0], key_, written,
                       fmt::join(labels, ", ")));
  }
  count_ = sizes[0];
  if (steps) timesteps_ = static_cast<std::uint32_t>(sizes[1]);
  const std::size_t channels = sizes.size() - 3;
  shape_ = {timesteps_ * static_cast<std::uint32_t>(sizes[channels]),
            static_cast<std::uint32_t>(sizes[channels + 1]),
            static_cast<std::uint32_t>(sizes[channels + 2])};
}

LabelledImages ImageHdf5::read(std::uint64_t first, std::uint64_t count) const {
  if (count > max_image_bytes / shape_.neurons()) {
    throw Error(ErrorKind::capacity,
                fmt::format("{} {} of {} are more than {} bytes; take fewer samples", count, key_,
                            to_string(shape_), max_image_bytes),
                {.file = file_.string(), .key = key_});
  }
  LabelledImages images{
      shape_, reader_.read_rows<std::uint8_t>(key_, first, count, max_image_bytes), {}};
  const auto labels = reader_.read_rows<std::int64_t>("labels", first, count, max_image_bytes);
  const std::int64_t most = key_ == "frames" ? most_frame_label : most_label;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0 || labels[i] > most) {
      throw Error(
          ErrorKind::format,
          fmt::format("expected labels of 0..{}, got {} for sample {}", most, labels[i], first + i),
          {.file = file_.string(), .key = "labels"});
    }
    images.labels.push_back(static_cast<std::uint16_t>(labels[i]));
  }
  return images;
}

}  // namespace nj
