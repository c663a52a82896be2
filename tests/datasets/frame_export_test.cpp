#include <algorithm>
#include <string>

#include <doctest/doctest.h>

#include <neurojoule/core/atomic_file.hpp>
#include <neurojoule/core/hdf5_file.hpp>
#include <neurojoule/datasets/frame_export.hpp>

#include "support/image_files.hpp"
#include "support/thrown.hpp"

using namespace nj;
using nj::testing::TemporaryFolder;
using nj::testing::thrown;
using nj::testing::write_made_up_split;

namespace {

Dataset made_up(const TemporaryFolder& folder, std::uint32_t count) {
  write_made_up_split(folder.path(), count);
  DatasetSpec spec;
  spec.path = folder.path();
  spec.camera.step_us = 10'000;
  return Dataset(spec, 1);
}

}  // namespace

TEST_CASE("an export holds the frames in [N, T, C, H, W] order, the labels and the spec") {
  const TemporaryFolder folder;
  const Dataset dataset = made_up(folder, 3);
  const FrameExport done = export_frames(dataset, folder / "f.h5", 1);
  CHECK(done.samples == 3);
  const Hdf5Reader reader(folder / "f.h5");
  CHECK(reader.shape("frames") == std::vector<std::uint64_t>{3, 4, 2, 34, 34});
  CHECK(reader.read<std::uint8_t>("labels", 3) == std::vector<std::uint8_t>{0, 1, 2});
  const auto values = reader.read<std::uint8_t>("frames", 3 * 4 * 2 * 34 * 34);
  std::uint64_t events = 0;
  bool equal = true;
  for (std::uint64_t n = 0; n < 3; ++n) {
    const GradedTensor frames = dataset.frames(n);
    events += dataset.events(n).events.size();
    for (std::uint32_t t = 0; t < 4; ++t) {
      for (std::uint32_t c = 0; c < 2; ++c) {
        for (std::uint32_t i = 0; i < 34 * 34; ++i) {
          const std::uint8_t exported = values[((n * 4 + t) * 2 + c) * 34 * 34 + i];
          equal &= exported == frames.step(t)[frames.shape().address(c, i / 34, i % 34)];
        }
      }
    }
  }
  CHECK(equal);
  CHECK(done.events == events);
  CHECK(reader.attribute_integer("/", "events") == static_cast<std::int64_t>(events));
  CHECK(reader.attribute_integer("/", "seed") == 1);
  const YamlDocument spec = YamlDocument::parse(reader.attribute_text("/", "dataset"), "spec");
  CHECK(read_dataset_spec(spec.root()) == dataset.spec());
}

TEST_CASE("an export has equal bytes at 1, 2 and 4 threads") {
  const TemporaryFolder folder;
  const Dataset dataset = made_up(folder, 520);  // one block of 512 and a rest
  export_frames(dataset, folder / "1.h5", 1);
  const std::string one = read_file(folder / "1.h5", 1 << 24);
  for (const unsigned threads : {2U, 4U}) {
    export_frames(dataset, folder / "n.h5", threads);
    CHECK(read_file(folder / "n.h5", 1 << 24) == one);
  }
}

TEST_CASE("encoded images are not exported as frames") {
  const TemporaryFolder folder;
  write_made_up_split(folder.path(), 1);
  DatasetSpec spec;
  spec.path = folder.path();
  spec.encoding = ImageEncoding{};
  const auto error = thrown([&] { return export_frames(Dataset(spec, 1), folder / "f.h5", 1); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::unsupported);
  CHECK(error->location().key == "dataset.encoding");
  CHECK_FALSE(std::filesystem::exists(folder / "f.h5"));
}

TEST_CASE("exported frames read back as a data set of frames") {
  const TemporaryFolder folder;
  const Dataset seen = made_up(folder, 5);
  export_frames(seen, folder / "f.h5", 1);
  DatasetSpec spec;
  spec.source = DatasetSource::frames;
  spec.path = folder / "f.h5";
  spec.first = 2;
  const Dataset stored(spec, 1);
  CHECK(stored.size() == 3);
  CHECK(stored.form() == seen.form());
  for (std::uint64_t i = 0; i < 3; ++i) {
    CHECK(stored.frames(i) == seen.frames(i + 2));
    CHECK(stored.label(i) == seen.label(i + 2));
    CHECK(stored.image_index(i) == i + 2);
  }
  CHECK(stored.frames(0) != stored.frames(1));

  // Values and steps must be what the scenario says.
  std::int16_t most = 0;
  for (std::uint64_t i = 0; i < 3; ++i) most = std::max(most, stored.frames(i).max());
  spec.framing.max_value = static_cast<std::uint32_t>(most);
  CHECK(Dataset(spec, 1).form().largest == most);
  spec.framing.max_value -= 1;
  const auto large = thrown([&] { return Dataset(spec, 1); });
  REQUIRE(large);
  CHECK(large->kind() == ErrorKind::config);
  CHECK(large->location().key == "dataset.framing.max_value");
  CHECK(large->message().find("f.h5 holds " + std::to_string(most)) != std::string::npos);
  spec.framing = {.timesteps = 5};
  const auto steps = thrown([&] { return Dataset(spec, 1); });
  REQUIRE(steps);
  CHECK(steps->location().key == "dataset.framing.timesteps");
  CHECK(steps->message() == "the frames in " + spec.path.string() + " have 4 time steps, not 5");

  const auto again = thrown([&] { return export_frames(stored, folder / "g.h5", 1); });
  REQUIRE(again);
  CHECK(again->kind() == ErrorKind::unsupported);
  CHECK(again->location().key == "dataset.source");
}

TEST_CASE("a label that does not fit a byte is refused") {
  const TemporaryFolder folder;
  nj::testing::write_image_hdf5(folder / "i.h5", std::vector<std::uint8_t>(3 * 12, 9), {3, 1, 3, 4},
                                {1, 255, 256});
  DatasetSpec spec;
  spec.source = DatasetSource::hdf5;
  spec.path = folder / "i.h5";
  spec.samples = 2;
  CHECK(export_frames(Dataset(spec, 1), folder / "f.h5", 1).samples == 2);
  spec.samples = 3;
  const auto error = thrown([&] { return export_frames(Dataset(spec, 1), folder / "g.h5", 1); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::unsupported);
  CHECK(error->message() == "labels of frames are 0..255, got 256 for image 2");
  CHECK_FALSE(std::filesystem::exists(folder / "g.h5"));
}

TEST_CASE("an export that cannot be written leaves nothing") {
  const TemporaryFolder folder;
  const Dataset dataset = made_up(folder, 1);
  const auto error = thrown([&] { return export_frames(dataset, folder / "no/f.h5", 1); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::io);
  CHECK_FALSE(std::filesystem::exists(folder / "no"));
}
