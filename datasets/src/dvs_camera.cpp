#include "neurojoule/datasets/dvs_camera.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/core/rng.hpp"
#include "neurojoule/datasets/grey_image.hpp"

namespace nj {
namespace {

// Streams of the random generator; the numbers are part of the definition of the events.
constexpr std::uint32_t stream_threshold = 0x44565301;
constexpr std::uint32_t stream_noise = 0x44565302;
constexpr std::uint32_t stream_jitter = 0x44565303;

constexpr double q16 = 65536.0;
constexpr int fraction_bits = 12;  // 2^18.9 (ln 0.001 in Q16) * 2^12 < 2^31
constexpr std::int64_t noise_slot_us = 10'000;

std::int64_t to_q16(double value) { return std::llround(value * q16); }

/// Log intensity on the sensor while the image moves.
///
/// The image lies in a field of background that is wide enough for every offset: field column
/// x + margin is image column x. Row y of the sensor at offset i + f (i whole, 0 <= f < 1) sees
/// the field between rows y - i - 1 (weight f) and y - i (weight 1 - f); likewise for columns.
class MovingImage {
 public:
  MovingImage(const Image& image, const DvsCamera& camera)
      : width_(camera.width),
        height_(camera.height),
        margin_x_(camera.width - image.width + 1),
        margin_y_(camera.height - image.height + 1),
        field_width_(camera.width + margin_x_) {
    const auto table = log_intensity_table(camera.background);
    field_.assign(field_width_ * (camera.height + margin_y_), table[0]);
    for (std::size_t y = 0; y < image.height; ++y) {
      for (std::size_t x = 0; x < image.width; ++x) {
        field_[(y + margin_y_) * field_width_ + x + margin_x_] =
            table[image.pixels[y * image.width + x]];
      }
    }
    upper_.resize(width_);
    lower_.resize(width_);
  }

  /// Writes `[height, width]` log intensities for an offset in 2^-16 pixel.
  void at(std::int64_t offset_x, std::int64_t offset_y, std::vector<std::int32_t>& out) {
    const auto whole_x = static_cast<std::size_t>(offset_x >> 16);
    const auto whole_y = static_cast<std::size_t>(offset_y >> 16);
    const auto part_x = static_cast<std::int32_t>((offset_x & 0xFFFF) >> (16 - fraction_bits));
    const auto part_y = static_cast<std::int32_t>((offset_y & 0xFFFF) >> (16 - fraction_bits));
    const std::size_t column = margin_x_ - whole_x;
    std::size_t row = margin_y_ - whole_y - 1;
    blend_row(&field_[row * field_width_ + column], part_x, upper_.data());
    for (std::size_t y = 0; y < height_; ++y) {
      ++row;
      blend_row(&field_[row * field_width_ + column], part_x, lower_.data());
      const std::int32_t* above = upper_.data();
      const std::int32_t* here = lower_.data();
      std::int32_t* target = &out[y * width_];
      for (std::size_t x = 0; x < width_; ++x) {
        target[x] = here[x] + (((above[x] - here[x]) * part_y) >> fraction_bits);
      }
      upper_.swap(lower_);
    }
  }

 private:
  void blend_row(const std::int32_t* field, std::int32_t part, std::int32_t* out) const {
    for (std::size_t x = 0; x < width_; ++x) {
      const std::int32_t left = *(field + x - 1);
      out[x] = field[x] + (((left - field[x]) * part) >> fraction_bits);
    }
  }

