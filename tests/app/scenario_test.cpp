#include <fstream>

#include <doctest/doctest.h>

#include <neurojoule/app/check.hpp>
#include <neurojoule/app/data_files.hpp>
#include <neurojoule/core/atomic_file.hpp>
#include <neurojoule/datasets/frame_export.hpp>

#include "support/tiny_scenario.hpp"

using namespace nj;
using nj::testing::message_of;
using nj::testing::TinyScenario;

namespace {

/// What reading and preparing the scenario with one line of it replaced prints, without its folder.
std::string refusal(const std::string& line, const std::string& by,
                    const std::vector<std::string>& overrides = {}) {
  const TinyScenario tiny;
  std::string text = TinyScenario::text();
  const std::size_t at = text.find(line);
  REQUIRE(at != std::string::npos);
  tiny.write(text.replace(at, line.size(), by));
  std::string message = message_of([&] {
    for (const BatchPoint& point : read_batch(tiny.file(), overrides).points)
      prepare(point.scenario);
  });
  const std::string folder = tiny.folder().path().string() + "/";
  for (std::size_t i = message.find(folder); i != std::string::npos; i = message.find(folder)) {
    message.erase(i, folder.size());
  }
  return message;
}

}  // namespace

TEST_CASE("a scenario is read with its defaults resolved") {
  const TinyScenario tiny;
  const Batch batch = read_batch(tiny.file(), {"quantization.default.bits=4", "seed=9"});
  REQUIRE(batch.points.size() == 1);
  const Scenario& scenario = batch.points.front().scenario;
  CHECK_FALSE(batch.is_batch);
  CHECK(scenario.name == "tiny");
  CHECK(scenario.seed == 9);
  CHECK(scenario.quantization.default_rule.format.bits == 4);
  CHECK(std::get<FamilySpec>(scenario.model).timesteps == 4);
  CHECK(scenario.chip->samples == 3);
}

TEST_CASE("the resolved scenario reads back to itself and to the same hash") {
  const TinyScenario tiny;
  const Scenario scenario = read_batch(tiny.file(), {}).points.front().scenario;
  const std::string resolved = to_yaml(scenario);
  tiny.write(resolved);
  const Scenario again = read_batch(tiny.file(), {}).points.front().scenario;
  CHECK(to_yaml(again) == resolved);
  CHECK(prepare(again).hash == prepare(scenario).hash);
}

TEST_CASE("a chip in the scenario is the chip of a file with the same text") {
  const TinyScenario tiny;
  const std::string variant = "base: mesh45\nname: other\ntopology: {flit: 32 bit}\n";
  write_file_atomically(tiny.folder() / "other.yaml", variant);
  const auto prepared = [&](const std::vector<std::string>& overrides) {
    return prepare(read_batch(tiny.file(), overrides).points.front().scenario);
  };
  const PreparedRun file = prepared({"chip=./other.yaml"});
  const PreparedRun named = prepared({"chip.topology.flit=32 bit", "chip.name=other"});
  const PreparedRun later = prepared({"chip.topology.flit=32 bit", "chip={base: ./other.yaml}"});
  std::string text = TinyScenario::text();
  const std::string line = "chip: mesh45\n";
  tiny.write(text.replace(text.find(line), line.size(),
                          "chip:\n  base: mesh45\n  name: other\n  topology: {flit: 32 bit}\n"));
  const PreparedRun inside = prepared({});
  for (const PreparedRun* run : {&named, &later, &inside}) {
    CHECK(run->chip->chip_file == file.chip->chip_file);
    CHECK(run->hash == file.hash);
  }
  CHECK(file.chip->chip.spec().topology.flit_bits == 32);
  const std::string resolved = to_yaml(inside.scenario);
  tiny.write(resolved);
  CHECK(prepared({}).hash == file.hash);
  CHECK(to_yaml(prepared({}).scenario) == resolved);
}

