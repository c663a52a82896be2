#include <filesystem>

#include <doctest/doctest.h>

#include <neurojoule/datasets/dataset.hpp>
#include <neurojoule/datasets/grey_image.hpp>

#include "support/image_files.hpp"
#include "support/thrown.hpp"

using namespace nj;
using nj::testing::idx_header;
using nj::testing::message_of;
using nj::testing::TemporaryFolder;
using nj::testing::thrown;
using nj::testing::write_made_up_split;

namespace {

DatasetSpec parse(const std::string& text) {
  const YamlDocument document = YamlDocument::parse(text, "s.yaml");
  DatasetSpec spec = read_dataset_spec(document.root());
  document.finish();
  return spec;
}

DatasetSpec spec_in(const TemporaryFolder& folder) {
  DatasetSpec spec;
  spec.path = folder.path();
  return spec;
}

}  // namespace

TEST_CASE("an empty block is the documented defaults; every key is read") {
  CHECK(parse("{}") == DatasetSpec{});
  const DatasetSpec spec = parse(R"(
source: fashion-mnist
path: "somewhere \"else\""
split: train
first: 10
samples: 1000
camera:
  width: 40
  height: 41
  path: [[0, 0], [2, 1]]
  saccade: 50 ms
  step: 500 us
  background: 0.2
  threshold: 0.3
  threshold_sigma: 0.01
  refractory: 1 ms
  jitter: 20 us
  noise_hz: 0.5
  image_width: 30
  image_height: 31
framing: {timesteps: 6, by: count, values: binary, max_value: 7}
)");
  DatasetSpec expected;
  expected.path = "somewhere \"else\"";
  expected.split = Split::train;
  expected.first = 10;
  expected.samples = 1000;
  expected.camera = {40, 41, {{0, 0}, {2, 1}}, 50'000, 500, 0.2, 0.3, 0.01, 1000, 20, 0.5, 30, 31};
  expected.framing = {6, FrameBins::count, FrameValues::binary, 7};
  CHECK(spec == expected);
}

TEST_CASE("a spec written out reads back equal, at any indent") {
  DatasetSpec spec = parse(
      "{samples: 7, camera: {threshold: 0.1, noise_hz: 1e-05}, framing: {by: count}, path: 'a: "
      "#b'}");
  CHECK(parse(to_yaml(spec, 0)) == spec);
  CHECK(parse(to_yaml(spec, 6)) == spec);
  CHECK(parse(to_yaml(DatasetSpec{}, 0)) == DatasetSpec{});
  spec.camera.image_width = 29;
  CHECK(parse(to_yaml(spec, 0)) == spec);
  spec.camera.image_height = 30;
  CHECK(parse(to_yaml(spec, 0)) == spec);
  spec.path = "tab\there, quote \" and back\\slash";
  CHECK(parse(to_yaml(spec, 2)) == spec);
}

TEST_CASE("a wrong value is an error at its place") {
  const auto complain = [](const std::string& text) {
    return message_of([&] { return parse(text); });
  };
  CHECK(complain("samples: 0").substr(0, 20) == "s.yaml:1:1: samples:");
  CHECK(complain("camera:\n  step: 3 ms").substr(0, 57) ==
        "s.yaml:2:3: camera.step: expected a divisor of the saccad");
  CHECK(complain("camera:\n  image_width: 35") ==
        "s.yaml:2:3: camera.image_width: expected at most the 34 columns of the sensor, got 35");
  CHECK(complain("camera: {image_height: 0}").substr(0, 34) ==
        "s.yaml:1:10: camera.image_height: ");
  CHECK(complain("camera: {jitter: 1500 ns}") ==
        "s.yaml:1:10: camera.jitter: expected a whole number of microseconds");
  CHECK(complain("camera: {path: [[0, 0], [1]]}").find("expected a waypoint [x, y]") !=
        std::string::npos);
  CHECK(complain("split: validation").find("train") != std::string::npos);
  CHECK(complain("framing: {time_steps: 4}").find("timesteps") != std::string::npos);
  CHECK(complain("camera: {saccade: 100}").substr(0, 29) == "s.yaml:1:10: camera.saccade: ");
}

TEST_CASE("samples are numbered from `first`, with their labels and frames") {
  const TemporaryFolder folder;
  write_made_up_split(folder.path(), 5);
  DatasetSpec spec = spec_in(folder);
  spec.first = 2;
  const Dataset rest(spec, 1);
  CHECK(rest.size() == 3);
  CHECK(rest.spec().samples == 3);
  CHECK(rest.image_index(1) == 3);
  CHECK(rest.label(1) == 3);
  CHECK(rest.pixels(1)[10 * 28 + 12] == nj::testing::made_up_pixel(3, 12, 10));
  const Image image{28, 28, {rest.pixels(1).begin(), rest.pixels(1).end()}};
  CHECK(rest.events(1) == emulate(image, spec.camera, 1, 3));
  CHECK(rest.frames(1) == frame_events(rest.events(1), spec.framing, 300'000).values);
  CHECK(rest.frames(1).shape() == FeatureShape{2, 34, 34});
  CHECK(rest.form() == FrameForm{{2, 34, 34}, 4, 0, 15, std::nullopt});
}

TEST_CASE("the files of a spec are known before they are read") {
  const TemporaryFolder folder;
  write_made_up_split(folder.path(), 5);
  DatasetSpec spec = spec_in(folder);
  CHECK(absent_file(spec) == std::nullopt);
  std::filesystem::rename(folder / "t10k-labels-idx1-ubyte", folder / "t10k-labels-idx1-ubyte.gz");
  CHECK(absent_file(spec) == std::nullopt);
  std::filesystem::remove(folder / "t10k-labels-idx1-ubyte.gz");
  CHECK(absent_file(spec) == folder / "t10k-labels-idx1-ubyte");
  spec.source = DatasetSource::cifar10;
  CHECK(absent_file(spec) == folder / "test_batch.bin");
  spec.split = Split::train;
  write_file_atomically(folder / "data_batch_1.bin", "");
  CHECK(absent_file(spec) == folder / "data_batch_2.bin");
  spec.source = DatasetSource::hdf5;
  spec.path = folder / "i.h5";
  CHECK(absent_file(spec) == folder / "i.h5");
}

TEST_CASE("the form of frames is known without the files, but for the shape that these hold") {
  DatasetSpec spec;
  const FeatureShape stored{1, 20, 30};
  spec.framing.max_value = 9;
  CHECK(frame_form(spec, stored) == FrameForm{{2, 34, 34}, 4, 0, 9, std::nullopt});
  spec.source = DatasetSource::frames;
  CHECK(frame_form(spec, stored) == FrameForm{{1, 20, 30}, 4, 0, 9, std::nullopt});
  spec.source = DatasetSource::hdf5;
  spec.encoding = ImageEncoding{.timesteps = 3, .mean = {0.5}, .scale = 1.0 / 255};
  CHECK(frame_form(spec, stored) == FrameForm{{1, 20, 30}, 3, -127, 128, 1.0 / 255});
  spec.source = DatasetSource::cifar10;
  CHECK(frame_form(spec, stored).shape == FeatureShape{3, 32, 32});
  spec.encoding->mean = {0.5, 0.5};
  CHECK(message_of([&] { return frame_form(spec, stored); }).starts_with("dataset.encoding.mean"));
  spec.encoding.reset();
  spec.camera.image_width = 35;
  CHECK(message_of([&] { return frame_form(spec, stored); }).find("sensor") != std::string::npos);
}

TEST_CASE("images are encoded as they are, whatever the file") {
  const TemporaryFolder folder;
  write_made_up_split(folder.path(), 5);
  DatasetSpec grey = spec_in(folder);
  grey.first = 2;
  grey.encoding = ImageEncoding{.timesteps = 3, .mean = {0.5}, .scale = 1.0 / 255};
  const Dataset idx(grey, 1);
  // (v / 255 - 1/2) * 255 + 1/2, rounded down: v - 127.
  CHECK(idx.form() == FrameForm{{1, 28, 28}, 3, -127, 128, 1.0 / 255});
  CHECK(idx.frames(1).timesteps() == 3);
  CHECK(idx.frames(1).step(2)[10 * 28 + 12] == nj::testing::made_up_pixel(3, 12, 10) - 127);

  write_file_atomically(folder / "test_batch.bin",
                        nj::testing::cifar_record(4, 0) + nj::testing::cifar_record(5, 1));
  DatasetSpec colour = spec_in(folder);
  colour.source = DatasetSource::cifar10;
  colour.encoding = ImageEncoding{.encoder = Encoder::rate};
  const Dataset cifar(colour, 1);
  CHECK(cifar.size() == 2);
  CHECK(cifar.label(1) == 5);
  CHECK(cifar.form() == FrameForm{{3, 32, 32}, 4, 0, 1, 1.0});
  CHECK(cifar.frames(0) == ImageEncoder(*colour.encoding, {3, 32, 32})(cifar.pixels(0), 1, 0));
  colour.split = Split::train;
  CHECK(message_of([&] { return Dataset(colour, 1); }) ==
        folder.path().string() +
            ": dataset.path: data_batch_1.bin of CIFAR-10's binary version is not there");

  nj::testing::write_image_hdf5(folder / "i.h5", std::vector<std::uint8_t>(3 * 12, 9), {3, 3, 2, 2},
                                {1, 2, 300});
  DatasetSpec rows = colour;
  rows.source = DatasetSource::hdf5;
  rows.path = folder / "i.h5";
  rows.first = 1;
  const Dataset hdf5(rows, 1);
  CHECK(hdf5.size() == 2);
  CHECK(hdf5.label(1) == 300);
  CHECK(hdf5.image_index(1) == 2);
  CHECK(hdf5.form().shape == FeatureShape{3, 2, 2});
  CHECK(hdf5.frames(1) == ImageEncoder(*rows.encoding, {3, 2, 2})(hdf5.pixels(1), 1, 2));
  rows.samples = 3;
  CHECK(message_of([&] { return Dataset(rows, 1); }) ==
        "dataset.samples: 3 samples from 1 on wanted, the file has 3");
}

TEST_CASE("the camera sees images of any file, colours as luminance") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "test_batch.bin",
                        nj::testing::cifar_record(4, 0) + nj::testing::cifar_record(5, 1));
  DatasetSpec spec = spec_in(folder);
  spec.source = DatasetSource::cifar10;
  spec.camera.path = {{0, 0}, {2, 1}};
  const Dataset cifar(spec, 1);
  CHECK(cifar.form() == FrameForm{{2, 34, 34}, 4, 0, 15, std::nullopt});
  CHECK(cifar.events(1) == emulate(grey_image(cifar.pixels(1), {3, 32, 32}), spec.camera, 1, 1));
  CHECK(cifar.events(1) != cifar.events(0));

  spec.source = DatasetSource::hdf5;
  spec.path = folder / "i.h5";
  const auto of_channels = [&](std::uint64_t channels) {
    nj::testing::write_image_hdf5(spec.path, std::vector<std::uint8_t>(2 * channels * 12, 9),
                                  {2, channels, 3, 4}, {1, 2});
    return message_of([&] { return Dataset(spec, 1); });
  };
  CHECK(of_channels(1) == "nothing thrown");
  CHECK(of_channels(3) == "nothing thrown");
  CHECK(of_channels(2) ==
        "dataset.camera: the camera sees images of 1 or 3 channels, got [2, 3, 4]");
}

TEST_CASE("encodings are read, written out and refused at their place") {
  const DatasetSpec spec = parse(
      "{source: cifar10, path: c, encoding: {kind: direct, timesteps: 6, mean: [0.1, 0.2, 0.3], "
      "std: 0.25, scale: 0.01}}");
  CHECK(spec.source == DatasetSource::cifar10);
  CHECK(spec.encoding == ImageEncoding{Encoder::direct, 6, {0.1, 0.2, 0.3}, {0.25}, 0.01});
  CHECK(parse(to_yaml(spec, 2)) == spec);
  const DatasetSpec rate = parse("{source: hdf5, path: c.h5, encoding: {kind: rate}}");
  CHECK(rate.encoding == ImageEncoding{.encoder = Encoder::rate});
  CHECK(parse(to_yaml(rate, 0)) == rate);

  const auto complain = [](const std::string& text) {
    return message_of([&] { return parse(text); });
  };
  CHECK(complain("{source: cifar10}").find("needs a path") != std::string::npos);
  CHECK(complain("{source: hdf5, encoding: {kind: rate}}").find("needs a path") !=
        std::string::npos);
  CHECK(complain("{source: hdf5, path: c, split: test, encoding: {kind: rate}}")
            .find("split: an HDF5 file has no splits") != std::string::npos);
  CHECK(complain("encoding: {kind: burst}").find("encoding.kind: ") != std::string::npos);
  CHECK(complain("encoding: {kind: burst}").find("rate") != std::string::npos);
  CHECK(complain("encoding: {timesteps: 4}").find("kind") != std::string::npos);
  CHECK(complain("encoding: {kind: direct, std: 0}").substr(0, 33) ==
        "s.yaml:1:26: encoding.std: expect");
  CHECK(complain("encoding: {kind: direct, std: [0.2, 0]}").find("encoding.std[1]: ") !=
        std::string::npos);
  CHECK(complain("encoding: {kind: direct, mean: []}").find("encoding.mean: ") !=
        std::string::npos);
  CHECK(complain("encoding: {kind: rate, scale: 1}")
            .find("encoding.scale: belongs to direct encoding") != std::string::npos);
  CHECK(complain("{encoding: {kind: rate}, framing: {timesteps: 4}}")
            .find("framing: does not go with an encoding") != std::string::npos);
}

TEST_CASE("frames are framed already: their block says what the file must hold") {
  const DatasetSpec spec = parse(
      "{source: frames, path: f.h5, first: 3, samples: 2, framing: {timesteps: 10, max_value: 7}}");
  DatasetSpec expected;
  expected.source = DatasetSource::frames;
  expected.path = "f.h5";
  expected.first = 3;
  expected.samples = 2;
  expected.framing.timesteps = 10;
  expected.framing.max_value = 7;
  CHECK(spec == expected);
  CHECK(parse(to_yaml(spec, 4)) == spec);

  const auto complain = [](const std::string& text) {
    return message_of([&] { return parse(text); });
  };
  CHECK(complain("{source: frames}").find("needs a path") != std::string::npos);
  CHECK(complain("{source: frames, path: f, split: test}").find("split: an HDF5 file has no") !=
        std::string::npos);
  CHECK(complain("source: frames\npath: f\ncamera: {width: 9}") ==
        "s.yaml:3:1: camera: does not go with frames");
  CHECK(complain("source: frames\npath: f\nencoding: {kind: rate}") ==
        "s.yaml:3:1: encoding: does not go with frames");
  CHECK(complain("source: frames\npath: f\nframing: {by: time}") ==
        "s.yaml:3:11: framing.by: does not go with frames");
  CHECK(complain("source: frames\npath: f\nframing: {values: count}") ==
        "s.yaml:3:11: framing.values: does not go with frames");
}

TEST_CASE("no samples, or more than there are, is an error of the scenario") {
  const TemporaryFolder folder;
  write_made_up_split(folder.path(), 5);
  const auto complain = [&](std::uint64_t first, std::optional<std::uint64_t> samples) {
    DatasetSpec spec = spec_in(folder);
    spec.first = first;
    spec.samples = samples;
    const auto error = thrown([&] { return Dataset(spec, 1); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::config);
    return std::string(error->what());
  };
  CHECK(complain(0, 6) == "dataset.samples: 6 samples from 0 on wanted, the test split has 5");
  CHECK(complain(4, 2) == "dataset.samples: 2 samples from 4 on wanted, the test split has 5");
  CHECK(complain(0, 0) == "dataset.samples: no samples from 0 on in the test split of 5");
  CHECK(complain(5, {}) == "dataset.samples: no samples from 5 on in the test split of 5");
  CHECK(complain(9, 1) == "dataset.samples: 1 samples from 9 on wanted, the test split has 5");
}

TEST_CASE("files that are absent or do not fit are named") {
  const TemporaryFolder folder;
  const auto absent = thrown([&] { return Dataset(spec_in(folder), 1); });
  REQUIRE(absent);
  CHECK(absent->kind() == ErrorKind::io);
  CHECK(absent->message().find("t10k-images-idx3-ubyte") != std::string::npos);

  write_made_up_split(folder.path(), 5);
  write_file_atomically(folder / "t10k-labels-idx1-ubyte", idx_header({4}) + "abcd");
  CHECK(thrown([&] { return Dataset(spec_in(folder), 1); })->message() == "4 labels for 5 images");

  write_made_up_split(folder.path(), 5);
  DatasetSpec small = spec_in(folder);
  small.camera.width = 30;
  CHECK(thrown([&] { return Dataset(small, 1); })->kind() == ErrorKind::shape);
}

TEST_CASE("Fashion-MNIST: the first ten test images give the recorded events") {
  DatasetSpec spec;
  spec.samples = 10;
  if (!std::filesystem::exists(spec.path)) {
    MESSAGE("skipped: dataset-fashion-mnist is not installed");
    return;
  }
  const Dataset dataset(spec, 1);
  const std::vector<std::uint32_t> labels = {9, 2, 1, 1, 6, 1, 4, 6, 5, 7};
  std::uint64_t events = 0;
  for (std::uint64_t i = 0; i < 10; ++i) {
    CHECK(dataset.label(i) == labels[i]);
    events += dataset.events(i).events.size();
  }
  CHECK(events == 61312);
}
