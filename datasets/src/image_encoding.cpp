#include "neurojoule/datasets/image_encoding.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/core/rng.hpp"

namespace nj {
namespace {

constexpr std::uint32_t stream_rate = 0x494D4701;
constexpr double most_code = std::numeric_limits<std::int16_t>::max();

[[noreturn]] void refuse(const char* key, const std::string& message) {
  throw Error(ErrorKind::config, message, {.key = fmt::format("dataset.encoding.{}", key)});
}

/// The value of a channel among one for all, or one for each.
double of_channel(const char* key, const std::vector<double>& values, std::uint32_t channel,
                  std::uint32_t channels) {
  if (values.size() != 1 && values.size() != channels) {
    refuse(key, fmt::format("{} numbers for images of {} channels", values.size(), channels));
  }
  return values[values.size() == 1 ? 0 : channel];
}

std::array<std::int16_t, 256> code_table(double mean, double deviation, double scale) {
  if (!std::isfinite(mean)) refuse("mean", fmt::format("expected a number, got {}", mean));
  if (!(deviation > 0.0))
    refuse("std", fmt::format("expected a number above 0, got {}", deviation));
  if (!(scale > 0.0)) refuse("scale", fmt::format("expected a number above 0, got {}", scale));
  std::array<std::int16_t, 256> codes{};
  for (std::size_t v = 0; v < codes.size(); ++v) {
    const double x = (static_cast<double>(v) / 255.0 - mean) / deviation / scale;
    const double code = std::floor(x + 0.5);
    if (!(std::fabs(code) <= most_code)) {
      refuse("scale", fmt::format("the code of a pixel of {} is {}, over {}", v, code, most_code));
    }
    codes[v] = static_cast<std::int16_t>(code);
  }
  return codes;
}

}  // namespace

ImageEncoder::ImageEncoder(const ImageEncoding& encoding, const FeatureShape& shape)
    : encoder_(encoding.encoder), timesteps_(encoding.timesteps), shape_(shape) {
  if (timesteps_ < 1 || timesteps_ > 1024) {
    refuse("timesteps", fmt::format("expected 1..1024, got {}", timesteps_));
  }
  if (encoder_ == Encoder::rate) {
    if (timesteps_ * shape.neurons() > std::numeric_limits<std::uint32_t>::max()) {
      refuse("timesteps", fmt::format("{} steps of {} are more than 2^32 random numbers",
                                      timesteps_, to_string(shape)));
    }
    return;
  }
  for (std::uint32_t c = 0; c < shape.channels; ++c) {
    codes_.push_back(code_table(of_channel("mean", encoding.mean, c, shape.channels),
                                of_channel("std", encoding.deviation, c, shape.channels),
                                encoding.scale));
    // Codes rise with the pixel value.
    least_ = std::min(least_, codes_.back().front());
    largest_ = std::max(largest_, codes_.back().back());
  }
}

GradedTensor ImageEncoder::operator()(std::span<const std::uint8_t> pixels, std::uint64_t seed,
                                      std::uint64_t image_index) const {
  GradedTensor frames(timesteps_, shape_);
  const RandomKey key{seed, stream_rate, image_index};
  std::uint32_t draw = 0;
  for (std::uint32_t t = 0; t < timesteps_; ++t) {
    const std::span<std::int16_t> frame = frames.step(t);
    if (encoder_ == Encoder::direct && t > 0) {
      std::copy_n(frames.step(0).begin(), frame.size(), frame.begin());
      continue;
    }
    std::size_t next = 0;
    for (std::uint32_t c = 0; c < shape_.channels; ++c) {
      for (std::size_t place = c; place < frame.size(); place += shape_.channels) {
        const std::uint8_t v = pixels[next++];
        frame[place] = encoder_ == Encoder::direct
                           ? codes_[c][v]
                           : static_cast<std::int16_t>(random_below(key, draw++, 255) < v);
      }
    }
  }
  return frames;
}

}  // namespace nj