TEST_CASE("parts of chips are swept, and changed on each chip of a sweep") {
  const TinyScenario tiny;
  const auto flits = [&](const std::string& sweep, const std::vector<std::string>& overrides) {
    tiny.write(TinyScenario::text() + "sweep:\n" + sweep);
    std::vector<std::uint32_t> bits;
    for (const BatchPoint& point : read_batch(tiny.file(), overrides).points) {
      bits.push_back(prepare(point.scenario).chip->chip.spec().topology.flit_bits);
    }
    return bits;
  };
  using Bits = std::vector<std::uint32_t>;
  CHECK(flits("  chip.topology.flit: [16 bit, 48 bit]\n", {}) == Bits{16, 48});
  CHECK(flits("  chip: [mesh45, {base: mesh45, name: x}]\n", {"chip.topology.flit=24 bit"}) ==
        Bits{24, 24});
  CHECK(flits("  chip.topology.flit: [16 bit, 48 bit]\n  chip: [mesh45]\n", {}) == Bits{16, 48});
}

TEST_CASE("swept maps are called by their names, where these tell them apart") {
  const TinyScenario tiny;
  const auto said = [&](const std::string& sweep) {
    tiny.write(TinyScenario::text() + "sweep:\n" + sweep);
    std::vector<std::string> all;
    for (const BatchPoint& point : read_batch(tiny.file(), {}).points) {
      all.push_back(point.description);
    }
    return all;
  };
  using Said = std::vector<std::string>;
  const std::string variant = "{base: mesh45, topology: {flit: 16 bit}";
  CHECK(said("  chip: [mesh45, " + variant + ", name: narrow}]\n") ==
        Said{"chip=mesh45", "chip=narrow"});
  CHECK(said("  chip: [mesh45, " + variant + ", name: mesh45}]\n") ==
        Said{"chip=mesh45", "chip=" + variant + ", name: mesh45}"});
  CHECK(said("  \"chip, seed\": [[" + variant + ", name: a}, 1], [" + variant +
             ", name: b}, 2]]\n") == Said{"chip=a, seed=1", "chip=b, seed=2"});
}

TEST_CASE("calibration samples of a file without splits are written without a split") {
  const TinyScenario tiny;
  const DatasetSpec images = read_batch(tiny.file(), {}).points.front().scenario.dataset;
  export_frames(Dataset(images, 1), tiny.folder() / "frames.h5", 1);
  const std::string frames =
      "dataset={source: frames, path: frames.h5, first: 4, framing: {timesteps: 4, max_value: 15}}";
  const Scenario scenario =
      read_batch(tiny.file(), {frames, "calibration={samples: 4}"}).points.front().scenario;
  CHECK(scenario.calibration->dataset.split == scenario.dataset.split);
  const std::string resolved = to_yaml(scenario);
  CHECK(resolved.find("split") == std::string::npos);
  CHECK(resolved.find("first: 0, samples: 4") != std::string::npos);
  tiny.write(resolved);
  const Scenario again = read_batch(tiny.file(), {}).points.front().scenario;
  CHECK(to_yaml(again) == resolved);
  CHECK(prepare(again).hash == prepare(scenario).hash);
  const std::string message = message_of([&] {
    read_batch(tiny.file(), {frames, "calibration.split=train"});
  });
  CHECK(
      message ==
      "--set calibration.split=train: calibration.split: an HDF5 file has no splits; name another "
      "file by `path`");
}

TEST_CASE("a mapping by hand is part of the resolved scenario") {
  const TinyScenario tiny;
  const Scenario first = read_batch(tiny.file(), {}).points.front().scenario;
  const PreparedRun prepared = prepare(first);
  const FixedMapping fixed =
      fixed_mapping(prepared.network.network(), prepared.populations, prepared.chip->mapping);
  tiny.write(TinyScenario::text() + "mapping:\n  fixed:\n" + to_yaml(fixed, 4));
  const Scenario scenario = read_batch(tiny.file(), {}).points.front().scenario;
  CHECK(prepare(scenario).chip->mapping == prepared.chip->mapping);
  const std::string resolved = to_yaml(scenario);
  tiny.write(resolved);
  CHECK(to_yaml(read_batch(tiny.file(), {}).points.front().scenario) == resolved);
}

