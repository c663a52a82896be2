// Question: are colours and sizes turned into the grey pixels that the header's formulas give, by
// hand?
#include "neurojoule/datasets/grey_image.hpp"

#include <doctest/doctest.h>

#include <neurojoule/datasets/dvs_camera.hpp>

#include "support/thrown.hpp"

using namespace nj;
using nj::testing::message_of;

namespace {

using Pixels = std::vector<std::uint8_t>;

}  // namespace

TEST_CASE("luminance is (77 R + 150 G + 29 B + 128) / 256, rounded down") {
  // Red, green, blue, white, grey, and a dark colour; planes one after the other.
  const Pixels colours = {255, 0,   0,   255, 100, 1,   // R
                          0,   255, 0,   255, 100, 2,   // G
                          0,   0,   255, 255, 100, 3};  // B
  // 19635 + 128 = 19763: 77.2. 38250 + 128: 149.9. 7395 + 128: 29.4. 65280 + 128: 255.5.
  // 25600 + 128: 100.5. 77 + 300 + 87 + 128 = 592: 2.3.
  const Image grey = grey_image(colours, {3, 2, 3});
  CHECK(grey.pixels == Pixels{77, 149, 29, 255, 100, 2});
  CHECK(grey.height == 2);
  CHECK(grey.width == 3);
  CHECK(grey_image(Pixels{7, 9}, {1, 1, 2}).pixels == Pixels{7, 9});
  CHECK(message_of([] {
          return grey_image(Pixels{7, 9}, {2, 1, 1});
        }) == "dataset.camera: the camera sees images of 1 or 3 channels, got [2, 1, 1]");
}

TEST_CASE("an enlarged image is bilinear between pixel centres, and flat outside them") {
  // Centres of 4 columns over 2: ((2 X + 1) 2 - 4) / 8 = -1/4, 1/4, 3/4, 5/4, kept within 0 .. 1.
  CHECK(enlarged({1, 2, {0, 100}}, 4, 1).pixels == Pixels{0, 25, 75, 100});
  CHECK(enlarged({2, 1, {0, 100}}, 1, 4).pixels == Pixels{0, 25, 75, 100});
  // 3 over 2: -1/6, 1/2, 7/6, so the middle is a mean; that of all four is 340 / 4 = 85.
  CHECK(enlarged({2, 2, {0, 100, 200, 40}}, 3, 3).pixels ==
        Pixels{0, 50, 100, 100, 85, 70, 200, 120, 40});
  // 1/2 is rounded up.
  CHECK(enlarged({1, 2, {0, 1}}, 3, 1).pixels == Pixels{0, 1, 1});
  CHECK(enlarged({2, 2, {1, 2, 3, 4}}, 2, 2).pixels == Pixels{1, 2, 3, 4});
  CHECK(enlarged({1, 1, {9}}, 3, 2).pixels == Pixels(6, 9));
}

TEST_CASE("images are made larger only") {
  CHECK(message_of([] {
          return enlarged({1, 2, {0, 1}}, 1, 4);
        }) == "dataset.camera.image_width: an image of 2 x 1 cannot be enlarged to 1 x 4 pixels");
  CHECK(message_of([] {
          return enlarged({2, 1, {0, 1}}, 4, 1);
        }).find("cannot") != std::string::npos);
  CHECK(message_of([] { return enlarged({0, 0, {}}, 4, 4); }).find("cannot") != std::string::npos);
}

TEST_CASE("the camera sees the enlarged image; a side that is not stated stays as it is") {
  const Image image{2, 2, {255, 10, 40, 200}};
  DvsCamera plain;
  plain.width = 8;
  plain.height = 6;
  plain.path = {{0, 0}, {3, 1}};
  DvsCamera larger = plain;
  larger.image_width = 5;
  CHECK(emulate(image, larger, 1, 0) == emulate(enlarged(image, 5, 2), plain, 1, 0));
  larger.image_height = 4;
  CHECK(emulate(image, larger, 1, 0) == emulate(enlarged(image, 5, 4), plain, 1, 0));
  CHECK(emulate(image, larger, 1, 0) != emulate(image, plain, 1, 0));
  larger.image_width = 6;
  CHECK(message_of([&] { return emulate(image, larger, 1, 0); }) ==
        "an image of 6 x 4 at (3, 1) leaves the sensor of 8 x 6 pixels");
}