  std::size_t width_;
  std::size_t height_;
  std::size_t margin_x_;
  std::size_t margin_y_;
  std::size_t field_width_;
  std::vector<std::int32_t> field_;
  std::vector<std::int32_t> upper_;
  std::vector<std::int32_t> lower_;
};

/// The pixels of the sensor: references, thresholds and the events so far.
class Sensor {
 public:
  Sensor(const DvsCamera& camera, std::uint64_t seed)
      : width_(camera.width),
        refractory_us_(camera.refractory_us),
        low_(std::size_t{camera.width} * camera.height),
        high_(low_.size()),
        off_threshold_(low_.size(), static_cast<std::int32_t>(to_q16(camera.threshold))),
        on_threshold_(off_threshold_) {
    if (refractory_us_ > 0) last_event_us_.assign(low_.size(), -refractory_us_);
    if (camera.threshold_sigma > 0.0) vary_thresholds(camera, seed);
  }

  void start(const std::vector<std::int32_t>& level) {
    for (std::size_t i = 0; i < level.size(); ++i) {
      low_[i] = level[i] - off_threshold_[i];
      high_[i] = level[i] + on_threshold_[i];
    }
  }

  /// Emits the events of one step in which the level runs from `before` to `after`.
  void step(const std::vector<std::int32_t>& before, const std::vector<std::int32_t>& after,
            std::int64_t start_us, std::int64_t step_us, std::vector<Event>& events) {
    const std::size_t first = events.size();
    for (std::size_t row = 0; row < low_.size(); row += width_) {
      std::int32_t crossed = 0;
      for (std::size_t i = row; i < row + width_; ++i) {
        crossed |= static_cast<std::int32_t>(after[i] >= high_[i]) |
                   static_cast<std::int32_t>(after[i] <= low_[i]);
      }
      if (crossed == 0) continue;
      for (std::size_t i = row; i < row + width_; ++i) {
        if (after[i] >= high_[i] || after[i] <= low_[i]) {
          cross(i, before[i], after[i], start_us, step_us, events);
        }
      }
    }
    std::sort(events.begin() + static_cast<std::ptrdiff_t>(first), events.end());
  }

 private:
  void cross(std::size_t pixel, std::int32_t before, std::int32_t after, std::int64_t start_us,
             std::int64_t step_us, std::vector<Event>& events) {
    const std::int64_t slope = std::int64_t{after} - before;
    while (after >= high_[pixel]) {
      emit(pixel, 1, start_us + (high_[pixel] - std::int64_t{before}) * step_us / slope, events);
      low_[pixel] = high_[pixel] - off_threshold_[pixel];
      high_[pixel] += on_threshold_[pixel];
    }
    while (after <= low_[pixel]) {
      emit(pixel, 0, start_us + (low_[pixel] - std::int64_t{before}) * step_us / slope, events);
      high_[pixel] = low_[pixel] + on_threshold_[pixel];
      low_[pixel] -= off_threshold_[pixel];
    }
  }

  void emit(std::size_t pixel, std::uint8_t polarity, std::int64_t t_us,
            std::vector<Event>& events) {
    if (refractory_us_ > 0) {
      if (t_us - last_event_us_[pixel] < refractory_us_) return;
      last_event_us_[pixel] = t_us;
    }
    events.push_back({t_us, static_cast<std::uint16_t>(pixel % width_),
                      static_cast<std::uint16_t>(pixel / width_), polarity});
  }

  void vary_thresholds(const DvsCamera& camera, std::uint64_t seed) {
    const std::int64_t mean = to_q16(camera.threshold);
    const std::int64_t sigma = to_q16(camera.threshold_sigma);
    const RandomKey key{seed, stream_threshold, 0};
    for (std::size_t i = 0; i < low_.size(); ++i) {
      const auto step = static_cast<std::uint32_t>(2 * i);
      const auto draw = [&](std::uint32_t at) {
        return static_cast<std::int32_t>(std::max(mean / 4, mean + random_normal(key, at, sigma)));
      };
      off_threshold_[i] = draw(step);
      on_threshold_[i] = draw(step + 1);
    }
  }