TEST_CASE("the hash changes with whatever changes the results, and with nothing else") {
  const TinyScenario tiny;
  const auto hash_with = [&](const std::vector<std::string>& overrides) {
    return prepare(read_batch(tiny.file(), overrides).points.front().scenario).hash;
  };
  const std::string hash = hash_with({});
  CHECK(hash.size() == 64);
  for (const char* change : {"seed=2", "quantization.default.bits=7", "dataset.samples=11",
                             "chip=loihi1", "simulation.samples=2", "simulation.timing=flit",
                             "mapping.placement=annealing", "dataset.camera.threshold=0.3"}) {
    CAPTURE(change);
    std::vector<std::string> overrides = {change};
    if (overrides[0] == "chip=loihi1") overrides.emplace_back("prices=loihi1_published");
    CHECK(hash_with(overrides) != hash);
  }
  std::filesystem::copy(tiny.folder() / "model.safetensors", tiny.folder() / "same.safetensors");
  CHECK(hash_with({"model.checkpoint=same.safetensors"}) == hash);
  auto tensors = TinyScenario::random_checkpoint(TinyScenario::parameters());
  tensors.at("head.bias").values[0] = 0.25F;
  write_safetensors(tiny.folder() / "other.safetensors", tensors);
  CHECK(hash_with({"model.checkpoint=other.safetensors"}) != hash);
}

TEST_CASE("the hash changes with the price tables that the named one builds on") {
  const TinyScenario tiny;
  const auto hash_on = [&](const char* barrier) {
    std::ofstream(tiny.folder() / "below.yaml")
        << "name: below\nbase: horowitz45\nentries:\n  - action: barrier\n"
        << "    category: control\n    price: " << barrier
        << "\n    source: \"assumption: a test\"\n";
    std::ofstream(tiny.folder() / "above.yaml")
        << "name: above\nbase: below.yaml\nentries:\n  - action: hop_chip\n"
        << "    category: interconnect\n    price: 1 pJ\n    source: \"assumption: a test\"\n";
    return prepare(read_batch(tiny.file(), {"prices=above.yaml"}).points.front().scenario).hash;
  };
  const std::string hash = hash_on("1 pJ");
  CHECK(hash_on("1 pJ") == hash);
  CHECK(hash_on("2 pJ") != hash);
}

TEST_CASE("a sweep is the product of its axes, the last one fastest") {
  const TinyScenario tiny;
  tiny.write(
      TinyScenario::text() +
      "sweep:\n"
      "  quantization.default: [{scheme: uniform, bits: 4}, {scheme: power-of-two, bits: 3}]\n"
      "  seed: [5, 6]\n");
  const Batch batch = read_batch(tiny.file(), {});
  REQUIRE(batch.points.size() == 4);
  CHECK(batch.is_batch);
  CHECK(batch.points[1].description == "quantization.default={scheme: uniform, bits: 4}, seed=6");
  CHECK(batch.points[1].label == "001-quantization.default-scheme-uniform-bits-4-seed-6");
  CHECK(batch.points[1].scenario.seed == 6);
  CHECK(batch.points[2].scenario.seed == 5);
  CHECK(batch.points[2].scenario.quantization.default_rule.format ==
        NumberFormat{Scheme::power_of_two, 3, Granularity::per_channel});
}

