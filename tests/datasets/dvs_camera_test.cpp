#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>

#include <doctest/doctest.h>

#include <neurojoule/datasets/dvs_camera.hpp>

#include "support/image_files.hpp"
#include "support/thrown.hpp"

using namespace nj;
using nj::testing::made_up_pixel;
using nj::testing::message_of;
using nj::testing::thrown;

namespace {

/// One white pixel that moves one column to the right on a sensor of 2 x 1 pixels.
DvsCamera one_step_camera() {
  DvsCamera camera;
  camera.width = 2;
  camera.height = 1;
  camera.path = {{0, 0}, {1, 0}};
  camera.saccade_us = 1000;
  camera.step_us = 1000;
  camera.background = 0.1;
  camera.threshold = 0.5;
  return camera;
}

const Image white_pixel{1, 1, {255}};

Image made_up_image(std::uint32_t index) {
  Image image{28, 28, {}};
  for (std::uint32_t y = 0; y < 28; ++y) {
    for (std::uint32_t x = 0; x < 28; ++x) image.pixels.push_back(made_up_pixel(index, x, y));
  }
  return image;
}

/// FNV-1a over (t, x, y, polarity) as bytes, least significant first.
std::uint64_t fingerprint(const EventStream& stream) {
  std::uint64_t hash = 14695981039346656037ULL;
  const auto feed = [&](std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) hash = (hash ^ ((value >> (8 * i)) & 0xFF)) * 1099511628211ULL;
  };
  for (const Event& event : stream.events) {
    feed(static_cast<std::uint64_t>(event.t_us), 8);
    feed(event.x, 2);
    feed(event.y, 2);
    feed(event.polarity, 1);
  }
  return hash;
}

}  // namespace

TEST_CASE("a white pixel that leaves and arrives: every event time by hand, one step") {
  // White: ln 1 = 0, so L = 0. Black: 65536 ln 0.1 = -150902.2, so L = -150902. C = 32768.
  // Pixel 0 falls from 0 to -150902 within 1000 us and crosses -32768 k at
  // floor(1000 * 32768 k / 150902) = 217, 434, 651, 868 us (k = 1..4; k = 5 is below the end).
  // Pixel 1 rises by as much and crosses at the same times.
  const EventStream stream = emulate(white_pixel, one_step_camera(), 1, 0);
  const std::vector<Event> expected = {{217, 0, 0, 0}, {217, 1, 0, 1}, {434, 0, 0, 0},
                                       {434, 1, 0, 1}, {651, 0, 0, 0}, {651, 1, 0, 1},
                                       {868, 0, 0, 0}, {868, 1, 0, 1}};
  CHECK(stream.width == 2);
  CHECK(stream.height == 1);
  CHECK(stream.events == expected);
}

TEST_CASE("half-way, a pixel sees the mean of two: event times by hand, two steps") {
  // s(1/2) = 1/2: after the first of two steps of 1000 us both pixels are at -150902 / 2 = -75451.
  // Step 1: 1000 * 32768 k / 75451 = 434, 868. Step 2 starts 75451 below: the crossings at 98304
  // and 131072 are 22853 and 55621 further: 1000 + 302 and 1000 + 737.
  DvsCamera camera = one_step_camera();
  camera.saccade_us = 2000;
  const std::vector<Event> expected = {{434, 0, 0, 0},  {434, 1, 0, 1},  {868, 0, 0, 0},
                                       {868, 1, 0, 1},  {1302, 0, 0, 0}, {1302, 1, 0, 1},
                                       {1737, 0, 0, 0}, {1737, 1, 0, 1}};
  CHECK(emulate(white_pixel, camera, 1, 0).events == expected);

  // The same downwards.
  camera.width = 1;
  camera.height = 2;
  camera.path = {{0, 0}, {0, 1}};
  std::vector<Event> down = expected;
  for (Event& event : down) std::swap(event.x, event.y);
  CHECK(emulate(white_pixel, camera, 1, 0).events == down);
}

