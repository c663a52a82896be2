// Question: does a scenario feed image networks from each kind of image file, bit for bit what the
// encoder gives, and is what does not fit refused with both sides?
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <neurojoule/app/report.hpp>
#include <neurojoule/app/run.hpp>
#include <neurojoule/models/execute.hpp>

#include "support/tiny_scenario.hpp"

using namespace nj;
using nj::testing::cifar_record;
using nj::testing::message_of;
using nj::testing::TinyScenario;

namespace {

/// A small network of a family's CIFAR form for images of `shape`.
FamilySpec small(Family family, const FeatureShape& shape) {
  FamilySpec spec;
  spec.parameters = default_parameters(family, Form::cifar);
  spec.parameters.input = shape;
  spec.parameters.embed_dims = 32;
  spec.parameters.heads = 2;
  return spec;
}

const std::string cifar =
    "dataset: {source: cifar10, path: ., encoding: {kind: direct, mean: ["
    "0.4914, 0.4822, 0.4465], std: [0.2470, 0.2435, 0.2616]}}\n";

/// A folder with five CIFAR-10 images, a random network, and a scenario that runs it.
class ImageScenario {
 public:
  explicit ImageScenario(const FamilySpec& spec, const std::string& dataset = cifar) {
    std::string records;
    for (std::uint32_t i = 0; i < 5; ++i) records += cifar_record(static_cast<std::uint8_t>(i), i);
    write_file_atomically(tiny_.folder() / "test_batch.bin", records);
    use(spec, dataset);
  }
  void use(const FamilySpec& spec, const std::string& dataset) const {
    tiny_.use(spec);  // the checkpoint
    FamilySpec named = spec;
    named.checkpoint = "model.safetensors";
    tiny_.write("name: images\nmodel:\n" + to_yaml(named, 2) + dataset);
  }
  [[nodiscard]] PreparedRun prepared(const std::vector<std::string>& overrides = {}) const {
    return prepare(read_batch(tiny_.file(), overrides).points.front().scenario);
  }
  [[nodiscard]] std::string refusal(const std::vector<std::string>& overrides = {}) const {
    const std::string message = message_of([&] { return prepared(overrides); });
    const std::string folder = tiny_.folder().path().string() + "/";
    const std::size_t at = message.find(folder);
    return at == std::string::npos ? message
                                   : message.substr(0, at) + message.substr(at + folder.size());
  }
  [[nodiscard]] const nj::testing::TemporaryFolder& folder() const { return tiny_.folder(); }

 private:
  TinyScenario tiny_;
};

std::uint64_t firing_layers(const nlohmann::json& json) {
  std::uint64_t firing = 0;
  for (const auto& layer : json["layers"]) firing += layer["firing_rate"] > 0.0 ? 1 : 0;
  return firing;
}

}  // namespace

TEST_CASE("every family runs on CIFAR-10 images and writes results that run again") {
  for (const Family family : {Family::spikformer, Family::spikingformer,
                              Family::spike_driven_transformer, Family::qkformer}) {
    CAPTURE(to_string(family));
    const ImageScenario scenario(small(family, {3, 32, 32}));
    const PreparedRun prepared = scenario.prepared();
    const RunResult result = run(prepared, {.threads = 1, .progress = {}});
    CHECK(result.samples == 5);
    // What ran is the network on the encoder's frames.
    const GradedTensor frames = prepared.dataset->frames(3);
    CHECK(frames.min() < 0);
    CHECK(execute(prepared.network, frames).prediction == result.predictions[3]);
    const auto json = nlohmann::json::parse(result_json(prepared, result));
    CHECK(json["accuracy"] == result.accuracy());
    CHECK(firing_layers(json) > 8);  // the random network is not silent
    write_results(prepared, result, scenario.folder() / "out");
    const PreparedRun again = prepare(
        read_batch(scenario.folder() / "out" / "scenario.resolved.yaml", {}).points[0].scenario);
    CHECK(again.hash == prepared.hash);
    CHECK(run(again, {}).activity == result.activity);
  }
}