TEST_CASE("null takes keys away at every depth") {
  const TinyScenario tiny;
  tiny.write(TinyScenario::text() + "sweep: {chip.core_kinds.neuron.max_axons: [100, null]}\n");
  const Batch batch = read_batch(
      tiny.file(), {"dataset.samples=null", "simulation.samples=null", "model.mlp_ratio=null",
                    "quantization.default.bits=null", "calibration.samples=null"});
  REQUIRE(batch.points.size() == 2);
  tiny.write(
      "name: tiny\nmodel: {family: spikformer, checkpoint: model.safetensors, max_input: 15,\n"
      "  embed_dims: 16, depth: 1, heads: 2}\n"
      "dataset: {source: fashion-mnist, path: .}\nquantization: {default: {scheme: uniform}}\n"
      "chip: mesh45\nprices: horowitz45\nsimulation: {}\ncalibration: {}\n");
  const Scenario without = read_batch(tiny.file(), {}).points.front().scenario;
  for (const BatchPoint& point : batch.points) {
    CHECK(point.scenario.dataset.samples == without.dataset.samples);
    CHECK(point.scenario.chip->samples == without.chip->samples);
    CHECK(to_yaml(point.scenario.quantization) == to_yaml(without.quantization));
  }
}

TEST_CASE("a key that is null and misspelt is refused") {
  CHECK(refusal("", "", {"seeed=null"}) ==
        "--set seeed=null: seeed: unknown key, did you mean 'seed'?");
  CHECK(refusal("", "", {"chip.core_kinds.neuron.max_axon=null"}) ==
        "--set chip.core_kinds.neuron.max_axon=null: core_kinds.neuron.max_axon: unknown key, "
        "did you mean 'max_axons'?");
}

TEST_CASE("sweeps are given and changed from outside the file") {
  const TinyScenario tiny;
  const auto descriptions = [&](const std::string& sweep,
                                const std::vector<std::string>& overrides) {
    tiny.write(TinyScenario::text() + sweep);
    std::vector<std::string> points;
    for (const BatchPoint& point : read_batch(tiny.file(), overrides).points) {
      points.push_back(point.description);
    }
    return points;
  };
  const std::vector<std::string> seeds{"seed=5", "seed=6"};
  CHECK(descriptions("", {"sweep={seed: [5, 6]}"}) == seeds);
  CHECK(descriptions("sweep: {seed: [1, 2, 3]}\n", {"sweep.seed=[5, 6]"}) == seeds);
  CHECK(descriptions("sweep: {seed: [1, 2, 3]}\n", {"sweep={seed: [5, 6]}"}) == seeds);
  const std::vector<std::string> bits{"quantization.default.bits=4", "quantization.default.bits=5"};
  CHECK(descriptions("", {"sweep.quantization.default.bits=[4, 5]"}) == bits);
  CHECK(descriptions("sweep: {quantization: {default: {bits: [4, 5]}}}\n", {}) == bits);
  CHECK(
      descriptions("sweep: {quantization: {\"default.bits, default.scheme\": [[4, uniform]]}}\n",
                   {}) ==
      std::vector<std::string>{"quantization.default.bits=4, quantization.default.scheme=uniform"});
}

TEST_CASE("keys of one axis change together") {
  const TinyScenario tiny;
  tiny.write(TinyScenario::text() +
             "sweep:\n"
             "  \"chip, prices\": [[mesh45, horowitz45], [loihi1, loihi1_published]]\n"
             "  seed: [5, 6]\n");
  const Batch batch = read_batch(tiny.file(), {});
  REQUIRE(batch.points.size() == 4);
  CHECK(batch.points[3].description == "chip=loihi1, prices=loihi1_published, seed=6");
  CHECK(batch.points[1].scenario.chip->prices == "horowitz45");
  CHECK(batch.points[2].scenario.chip->chip == "loihi1");
  CHECK(batch.points[2].scenario.chip->prices == "loihi1_published");
  const auto refusal_of = [&](const std::string& sweep) {
    tiny.write(TinyScenario::text() + "sweep:\n  " + sweep + "\n");
    const std::string message =
        nj::testing::message_of([&] { static_cast<void>(read_batch(tiny.file(), {})); });
    return message.substr(std::min(message.size(), message.rfind("scenario.yaml")));
  };
  CHECK(refusal_of("\"chip, prices\": [[mesh45]]") ==
        "scenario.yaml:20:20: sweep.chip, prices[0]: expected 2 values, one for each key");
  CHECK(refusal_of("\"chip,\": [[mesh45]]") ==
        "scenario.yaml:20:3: sweep.chip,: expected a key, or keys with commas between them");
}

