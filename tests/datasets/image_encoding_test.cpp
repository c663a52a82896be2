// Question: are the codes of pixels those of the equation, at their places, and do spikes of the
// rate encoding come as often as the pixel is bright?
#include "neurojoule/datasets/image_encoding.hpp"

#include <cmath>

#include <doctest/doctest.h>

#include "support/thrown.hpp"

using namespace nj;
using nj::testing::message_of;

namespace {

ImageEncoding direct(std::vector<double> mean, std::vector<double> deviation, double scale) {
  return {Encoder::direct, 2, std::move(mean), std::move(deviation), scale};
}

std::string complaint(const ImageEncoding& encoding, const FeatureShape& shape = {3, 2, 2}) {
  return message_of([&] { return ImageEncoder(encoding, shape); });
}

}  // namespace

TEST_CASE("direct codes by hand: brightness less mean, in deviations, in units of the scale") {
  // mean 0.2 = 51 / 255, deviation 0.4, scale 1/8: code = (v - 51) / 255 / 0.4 * 8.
  // v = 51: 0. v = 255: 0.8 * 20 = 16. v = 0: -0.2 * 20 = -4. v = 77: 26 / 255 * 20 = 2.039: 2.
  const ImageEncoder encode(direct({0.2}, {0.4}, 0.125), {1, 1, 4});
  CHECK(encode.code(0, 51) == 0);
  CHECK(encode.code(0, 255) == 16);
  CHECK(encode.code(0, 0) == -4);
  CHECK(encode.code(0, 77) == 2);
  CHECK(encode.least() == -4);
  CHECK(encode.largest() == 16);
  // Halves go up: mean 0, deviation 1, scale 2: 255 is 0.5, and with a mean of 1, 0 is -0.5.
  CHECK(ImageEncoder(direct({0.0}, {1.0}, 2.0), {1, 1, 1}).code(0, 255) == 1);
  CHECK(ImageEncoder(direct({1.0}, {1.0}, 2.0), {1, 1, 1}).code(0, 0) == 0);
  // Codes within 0..0 leave a range that an input may have.
  CHECK(ImageEncoder(direct({0.0}, {1.0}, 10.0), {1, 1, 1}).largest() == 1);
}

TEST_CASE("each channel has its own mean and deviation, and frames are channels-last") {
  const ImageEncoder encode(direct({0.0, 1.0}, {1.0, 0.5}, 1.0 / 255), {2, 2, 3});
  const std::vector<std::uint8_t> pixels{0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255};
  const GradedTensor frames = encode(pixels, 1, 0);
  CHECK(frames.timesteps() == 2);
  CHECK(frames.shape() == FeatureShape{2, 2, 3});
  for (std::uint32_t t = 0; t < 2; ++t) {
    // Row 1, column 2: channel 0 is pixel 5, code 5; channel 1 is pixel 255, (1 - 1) / 0.5 = 0.
    CHECK(frames.step(t)[frames.shape().address(0, 1, 2)] == 5);
    CHECK(frames.step(t)[frames.shape().address(1, 1, 2)] == 0);
    // Channel 1, row 0, column 1 is pixel 251: -4 / 255 / 0.5 * 255 = -8.
    CHECK(frames.step(t)[frames.shape().address(1, 0, 1)] == -8);
  }
}

TEST_CASE("codes are within half a unit of the real value for all pixels and the usual colours") {
  const ImageEncoding cifar = direct({0.4914, 0.4822, 0.4465}, {0.2470, 0.2435, 0.2616}, 0x1p-6);
  const ImageEncoder encode(cifar, {3, 32, 32});
  for (std::uint32_t c = 0; c < 3; ++c) {
    for (int v = 0; v < 256; ++v) {
      const double real = (v / 255.0 - cifar.mean[c]) / cifar.deviation[c];
      const double code = encode.code(c, static_cast<std::uint8_t>(v));
      CHECK(std::fabs(code * cifar.scale - real) <= 0.5 * cifar.scale + 1e-12);
    }
  }
  CHECK(encode.least() == -127);   // (0 - 0.4914) / 0.2470 * 64 = -127.3
  CHECK(encode.largest() == 136);  // (1 - 0.4822) / 0.2435 * 64 = 136.1
}

TEST_CASE("rate: never of black, always of white, and about as often as the brightness says") {
  const ImageEncoding rate{.encoder = Encoder::rate, .timesteps = 1000};
  const ImageEncoder encode(rate, {3, 1, 1});
  CHECK(encode.least() == 0);
  CHECK(encode.largest() == 1);
  const GradedTensor frames = encode(std::vector<std::uint8_t>{0, 255, 51}, 1, 7);
  std::vector<int> spikes(3);
  for (std::uint32_t t = 0; t < 1000; ++t) {
    for (std::size_t c = 0; c < 3; ++c) spikes[c] += frames.step(t)[c];
  }
  CHECK(spikes[0] == 0);
  CHECK(spikes[1] == 1000);
  // 51 / 255 = 1/5: 200 of 1000, standard deviation 12.6.
  CHECK(std::abs(spikes[2] - 200) < 5 * 13);
  // The numbers are of the seed and the image.
  CHECK(encode(std::vector<std::uint8_t>{0, 255, 51}, 1, 7) == frames);
  CHECK_FALSE(encode(std::vector<std::uint8_t>{0, 255, 51}, 2, 7) == frames);
  CHECK_FALSE(encode(std::vector<std::uint8_t>{0, 255, 51}, 1, 8) == frames);
}

TEST_CASE("numbers out of range, or not one for each channel, are refused by key") {
  CHECK(complaint(direct({0.1, 0.2}, {1.0}, 1.0)) ==
        "dataset.encoding.mean: 2 numbers for images of 3 channels");
  CHECK(complaint(direct({0.1}, {1.0, 1.0, 1.0, 1.0}, 1.0)) ==
        "dataset.encoding.std: 4 numbers for images of 3 channels");
  CHECK(complaint(direct({0.1}, {1.0, 0.0, 1.0}, 1.0)) ==
        "dataset.encoding.std: expected a number above 0, got 0");
  CHECK(complaint(direct({std::nan("")}, {1.0}, 1.0)).find("encoding.mean") != std::string::npos);
  CHECK(complaint(direct({0.0}, {1.0}, 0.0)).find("encoding.scale") != std::string::npos);
  // 1 / (1/32768) = 32768 is over 32767: the pixel of 255 is the first.
  CHECK(complaint(direct({0.0}, {1.0}, 0x1p-15)) ==
        "dataset.encoding.scale: the code of a pixel of 255 is 32768, over 32767");
  ImageEncoding steps;
  steps.timesteps = 0;
  CHECK(complaint(steps) == "dataset.encoding.timesteps: expected 1..1024, got 0");
  ImageEncoding many{.encoder = Encoder::rate, .timesteps = 1024};
  CHECK(complaint(many, {64, 256, 256}).find("more than 2^32 random numbers") != std::string::npos);
}