TEST_CASE("grey IDX images, and an HDF5 file of any shape, feed networks of their shape") {
  FamilySpec grey = small(Family::spikformer, {1, 28, 28});
  const ImageScenario scenario(
      grey,
      "dataset: {source: fashion-mnist, path: ., samples: 2, encoding: {kind: direct, mean: "
      "0.2860, std: 0.3530}}\n");
  const RunResult idx = run(scenario.prepared(), {});
  CHECK(idx.samples == 2);
  CHECK(idx.activity.layers[1].total().graded_multiplies > 0);

  // Without a mean black is 0 and makes no events: fewer than with one.
  const RunResult dark = run(scenario.prepared({"dataset.encoding.mean=0"}), {});
  CHECK(dark.activity.layers[1].total().graded_multiplies <
        idx.activity.layers[1].total().graded_multiplies);

  std::vector<std::uint8_t> pixels(std::size_t{3} * 2 * 16 * 24);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * 13);
  nj::testing::write_image_hdf5(scenario.folder() / "i.h5", pixels, {3, 2, 16, 24}, {4, 5, 6});
  FamilySpec wide = small(Family::spikformer, {2, 16, 24});
  wide.parameters.min_input = 0;
  wide.parameters.input_scale = 1.0;
  scenario.use(wide, "dataset: {source: hdf5, path: i.h5, encoding: {kind: rate}}\n");
  const PreparedRun prepared = scenario.prepared();
  const RunResult hdf5 = run(prepared, {});
  CHECK(hdf5.samples == 3);
  std::uint64_t ones = 0;
  for (std::uint64_t i = 0; i < 3; ++i) ones += prepared.dataset->frames(i).count();
  CHECK(hdf5.activity.layers[0].total().spikes == ones);
}

TEST_CASE("what does not fit is refused with both sides") {
  const ImageScenario scenario(small(Family::spikformer, {3, 32, 32}));
  CHECK(scenario.refusal() == "nothing thrown");
  CHECK(scenario.refusal({"model.input=[3, 28, 32]"}) ==
        "scenario.yaml:22:1: dataset: it gives images of [3, 32, 32], the model takes [3, 28, 32] "
        "(model.input)");
  // (1 - 0.4822) / 0.2435 * 64 = 136.1; (0 - 0.4914) / 0.2470 * 64 = -127.3
  CHECK(scenario.refusal({"model.max_input=100"}) ==
        "scenario.yaml:22:1: dataset: its values reach 136, the model takes at most 100 "
        "(model.max_input)");
  CHECK(scenario.refusal({"model.min_input=-100"}) ==
        "scenario.yaml:22:1: dataset: its values begin at -127, the model takes at least -100 "
        "(model.min_input)");
  CHECK(scenario.refusal({"dataset.encoding.timesteps=5"}) ==
        "scenario.yaml:22:1: dataset: it is shown for 5 time steps, the model has 4 "
        "(model.timesteps)");
  CHECK(scenario.refusal({"dataset.encoding.scale=0.03125"}) ==
        "scenario.yaml:22:1: dataset: a value of 1 stands for 0.03125, in the model for 0.015625 "
        "(model.input_scale)");
  CHECK(scenario.refusal({"dataset.encoding.mean=[0.5, 0.5]"}) ==
        "scenario.yaml:22:1: dataset.encoding.mean: 2 numbers for images of 3 channels");
  CHECK(scenario.refusal({"dataset.encoding.std=0"}).find("encoding.std: expected") !=
        std::string::npos);
  CHECK(scenario.refusal({"dataset.split=train"}).find("data_batch_1.bin") != std::string::npos);

  FamilySpec few = small(Family::spikformer, {3, 32, 32});
  few.parameters.classes = 4;
  scenario.use(few, cifar);
  CHECK(scenario.refusal() ==
        "scenario.yaml:22:1: dataset: image 4 has the label 4, the model has 4 classes");
}

TEST_CASE("a chip takes signed codes of eight bits, and refuses wider ones") {
  FamilySpec spec = small(Family::spikformer, {3, 32, 32});
  spec.parameters.min_input = -128;
  spec.parameters.max_input = 127;
  spec.parameters.input_scale = 0x1p-5;
  const std::string chip = "chip: mesh45\nprices: horowitz45\nsimulation: {samples: 1}\n";
  const ImageScenario scenario(
      spec,
      "dataset: {source: cifar10, path: ., encoding: {kind: direct, mean: 0.47, std: 0.25, "
      "scale: 0.03125}}\n" +
          chip);
  const PreparedRun prepared = scenario.prepared();
  const RunResult result = run(prepared, {});
  std::uint64_t done = 0;
  const LayerId first = *prepared.network.network().find("patch_embed.proj_conv");
  for (const auto& [key, count] : result.chip->actions.entries()) {
    if (key.action == Action::synaptic_operation && key.layer == first) done += count;
  }
  CHECK(done == result.chip->activity.layers[first.index].total().synaptic_events());
  CHECK(done > 0);
  CHECK(scenario.refusal({"model.min_input=-129"}).find("input") != std::string::npos);
}