TEST_CASE("a list runs its scenarios in order") {
  const TinyScenario tiny;
  write_file_atomically(tiny.folder() / "list.yaml", "scenarios: [scenario.yaml, scenario.yaml]\n");
  const Batch batch = read_batch(tiny.folder() / "list.yaml", {"seed=4"});
  REQUIRE(batch.points.size() == 2);
  CHECK(batch.points[1].label == "001-tiny");
  CHECK(batch.points[1].scenario.seed == 4);
}

TEST_CASE("a list runs all points of its sweeps, and no other lists") {
  const TinyScenario tiny;
  const auto write = [&](const char* name, const std::string& text) {
    write_file_atomically(tiny.folder() / name, text);
  };
  write("sweep.yaml", TinyScenario::text() + "sweep: {seed: [7, 8]}\n");
  write("list.yaml", "scenarios: [sweep.yaml, scenario.yaml]\n");
  const Batch batch = read_batch(tiny.folder() / "list.yaml", {});
  REQUIRE(batch.points.size() == 3);
  CHECK(batch.points[0].label == "000-tiny-seed-7");
  CHECK(batch.points[0].description == "sweep.yaml: seed=7");
  CHECK(batch.points[1].label == "001-tiny-seed-8");
  CHECK(batch.points[1].scenario.seed == 8);
  CHECK(batch.points[2].label == "002-tiny");
  CHECK(batch.points[2].description == "scenario.yaml");
  write("lists.yaml", "scenarios:\n  - scenario.yaml\n  - list.yaml\n");
  write("self.yaml", "scenarios: [self.yaml]\n");
  const auto refusal = [&](const char* name) {
    const std::string message =
        nj::testing::message_of([&] { static_cast<void>(read_batch(tiny.folder() / name, {})); });
    return message.substr(std::min(message.size(), message.rfind(name)));
  };
  const std::string no_list = "a member of a list must be a scenario or a sweep, not another list";
  CHECK(refusal("lists.yaml") == "lists.yaml:3:5: scenarios[1]: " + no_list);
  CHECK(refusal("self.yaml") == "self.yaml:1:13: scenarios[0]: " + no_list);
  write("none.yaml", "scenarios: []\n");
  CHECK(refusal("none.yaml") == "none.yaml:1:1: scenarios: expected at least one scenario");
}