TEST_CASE("reaching the threshold exactly is an event, one unit less is none") {
  // C = 75451 is exactly half of the fall of 150902: events at 500 and at 1000 us.
  DvsCamera camera = one_step_camera();
  camera.threshold = 75451.0 / 65536.0;
  const std::vector<Event> two = {{500, 0, 0, 0}, {500, 1, 0, 1}, {1000, 0, 0, 0}, {1000, 1, 0, 1}};
  CHECK(emulate(white_pixel, camera, 1, 0).events == two);
  // C = 75452: the second crossing would be at 150904. 1000 * 75452 / 150902 = 500.007.
  camera.threshold = 75452.0 / 65536.0;
  const std::vector<Event> one = {{500, 0, 0, 0}, {500, 1, 0, 1}};
  CHECK(emulate(white_pixel, camera, 1, 0).events == one);
}

TEST_CASE("events within the refractory time are lost, the reference moves on") {
  // Of 217, 434, 651, 868 us the second and third come 217 and 434 us after the first: lost. The
  // last comes 651 us after it: kept.
  DvsCamera camera = one_step_camera();
  camera.refractory_us = 500;
  const std::vector<Event> expected = {
      {217, 0, 0, 0}, {217, 1, 0, 1}, {868, 0, 0, 0}, {868, 1, 0, 1}};
  CHECK(emulate(white_pixel, camera, 1, 0).events == expected);
  camera.refractory_us = 651;  // exactly the distance: kept
  CHECK(emulate(white_pixel, camera, 1, 0).events == expected);
  camera.refractory_us = 652;
  CHECK(emulate(white_pixel, camera, 1, 0).events.size() == 2);
}

TEST_CASE("nothing to see, no events") {
  CHECK(emulate(Image{28, 28, std::vector<std::uint8_t>(784, 0)}, {}, 1, 0).events.empty());
  DvsCamera bright;
  bright.background = 1.0;  // black is as bright as white
  CHECK(emulate(made_up_image(0), bright, 1, 0).events.empty());
}

