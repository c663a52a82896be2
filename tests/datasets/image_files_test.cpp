// Question: are colour images and labels read where the formats put them, and is everything else
// refused at its place before memory is taken?
#include "neurojoule/datasets/image_files.hpp"

#include <doctest/doctest.h>

#include "support/image_files.hpp"
#include "support/thrown.hpp"

using namespace nj;
using nj::testing::cifar_record;
using nj::testing::idx_header;
using nj::testing::message_of;
using nj::testing::TemporaryFolder;
using nj::testing::thrown;
using nj::testing::write_image_hdf5;

namespace {

using Paths = std::vector<std::filesystem::path>;

/// What reading a CIFAR-10 file of these bytes throws.
Error cifar_error(const std::string& bytes) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "bad.bin", bytes);
  const auto error = thrown([&] { return read_cifar10(Paths{folder / "bad.bin"}); });
  REQUIRE(error);
  return *error;
}

}  // namespace

TEST_CASE("a CIFAR-10 record is a label and three planes; files follow each other") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a.bin", cifar_record(7, 0) + cifar_record(0, 1));
  write_file_atomically(folder / "b.bin", cifar_record(9, 2));
  const LabelledImages images = read_cifar10(Paths{folder / "a.bin", folder / "b.bin"});
  CHECK(images.shape == FeatureShape{3, 32, 32});
  CHECK(images.labels == std::vector<std::uint16_t>{7, 0, 9});
  // cifar_record gives image i the byte (i * 31 + place * 7) % 256 at each place of its planes;
  // row 1, column 2 of the blue plane is place 2 * 1024 + 32 + 2 = 2082.
  CHECK(images.image(0)[2082] == (2082 * 7) % 256);
  CHECK(images.image(2)[2082] == (2 * 31 + 2082 * 7) % 256);
  CHECK(images.image(2).size() == 3072);
}

TEST_CASE("a CIFAR-10 file with part of a record, none, or a wrong label is refused at the byte") {
  const std::string two = cifar_record(1, 0) + cifar_record(2, 1);
  const Error part = cifar_error(two.substr(0, 6000));
  CHECK(part.kind() == ErrorKind::format);
  CHECK(part.location().byte_offset == 3073);
  CHECK(part.message() ==
        "expected records of 3073 bytes (a label, 3 x 32 x 32 pixels), got 2927 bytes");
  CHECK(cifar_error("").location().byte_offset == 0);
  CHECK(cifar_error(two + "x").location().byte_offset == 6146);
  const Error label = cifar_error(cifar_record(1, 0) + cifar_record(10, 1));
  CHECK(label.location().byte_offset == 3073);
  CHECK(label.message() == "expected a label of 0..9, got 10");
  const TemporaryFolder folder;
  CHECK(thrown([&] { return read_cifar10(Paths{folder / "absent"}); })->kind() == ErrorKind::io);
  // 2^30 + 1 bytes of which none is written.
  write_file_atomically(folder / "huge.bin", "");
  std::filesystem::resize_file(folder / "huge.bin", max_image_bytes + 1);
  CHECK(thrown([&] { return read_cifar10(Paths{folder / "huge.bin"}); })->kind() ==
        ErrorKind::capacity);
}

TEST_CASE("a pair of IDX files is a stack of grey images") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "i", idx_header({2, 2, 3}) + "abcdefghijkl");
  write_file_atomically(folder / "l", idx_header({2}) + "\x07\x01");
  const LabelledImages images = read_idx_pair(folder / "i", folder / "l");
  CHECK(images.shape == FeatureShape{1, 2, 3});
  CHECK(images.labels == std::vector<std::uint16_t>{7, 1});
  CHECK(images.image(1)[0] == 'g');
  write_file_atomically(folder / "l", idx_header({3}) + "abc");
  CHECK(message_of([&] { return read_idx_pair(folder / "i", folder / "l"); }) ==
        (folder / "l").string() + ": 3 labels for 2 images");
}

TEST_CASE("rows of an HDF5 file of images and labels") {
  const TemporaryFolder folder;
  std::vector<std::uint8_t> pixels(3 * 2 * 2 * 4);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i);
  write_image_hdf5(folder / "i.h5", pixels, {3, 2, 2, 4}, {5, 65535, 0});
  const ImageHdf5 file(folder / "i.h5");
  CHECK(file.count() == 3);
  CHECK(file.shape() == FeatureShape{2, 2, 4});
  const LabelledImages images = file.read(1, 2);
  CHECK(images.labels == std::vector<std::uint16_t>{65535, 0});
  CHECK(images.count() == 2);
  CHECK(images.image(0)[3] == 16 + 3);
  CHECK(images.image(1).back() == 47);
}