TEST_CASE("what is wrong with a scenario is said with its place") {
  CHECK(refusal("name: tiny", "name: a/b") ==
        "scenario.yaml:1:1: name: expected up to 60 letters, digits, '.', '-' or '_', not dots "
        "alone");
  CHECK(refusal("name: tiny", "name: ..").starts_with("scenario.yaml:1:1: name: expected up to"));
  CHECK(refusal("chip: mesh45", "chipp: mesh45") ==
        "scenario.yaml:17:1: prices: prices need a chip");
  CHECK(refusal("chip: mesh45", "chip: mesh54")
            .starts_with("scenario.yaml:16:1: chip: no shipped chip is named 'mesh54'"));
  CHECK(refusal("prices: horowitz45", "prices: none.yaml") ==
        "scenario.yaml:17:1: prices: none.yaml: no such file");
  CHECK(refusal("chip: mesh45", "chip: none.yaml") ==
        "scenario.yaml:16:1: chip: none.yaml: no such file");
  CHECK(refusal("chip: mesh45", "chip: {base: mesh45, topology: {flit: 0 bit}}")
            .starts_with("scenario.yaml:16:33: topology.flit: expected 1 bit to 65536 bit"));
  CHECK(refusal("simulation: {samples: 3}", "simulation: {samples: 0}") ==
        "scenario.yaml:18:14: simulation.samples: expected 1..1000000, got 0");
  CHECK(
      refusal("simulation: {samples: 3}", "simulation: {timing: flits}") ==
      "scenario.yaml:18:14: simulation.timing: expected one of analytic, event, flit, got 'flits'");
  CHECK(
      refusal("chip: mesh45\nprices: horowitz45\nsimulation: {samples: 3}",
              "chip: pe_array45\nprices: horowitz45\nsimulation: {timing: flit}") ==
      "scenario.yaml:18:14: simulation.timing: a chip with an array, which has no network, is not "
      "simulated at the level 'flit'");
  CHECK(refusal("chip: mesh45\nprices: horowitz45\nsimulation: {samples: 3}",
                "mapping: {seed: 2}") == "scenario.yaml:16:1: mapping: a mapping needs a chip");
  CHECK(refusal("chip: mesh45\nprices: horowitz45\nsimulation: {samples: 3}",
                "outputs: {series: true}") ==
        "scenario.yaml:16:11: outputs.series: a series needs a chip");
  CHECK(refusal("chip: mesh45\nprices: horowitz45\nsimulation: {samples: 3}",
                "outputs: {baselines: true}") ==
        "scenario.yaml:16:11: outputs.baselines: baselines need a chip");
  const auto mapping = [](const std::string& block) {
    return refusal("simulation: {samples: 3}", "mapping: " + block);
  };
  CHECK(mapping("{placement: best}")
            .starts_with(
                "scenario.yaml:18:11: mapping.placement: expected one of in-order, greedy, "));
  CHECK(mapping("{effort: 0}") == "scenario.yaml:18:11: mapping.effort: expected 1..1000, got 0");
  CHECK(mapping("{chip_link: 0}") ==
        "scenario.yaml:18:11: mapping.chip_link: expected 1..1000, got 0");
  CHECK(mapping("{slices: most}") ==
        "scenario.yaml:18:11: mapping.slices: expected one of fewest, fastest, got 'most'");
  CHECK(mapping("{file: m.yaml, slices: fastest}") ==
        "scenario.yaml:18:25: mapping.slices: a given mapping is not cut");
  CHECK(mapping("{file: m.yaml, seed: 2}") ==
        "scenario.yaml:18:25: mapping.seed: a given mapping is not placed");
  CHECK(mapping("{file: m.yaml, chip_link: 2}") ==
        "scenario.yaml:18:25: mapping.chip_link: a given mapping is not placed");
  CHECK(mapping("{file: m.yaml, fixed: {}}") ==
        "scenario.yaml:18:11: mapping.file: does not go with a mapping that stands here (fixed)");
  CHECK(mapping("{file: m.yaml}") == "scenario.yaml:18:1: mapping: m.yaml: no such file");
  CHECK(
      mapping("{fixed: {haed: [{core: 0}]}}") ==
      "scenario.yaml:18:19: mapping.fixed.haed: the network has no layer 'haed' to place, did you "
      "mean 'head'?");
  CHECK(refusal("  samples: all", "  samples: 0").find("dataset.samples") != std::string::npos);
  CHECK(refusal("  samples: all", "  samples: 13") ==
        "scenario.yaml:10:1: dataset.samples: 13 samples from 0 on wanted, the test split has 12");
  CHECK(refusal("model.safetensors", "none.safetensors") ==
        "scenario.yaml:2:1: model: none.safetensors: no such file");
  CHECK(refusal("  max_input: 15", "  max_input: 3") ==
        "scenario.yaml:10:1: dataset: its values reach 15, the model takes at most 3 "
        "(model.max_input)");
  CHECK(refusal("  family: spikformer", "  family: spikformer\n  form: cifar") ==
        "scenario.yaml:11:1: dataset: it gives event frames of [2, 34, 34], the model takes [3, "
        "32, 32] "
        "(model.input)");
  CHECK(refusal("  checkpoint: model.safetensors", "  tau: 2") ==
        "scenario.yaml:2:1: model: a run needs a checkpoint (model.checkpoint)");
  CHECK(refusal("  path: .", "  path: .\n  framing: {timesteps: 5}") ==
        "scenario.yaml:10:1: dataset: it is framed into 5 time steps, the model has 4 "
        "(model.timesteps)");
  CHECK(refusal("quantization:", "quantization:\n  layers: {\"block.9.*\": {bits: 4}}")
            .starts_with("scenario.yaml:15:"));
  CHECK(refusal("  embed_dims: 16", "  embed_dims: 32").find("model.safetensors: ") == 0);
  CHECK(refusal("", "", {"quantisation.default.bits=4"}) ==
        "--set quantisation.default.bits=4: quantisation: unknown key, did you mean "
        "'quantization'?");
  CHECK(refusal("", "", {"seed"}) == "--set seed: expected key=value");
  CHECK(refusal("", "", {"sweep.seed=[]"}) ==
        "--set sweep.seed=[]: sweep.seed: expected at least one value");
}