TEST_CASE("the image comes back to where it started, so ON and OFF crossings balance") {
  // Every pixel ends at the level it began with: R ends within one threshold of it, so each pixel's
  // ON and OFF counts differ by at most one.
  const EventStream stream = emulate(made_up_image(3), {}, 1, 3);
  std::vector<int> balance(34 * 34);
  for (const Event& event : stream.events) {
    balance[event.y * 34U + event.x] += event.polarity == 1 ? 1 : -1;
  }
  CHECK(stream.events.size() > 1000);
  CHECK(*std::max_element(balance.begin(), balance.end()) <= 1);
  CHECK(*std::min_element(balance.begin(), balance.end()) >= -1);
  CHECK(std::is_sorted(stream.events.begin(), stream.events.end()));
  CHECK(stream.events.back().t_us <= 300'000);
}

TEST_CASE("the tables do not hang on the last bit of the mathematical library") {
  // All results are integers once the tables are: no entry lies near a rounding border, so a
  // library that is wrong in the last place gives the same table.
  const auto margin = [](double scaled) {
    const double part = scaled - std::floor(scaled);
    return std::abs(part - 0.5);
  };
  double least = 1.0;
  for (int v = 0; v < 256; ++v) {
    least = std::min(least, margin(65536.0 * std::log(0.1 + 0.9 * v / 255.0)));
  }
  for (int i = 1; i < 100; ++i) {
    const double u = i / 100.0;
    const double turn = 2.0 * std::numbers::pi;
    least = std::min(least, margin(65536.0 * (u - std::sin(turn * u) / turn)));
  }
  CHECK(least > 1e-6);

  const auto table = log_intensity_table(0.1);
  CHECK(table[0] == -150902);
  CHECK(table[255] == 0);
  CHECK(std::is_sorted(table.begin(), table.end()));
  // s(1/4) = 1/4 - 1/(2 pi) = 0.0908451: 5953.6; s(3/4) = 1 - s(1/4): 59582.4.
  CHECK(saccade_profile(4) == std::vector<std::int32_t>{0, 5954, 32768, 59582, 65536});
}

TEST_CASE("events are the same on every machine and do not depend on seed or index by default") {
  const EventStream stream = emulate(made_up_image(0), {}, 1, 0);
  CHECK(stream.events.size() == 2518);
  CHECK(fingerprint(stream) == 818954154040145924ULL);
  CHECK(emulate(made_up_image(0), {}, 99, 7) == stream);
}

TEST_CASE("background activity has the stated rate and is keyed by seed and image") {
  DvsCamera camera;
  camera.noise_hz = 10.0;
  const Image black{28, 28, std::vector<std::uint8_t>(784, 0)};
  const EventStream noise = emulate(black, camera, 5, 0);
  // 34 * 34 pixels * 0.3 s * 10 / s = 3468 expected. Binomial with p = 0.1: standard deviation
  // sqrt(34680 * 0.1 * 0.9) = 55.9; six of them: 335. ON: half, sd sqrt(3468) / 2 = 29.4, six: 177.
  CHECK(noise.events.size() > 3468 - 335);
  CHECK(noise.events.size() < 3468 + 335);
  const EventSummary summary = summarize(noise);
  CHECK(std::abs(static_cast<double>(summary.on) - static_cast<double>(summary.count) / 2) < 177);
  CHECK(summary.last_us <= 300'000);
  CHECK(std::is_sorted(noise.events.begin(), noise.events.end()));
  CHECK(emulate(black, camera, 5, 0) == noise);
  CHECK(emulate(black, camera, 5, 1) != noise);
  CHECK(emulate(black, camera, 6, 0) != noise);
}

TEST_CASE("jitter moves events in time only, within the recording") {
  DvsCamera camera;
  const EventStream exact = emulate(made_up_image(1), camera, 5, 1);
  camera.jitter_us = 300;
  const EventStream moved = emulate(made_up_image(1), camera, 5, 1);
  CHECK(moved != exact);
  CHECK(std::is_sorted(moved.events.begin(), moved.events.end()));
  CHECK(moved.events.front().t_us >= 0);
  CHECK(moved.events.back().t_us <= 300'000);
  const auto places = [](const EventStream& stream) {
    std::multiset<std::array<int, 3>> all;
    for (const Event& event : stream.events) all.insert({event.x, event.y, event.polarity});
    return all;
  };
  CHECK(places(moved) == places(exact));
  CHECK(emulate(made_up_image(1), camera, 5, 1) == moved);
  CHECK(emulate(made_up_image(1), camera, 5, 2) != moved);
}

TEST_CASE("threshold mismatch belongs to the sensor: keyed by the seed, equal for all images") {
  DvsCamera camera;
  const EventStream even = emulate(made_up_image(1), camera, 5, 1);
  camera.threshold_sigma = 0.03;
  const EventStream uneven = emulate(made_up_image(1), camera, 5, 1);
  CHECK(uneven != even);
  CHECK(emulate(made_up_image(1), camera, 5, 2) == uneven);
  CHECK(emulate(made_up_image(1), camera, 6, 1) != uneven);
}

TEST_CASE("wrong parameters are named") {
  const auto complain = [](auto change) {
    DvsCamera camera;
    change(camera);
    return message_of([&] { return emulate(made_up_image(0), camera, 1, 0); });
  };
  CHECK(complain([](DvsCamera& c) { c.step_us = 300; }) ==
        "step: expected a divisor of the saccade (100000 us), got 300 us");
  CHECK(complain([](DvsCamera& c) { c.step_us = 0; }).substr(0, 5) == "step:");
  CHECK(complain([](DvsCamera& c) { c.threshold = 0.0; }) == "threshold: expected 0.01..10, got 0");
  CHECK(complain([](DvsCamera& c) { c.background = std::nan(""); }).substr(0, 11) == "background:");
  CHECK(complain([](DvsCamera& c) {
          c.path = {{0, 0}};
        }) == "path: expected 2..1000 waypoints, got 1");
  CHECK(complain([](DvsCamera& c) { c.width = 0; }) == "width: expected 1..4096, got 0");
  CHECK(complain([](DvsCamera& c) { c.image_width = 35; }) ==
        "image_width: expected at most the 34 columns of the sensor, got 35");
  CHECK(complain([](DvsCamera& c) { c.image_height = 35; }) ==
        "image_height: expected at most the 34 rows of the sensor, got 35");
  CHECK(complain([](DvsCamera& c) {
          c.path[1] = {7, 0};
        }) == "an image of 28 x 28 at (7, 0) leaves the sensor of 34 x 34 pixels");
  DvsCamera camera;
  camera.path[1] = {0xFFFFFFFF, 0};
  CHECK(thrown([&] { return emulate(made_up_image(0), camera, 1, 0); })->kind() ==
        ErrorKind::shape);
}