  std::size_t width_;
  std::int64_t refractory_us_;
  std::vector<std::int32_t> low_;   ///< an OFF event occurs at or below this level
  std::vector<std::int32_t> high_;  ///< an ON event occurs at or above this level
  std::vector<std::int32_t> off_threshold_;
  std::vector<std::int32_t> on_threshold_;
  std::vector<std::int64_t> last_event_us_;  ///< empty without refractory time
};

void add_noise(const DvsCamera& camera, std::uint64_t seed, std::uint64_t image_index,
               std::vector<Event>& events) {
  // Probability of one event in a slot, in 2^-32; the low word gives time and polarity.
  const auto chance = static_cast<std::uint64_t>(
      std::llround(camera.noise_hz * static_cast<double>(noise_slot_us) * 1e-6 * 4294967296.0));
  const RandomKey key{seed, stream_noise, image_index};
  std::uint32_t draw = 0;
  for (std::int64_t slot = 0; slot < camera.duration_us(); slot += noise_slot_us) {
    for (std::uint32_t y = 0; y < camera.height; ++y) {
      for (std::uint32_t x = 0; x < camera.width; ++x) {
        const std::uint64_t random = random_u64(key, draw++);
        if (random >> 32 >= chance) continue;
        const std::uint64_t low = random & 0xFFFFFFFFU;
        const auto t = slot + static_cast<std::int64_t>(
                                  ((low >> 1) * static_cast<std::uint64_t>(noise_slot_us)) >> 31);
        if (t > camera.duration_us()) continue;
        events.push_back({t, static_cast<std::uint16_t>(x), static_cast<std::uint16_t>(y),
                          static_cast<std::uint8_t>(low & 1)});
      }
    }
  }
  std::sort(events.begin(), events.end());
}

void add_jitter(const DvsCamera& camera, std::uint64_t seed, std::uint64_t image_index,
                std::vector<Event>& events) {
  const RandomKey key{seed, stream_jitter, image_index};
  for (std::size_t i = 0; i < events.size(); ++i) {
    const std::int64_t shift = random_normal(key, static_cast<std::uint32_t>(i), camera.jitter_us);
    events[i].t_us = std::clamp<std::int64_t>(events[i].t_us + shift, 0, camera.duration_us());
  }
  std::sort(events.begin(), events.end());
}

void require(bool holds, const char* key, const std::string& message) {
  if (!holds) {
    Location where;
    where.key = key;
    throw Error(ErrorKind::config, message, where);
  }
}

bool within(double value, double low, double high) { return value >= low && value <= high; }

}  // namespace

void validate(const DvsCamera& camera) {
  const auto size = [](std::uint32_t pixels) { return pixels >= 1 && pixels <= 4096; };
  require(size(camera.width), "width", fmt::format("expected 1..4096, got {}", camera.width));
  require(size(camera.height), "height", fmt::format("expected 1..4096, got {}", camera.height));
  require(camera.path.size() >= 2 && camera.path.size() <= 1000, "path",
          fmt::format("expected 2..1000 waypoints, got {}", camera.path.size()));
  require(camera.saccade_us >= 1 && camera.saccade_us <= 10'000'000, "saccade",
          fmt::format("expected 1 us .. 10 s, got {} us", camera.saccade_us));
  require(camera.step_us >= 1 && camera.saccade_us % camera.step_us == 0, "step",
          fmt::format("expected a divisor of the saccade ({} us), got {} us", camera.saccade_us,
                      camera.step_us));
  require(within(camera.background, 0.001, 1.0), "background",
          fmt::format("expected 0.001..1, got {}", camera.background));
  require(within(camera.threshold, 0.01, 10.0), "threshold",
          fmt::format("expected 0.01..10, got {}", camera.threshold));
  require(within(camera.threshold_sigma, 0.0, 10.0), "threshold_sigma",
          fmt::format("expected 0..10, got {}", camera.threshold_sigma));
  require(camera.refractory_us >= 0 && camera.refractory_us <= 10'000'000, "refractory",
          fmt::format("expected 0 .. 10 s, got {} us", camera.refractory_us));
  require(camera.jitter_us >= 0 && camera.jitter_us <= 10'000'000, "jitter",
          fmt::format("expected 0 .. 10 s, got {} us", camera.jitter_us));
  require(within(camera.noise_hz, 0.0, 100.0), "noise_hz",
          fmt::format("expected 0..100, got {}", camera.noise_hz));
  require(camera.image_width <= camera.width, "image_width",
          fmt::format("expected at most the {} columns of the sensor, got {}", camera.width,
                      camera.image_width));
  require(camera.image_height <= camera.height, "image_height",
          fmt::format("expected at most the {} rows of the sensor, got {}", camera.height,
                      camera.image_height));
}

std::array<std::int32_t, 256> log_intensity_table(double background) {
  std::array<std::int32_t, 256> table{};
  for (std::size_t v = 0; v < table.size(); ++v) {
    const double intensity = background + (1.0 - background) * static_cast<double>(v) / 255.0;
    table[v] = static_cast<std::int32_t>(to_q16(std::log(intensity)));
  }
  return table;
}

std::vector<std::int32_t> saccade_profile(std::int64_t steps) {
  std::vector<std::int32_t> profile;
  for (std::int64_t i = 0; i <= steps; ++i) {
    const double u = static_cast<double>(i) / static_cast<double>(steps);
    const double turn = 2.0 * std::numbers::pi;
    profile.push_back(static_cast<std::int32_t>(to_q16(u - std::sin(turn * u) / turn)));
  }
  return profile;
}

EventStream emulate(const Image& image, const DvsCamera& camera, std::uint64_t seed,
                    std::uint64_t image_index) {
  validate(camera);
  if (camera.image_width > 0 || camera.image_height > 0) {
    DvsCamera as_is = camera;
    as_is.image_width = as_is.image_height = 0;
    const std::uint32_t width = camera.image_width > 0 ? camera.image_width : image.width;
    const std::uint32_t height = camera.image_height > 0 ? camera.image_height : image.height;
    return emulate(enlarged(image, width, height), as_is, seed, image_index);
  }
  for (const Waypoint& point : camera.path) {
    if (std::uint64_t{point.x} + image.width > camera.width ||
        std::uint64_t{point.y} + image.height > camera.height) {
      throw Error(
          ErrorKind::shape,
          fmt::format("an image of {} x {} at ({}, {}) leaves the sensor of {} x {} pixels",
                      image.width, image.height, point.x, point.y, camera.width, camera.height));
    }
  }
  const std::int64_t steps = camera.saccade_us / camera.step_us;
  const std::vector<std::int32_t> profile = saccade_profile(steps);
  MovingImage scene(image, camera);
  Sensor sensor(camera, seed);
  std::vector<std::int32_t> before(std::size_t{camera.width} * camera.height);
  std::vector<std::int32_t> after(before.size());
  scene.at(std::int64_t{camera.path[0].x} << 16, std::int64_t{camera.path[0].y} << 16, before);
  sensor.start(before);

  EventStream stream{camera.width, camera.height, {}};
  std::int64_t now = 0;
  for (std::size_t leg = 0; leg + 1 < camera.path.size(); ++leg) {
    const Waypoint from = camera.path[leg];
    const Waypoint to = camera.path[leg + 1];
    for (std::size_t i = 1; i < profile.size(); ++i) {
      const auto along = [&](std::uint32_t a, std::uint32_t b) {
        return (std::int64_t{a} << 16) + (std::int64_t{b} - a) * profile[i];
      };
      scene.at(along(from.x, to.x), along(from.y, to.y), after);
      sensor.step(before, after, now, camera.step_us, stream.events);
      before.swap(after);
      now += camera.step_us;
    }
  }
  if (camera.noise_hz > 0.0) add_noise(camera, seed, image_index, stream.events);
  if (camera.jitter_us > 0) add_jitter(camera, seed, image_index, stream.events);
  return stream;
}

}  // namespace nj