TEST_CASE("without its samples, a scenario is checked for all that they do not tell") {
  const TinyScenario tiny;
  const auto checked = [&](const std::vector<std::string>& overrides) {
    return check(read_batch(tiny.file(), overrides).points.front().scenario);
  };
  for (const char* file : {"images-idx3-ubyte", "labels-idx1-ubyte"}) {
    std::filesystem::copy(tiny.folder() / (std::string("t10k-") + file),
                          tiny.folder() / (std::string("train-") + file));
  }
  const CheckedScenario whole = checked({"calibration={samples: 4}"});
  CHECK(whole.absent.empty());
  CHECK(whole.prepared.hash.size() == 64);
  std::filesystem::remove(tiny.folder() / "train-images-idx3-ubyte");
  std::filesystem::remove(tiny.folder() / "t10k-labels-idx1-ubyte");
  const CheckedScenario part = checked({"calibration={samples: 4}"});
  CHECK(part.absent ==
        std::vector<std::filesystem::path>{tiny.folder() / "t10k-labels-idx1-ubyte",
                                           tiny.folder() / "train-images-idx3-ubyte"});
  CHECK(part.prepared.dataset == nullptr);
  CHECK(fit_line(part.prepared) == fit_line(whole.prepared));

  const auto refusal_of = [&](const std::vector<std::string>& overrides) {
    const std::string message = message_of([&] { checked(overrides); });
    const std::string folder = tiny.folder().path().string() + "/";
    return message.starts_with(folder) ? message.substr(folder.size()) : message;
  };
  CHECK(refusal_of({"model.checkpoint=none.safetensors"})
            .ends_with("none.safetensors: no such file"));
  CHECK(refusal_of({"model.max_input=3"}) ==
        "scenario.yaml:10:1: dataset: its values reach 15, the model takes at most 3 "
        "(model.max_input)");
  CHECK(refusal_of({"dataset.camera={width: 40}"}) ==
        "scenario.yaml:10:1: dataset: it gives event frames of [2, 34, 40], the model takes "
        "[2, 34, 34] (model.input)");
  CHECK(refusal_of({"dataset={source: frames, path: none.h5, framing: {timesteps: 5}}"}) ==
        "--set dataset={source: frames, path: none.h5, framing: {timesteps: 5}}: dataset: it is "
        "framed into 5 time steps, the model has 4 "
        "(model.timesteps)");
  CHECK(refusal_of({"chip=mesh54"}).starts_with("--set chip=mesh54: chip: no shipped chip"));
}

TEST_CASE("a network that does not fit its chip is refused with what is missing") {
  const TinyScenario tiny;
  std::string chip = read_file(find_data_file(DataKind::chip, "mesh45", "."), 1 << 20);
  const auto replace = [&](const std::string& from, const std::string& to) {
    REQUIRE(chip.find(from) != std::string::npos);
    chip.replace(chip.find(from), from.size(), to);
  };
  replace("  width: 8", "  width: 1");
  replace("  height: 4", "  height: 1");
  replace("max_slices: 16", "max_slices: 1");
  write_file_atomically(tiny.folder() / "small.yaml", chip);
  const std::string message = message_of(
      [&] { prepare(read_batch(tiny.file(), {"chip=small.yaml"}).points.front().scenario); });
  CHECK(message.starts_with("--set chip=small.yaml: chip: the network does not fit the chip:\n"));
  CHECK(message.find("cores") != std::string::npos);
}
