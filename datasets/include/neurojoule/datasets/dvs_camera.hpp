#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "neurojoule/datasets/event_stream.hpp"
#include "neurojoule/datasets/idx.hpp"

namespace nj {

/// Offset of the image's top left pixel on the sensor, in whole pixels.
struct Waypoint {
  std::uint32_t x = 0;
  std::uint32_t y = 0;
  friend bool operator==(const Waypoint&, const Waypoint&) = default;
};

/// An emulated event camera that looks at a moving image, first made larger where
/// `image_width` or `image_height` says so (`enlarged` in grey_image.hpp).
///
/// Brightness. A pixel of value v has log intensity
///   L = round(2^16 * ln(I0 + (1 - I0) * v / 255)),   I0 = `background`;
/// around the image v = 0. Between pixels L is interpolated bilinearly, with offsets in 2^-12 pixel
/// and rounding down, first along the row and then along the column.
///
/// Motion. The image glides from each waypoint of `path` to the next in `saccade_us`. With
/// u = time / saccade_us in 0..1, the part of the way that is done is
///   s(u) = u - sin(2 pi u) / (2 pi), rounded to 2^-16,
/// so the velocity is a raised cosine, zero at both ends. The sensor is evaluated every `step_us`.
/// The default path is the isosceles triangle of N-MNIST.
///
/// Events. Every pixel keeps a reference R, at first L at time 0. An ON event occurs each time L
/// reaches R + C (R then grows by C), an OFF event each time L reaches R - C (R then falls by C);
/// C = round(2^16 * threshold). L runs straight within a step, so the event time is
///   t + floor(step_us * |R' - L(t)| / |L(t + step_us) - L(t)|), R' = the R after the event.
///
/// Imperfections, all off by default and all from the counter-based generator, keyed by (seed, one
/// stream constant each, image index): see the fields. Only the threshold mismatch does not depend
/// on the image, since one sensor sees all images.
///
/// The arithmetic after the two tables (256 logarithms, the path) is in integers: equal events on
/// every machine.
///
/// Source: motion, Orchard et al., "Converting static image datasets to spiking neuromorphic
/// datasets using saccades", Front. Neurosci. 9:437, 2015. Pixel, Lichtsteiner, Posch and Delbruck,
/// "A 128x128 120 dB 15 us latency asynchronous temporal contrast vision sensor", JSSC 43(2), 2008;
/// interpolated crossing times, Rebecq, Gehrig and Scaramuzza, "ESIM", CoRL 2018.
struct DvsCamera {
  std::uint32_t width = 34;   ///< sensor columns
  std::uint32_t height = 34;  ///< sensor rows
  /// At least two points; the image must stay on the sensor.
  std::vector<Waypoint> path{{0, 0}, {3, 6}, {6, 0}, {0, 0}};
  std::int64_t saccade_us = 100'000;  ///< time from one waypoint to the next
  std::int64_t step_us = 1'000;       ///< evaluation step; divides saccade_us
  double background = 0.1;            ///< I0, intensity of black relative to white, 0.001..1
  double threshold = 0.4;             ///< C in units of ln(intensity), 0.01..10

  /// Standard deviation of every pixel's own ON and OFF threshold, in units of ln(intensity); a
  /// pixel's threshold never falls below a quarter of `threshold`.
  double threshold_sigma = 0.0;
  /// An event within this time after the last event of its pixel is lost (R moves all the same).
  std::int64_t refractory_us = 0;
  /// Standard deviation of the time stamp; results stay within the recording.
  std::int64_t jitter_us = 0;
  /// Background-activity events per pixel and second, 0..100: at most one in each 10 ms, of random
  /// polarity, at a random time; R does not move.
  double noise_hz = 0.0;

  /// Columns and rows of the image on the sensor, at least its own; 0: as many as it has.
  std::uint32_t image_width = 0;
  std::uint32_t image_height = 0;

  /// Length of a recording, microseconds.
  [[nodiscard]] std::int64_t duration_us() const {
    return saccade_us * static_cast<std::int64_t>(path.size() - 1);
  }
  friend bool operator==(const DvsCamera&, const DvsCamera&) = default;
};

/// Throws: Error(config) with the name of the first parameter that is out of range.
void validate(const DvsCamera& camera);

/// The table of log intensities, 2^16 * ln, by pixel value.
std::array<std::int32_t, 256> log_intensity_table(double background);

/// The part of a saccade that is done after step i = 0..steps, in 2^-16.
std::vector<std::int32_t> saccade_profile(std::int64_t steps);

/// The events that the camera sees of one image; a function of its arguments alone.
/// Throws: Error(config) from `validate`; Error(shape) as `enlarged`, or when the image leaves the
/// sensor.
EventStream emulate(const Image& image, const DvsCamera& camera, std::uint64_t seed,
                    std::uint64_t image_index);

}  // namespace nj