TEST_CASE("an HDF5 file of other shapes, types or labels is refused by dataset") {
  const TemporaryFolder folder;
  const auto file = folder / "i.h5";
  const std::string name = file.string();
  const std::vector<std::uint8_t> pixels(48);
  const auto complain = [&](const std::vector<std::uint64_t>& shape,
                            const std::vector<std::int64_t>& labels) {
    write_image_hdf5(file, pixels, shape, labels);
    return message_of([&] {
      const ImageHdf5 images(file);
      return images.read(0, images.count());
    });
  };
  CHECK(complain({3, 2, 2, 4}, {1, 2, 3}) == "nothing thrown");
  CHECK(complain({3, 4, 4}, {1, 2, 3}) == name + ": images: expected [N, C, H, W], got [3, 4, 4]");
  CHECK(complain({3, 2, 2, 4}, {1, 2}) ==
        name + ": labels: expected [3] for images [3, 2, 2, 4], got [2]");
  CHECK(complain({3, 2, 2, 4}, {1, -2, 3}) ==
        name + ": labels: expected labels of 0..65535, got -2 for sample 1");
  CHECK(complain({3, 2, 2, 4}, {1, 2, 65536}).find("got 65536 for sample 2") != std::string::npos);

  Hdf5Writer reals(file);
  reals.write<float>("images", std::vector<float>(48), {3, 2, 2, 4});
  reals.write<std::int64_t>("labels", std::vector<std::int64_t>(3), {3});
  reals.commit();
  CHECK(message_of([&] { return ImageHdf5(file).read(0, 1); }).find(name + ": images: ") == 0);
  Hdf5Writer lone(file);
  lone.write<std::uint8_t>("images", pixels, {3, 2, 2, 4});
  lone.commit();
  CHECK(message_of([&] { return ImageHdf5(file); }).find("labels") != std::string::npos);
  // Rows of 2^17, announced and never written.
  Hdf5Writer wide(file);
  wide.create_rows<std::uint8_t>("images", {1, 1, 1U << 17}, 1);
  wide.create_rows<std::int64_t>("labels", {}, 1);
  wide.commit();
  CHECK(thrown([&] { return ImageHdf5(file); })->kind() == ErrorKind::capacity);
  Hdf5Writer large(file);
  large.create_rows<std::uint8_t>("images", {1U << 7, 1U << 12, 1U << 12}, 1);
  large.create_rows<std::int64_t>("labels", {}, 1);
  large.commit();
  CHECK(thrown([&] { return ImageHdf5(file); })->kind() == ErrorKind::capacity);
  write_file_atomically(file, "no HDF5");
  CHECK(thrown([&] { return ImageHdf5(file); })->kind() == ErrorKind::format);
}

TEST_CASE(
    "an HDF5 file of frames has one dimension more; its steps follow each other as channels") {
  const TemporaryFolder folder;
  const auto write = [&](const std::vector<std::uint64_t>& shape, const char* key,
                         std::int64_t label = 255) {
    std::uint64_t size = 1;
    for (const std::uint64_t extent : shape) size *= extent;
    std::vector<std::uint8_t> values(size);
    for (std::size_t i = 0; i < size; ++i) values[i] = static_cast<std::uint8_t>(i);
    Hdf5Writer writer(folder / "f.h5");
    writer.write<std::uint8_t>(key, values, shape);
    writer.write<std::int64_t>("labels", std::vector<std::int64_t>(shape[0], label), {shape[0]});
    writer.commit();
  };
  const auto complain = [&] {
    return message_of([&] { return ImageHdf5(folder / "f.h5", StoredSamples::frames); });
  };
  const std::string name = (folder / "f.h5").string();
  write({2, 3, 1, 2, 2}, "frames");
  const ImageHdf5 file(folder / "f.h5", StoredSamples::frames);
  CHECK(file.count() == 2);
  CHECK(file.timesteps() == 3);
  CHECK(file.shape() == FeatureShape{3, 2, 2});
  CHECK(file.read(1, 1).image(0)[0] == 12);
  write({2, 3, 1, 2, 2}, "frames", 256);
  CHECK(message_of([&] { return ImageHdf5(folder / "f.h5", StoredSamples::frames).read(1, 1); }) ==
        name + ": labels: expected labels of 0..255, got 256 for sample 1");
  write({2, 3, 2, 2}, "frames");
  CHECK(complain() == name + ": frames: expected [N, T, C, H, W], got [2, 3, 2, 2]");
  write({2, 0, 1, 2, 2}, "frames");
  CHECK(complain() == name + ": frames: empty frames: [2, 0, 1, 2, 2]");
  write({2, 3, 1, 2, 2}, "images");
  CHECK(complain().find("frames") != std::string::npos);
}
