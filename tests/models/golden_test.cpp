// Question: does the executor reproduce every spike, residual value and logit that PyTorch models
// of the four families computed? Exact checkpoints: yes, bit for bit, in float32, and in integers
// where 2^-k steps can hold all values. Float checkpoints: up to the spikes that another order of
// summation flips. And do all of them equal the dense reference in 8-bit integers?
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <string>

#include <doctest/doctest.h>

#include "neurojoule/core/hdf5_file.hpp"
#include "neurojoule/models/checkpoint.hpp"
#include "neurojoule/models/execute.hpp"
#include "neurojoule/models/quantize.hpp"

#include "dense_reference.hpp"

namespace {

using namespace nj;

constexpr std::uint64_t many = 1U << 24;

/// A network with its golden vectors.
struct GoldenNetwork {
  std::string name;
  std::filesystem::path checkpoint;
  std::filesystem::path vectors;
  std::string block;           ///< `model:`
  bool exact_integers = true;  ///< tau is a power of two
};

std::filesystem::path ours() { return std::filesystem::path(NJ_SOURCE_DIR) / "tests" / "golden"; }
std::filesystem::path authors() {
  return std::filesystem::path(NJ_SHARED_DATA) / "data" / "golden";
}

GoldenNetwork our_network(const std::string& name, const std::string& block,
                          bool exact_integers = true) {
  return {name, ours() / (name + ".safetensors"), ours() / (name + ".golden.h5"), block,
          exact_integers};
}

std::vector<GoldenNetwork> our_networks() {
  const std::string image = "input_scale: 0.015625, min_input: -127, max_input: 127, ";
  return {
      our_network("spikformer_image",
                  "{family: spikformer, form: cifar, " + image +
                      "input: [3, 16, 32], embed_dims: 16, heads: 2, depth: 2, mlp_ratio: 2}"),
      our_network("spikingformer_dvs",
                  "{family: spikingformer, input: [2, 32, 64], embed_dims: 24, heads: 3, depth: 2, "
                  "pool: [true, true, true, true]}",
                  false),
      our_network("spikingformer_image",
                  "{family: spikingformer, form: cifar, " + image +
                      "input: [3, 16, 32], embed_dims: 24, heads: 3, depth: 1}"),
      our_network(
          "sdt_dvs",
          "{family: spike-driven-transformer, input: [2, 16, 32], embed_dims: 16, heads: 2, "
          "depth: 2, mlp_ratio: 2, pool: [false, false, true, true], dvs_mode: true}"),
      our_network("sdt_image",
                  "{family: spike-driven-transformer, form: imagenet, " + image +
                      "input: [3, 32, 64], embed_dims: 24, heads: 3, depth: 2, classes: 10}"),
      our_network("qkformer_dvs",
                  "{family: qkformer, input: [2, 32, 64], embed_dims: 32, heads: 4, "
                  "depths: [1, 1], mlp_ratio: 1}"),
      our_network("qkformer_image",
                  "{family: qkformer, form: imagenet, " + image +
                      "input: [3, 32, 64], embed_dims: 24, heads: 3, depths: [1, 2, 1], "
                      "mlp_ratio: 2, classes: 10}"),
      our_network("qkformer_channel",
                  "{family: qkformer, form: cifar, " + image +
                      "input: [3, 16, 16], embed_dims: 24, heads: 3, depths: [1, 1, 1], "
                      "mlp_ratio: 2, attention: [token, channel, self]}")};
}

/// Of vectors that the authors' own code computed, the version `exact` or `float`; none when they
/// are not beside the repository.
std::vector<GoldenNetwork> authors_networks(const std::string& version) {
  std::vector<GoldenNetwork> networks;
  const auto add = [&](const std::string& name, const std::string& block) {
    const std::filesystem::path folder = authors() / name;
    if (!std::filesystem::exists(folder / (version + ".golden.h5"))) {
      MESSAGE("skipped: no golden vectors at " << folder.string());
      return;
    }
    networks.push_back(
        {name, folder / (version + ".safetensors"), folder / (version + ".golden.h5"), block});
  };
  add("spikformer_dvs",
      "{family: spikformer, input: [2, 128, 128], embed_dims: 64, depth: 2, "
      "pool: [true, true, true, true]}");
  add("sdt_gesture",
      "{family: spike-driven-transformer, input: [2, 64, 64], embed_dims: 64, depth: 1, "
      "pool: [false, true, true, true]}");
  return networks;
}

Model load(const GoldenNetwork& golden) {
  const YamlDocument document = YamlDocument::parse(golden.block, golden.name);
  const FamilySpec spec = read_family(document.root());
  document.finish();
  return import_checkpoint(read_safetensors(golden.checkpoint), spec);
}

/// `patch_embed.out`, `block.0.res_attn` and `block.0.res_mlp` under the names of our layers.
std::string sum_layer(const Network& network, const std::string& name) {
  const std::size_t dot = name.rfind('.') + 1;
  const std::string part = name.substr(dot);
  if (part == "out") return name.substr(0, dot) + "add";
  if (part == "res_mlp") return name.substr(0, dot) + "mlp.add";
  for (const char* attention : {"attn", "ssa", "tssa"}) {
    const std::string layer = name.substr(0, dot) + attention + ".add";
    if (network.find(layer)) return layer;
  }
  return name;
}

/// The tensors of a golden file, C order [T, C, H, W], of one sample.
class Vectors {
 public:
  explicit Vectors(const GoldenNetwork& golden) : reader_(golden.vectors) {}

  [[nodiscard]] std::uint64_t samples() const { return reader_.shape("/input")[0]; }
  [[nodiscard]] std::vector<std::string> neurons() const { return reader_.members("/lif"); }
  [[nodiscard]] std::vector<std::string> sums() const {
    return reader_.has("/residual") ? reader_.members("/residual") : std::vector<std::string>{};
  }

  /// An image is shown at each step.
  [[nodiscard]] GradedTensor input(std::uint64_t sample, const Network& network) const {
    const FeatureShape shape = std::get<Input>(network.layer({0}).op).shape;
    const auto values = reader_.read_rows<std::int16_t>("/input", sample, 1, many);
    GradedTensor tensor(timesteps, shape);
    const bool image = reader_.shape("/input").size() == 4;
    REQUIRE(values.size() == shape.neurons() * (image ? 1 : timesteps));
    each(shape, [&](std::size_t c_order, std::uint32_t t, std::uint64_t address) {
      tensor.step(t)[address] = values[c_order % values.size()];
    });
    return tensor;
  }

  /// Spikes of a lif layer that differ from the golden ones.
  [[nodiscard]] std::uint64_t mismatches(const SpikeTensor& spikes, const std::string& layer,
                                         std::uint64_t sample) const {
    const auto packed =
        reader_.read_rows<std::uint8_t>("/lif/" + layer + "/packed", sample, 1, many);
    REQUIRE(packed.size() == (spikes.shape().neurons() * timesteps + 7) / 8);
    std::uint64_t count = 0;
    each(spikes.shape(), [&](std::size_t c_order, std::uint32_t t, std::uint64_t address) {
      const bool golden = ((packed[c_order / 8] >> (c_order % 8)) & 1) != 0;
      count += golden != spikes.test(t, address) ? 1 : 0;
    });
    return count;
  }

  [[nodiscard]] std::uint64_t mismatches(const GradedTensor& stream, const std::string& sum,
                                         std::uint64_t sample) const {
    const auto values = reader_.read_rows<std::uint8_t>("/residual/" + sum, sample, 1, many);
    REQUIRE(values.size() == stream.shape().neurons() * timesteps);
    std::uint64_t count = 0;
    each(stream.shape(), [&](std::size_t c_order, std::uint32_t t, std::uint64_t address) {
      count += values[c_order] != stream.step(t)[address] ? 1 : 0;
    });
    return count;
  }

  [[nodiscard]] std::vector<double> logits(std::uint64_t sample) const {
    return reader_.read_rows<double>("/logits", sample, 1, many);
  }

  static constexpr std::uint32_t timesteps = 4;

 private:
  template <class Visit>
  static void each(const FeatureShape& shape, Visit&& visit) {
    std::size_t c_order = 0;
    for (std::uint32_t t = 0; t < timesteps; ++t) {
      for (std::uint32_t c = 0; c < shape.channels; ++c) {
        for (std::uint32_t y = 0; y < shape.height; ++y) {
          for (std::uint32_t x = 0; x < shape.width; ++x) {
            visit(c_order++, t, shape.address(c, y, x));
          }
        }
      }
    }
  }
  Hdf5Reader reader_;
};

QuantizationSpec float_spec() {
  QuantizationSpec spec;
  spec.default_rule = {NumberFormat{}, ScaleRule::mse, 0.0};
  return spec;
}

/// Weights are multiples of 2^-8, so 16-bit codes at that scale are exact. Four steps of halving
/// need four fraction bits of the membrane; a mean over 2^5 tokens needs five more of the stream.
QuantizationSpec integer_spec() {
  QuantizationSpec spec;
  spec.default_rule = {{Scheme::uniform, 16, Granularity::per_tensor}, ScaleRule::fixed, 1.0 / 256};
  spec.membrane = {32, 4, Rounding::nearest_half_up};
  spec.stream = {28, 14, Rounding::nearest_half_up};
  return spec;
}

std::set<std::string> names_of_neurons(const Network& network) {
  std::set<std::string> names;
  for (const LayerSpec& layer : network.layers()) {
    if (std::holds_alternative<Lif>(layer.op)) names.insert(layer.name);
  }
  return names;
}

void check_sample(const Execution& run, const Network& network, const Vectors& golden,
                  std::uint64_t sample) {
  for (const std::string& name : golden.neurons()) {
    CAPTURE(name);
    const LayerId id = *network.find(name);
    CHECK(golden.mismatches(std::get<SpikeTensor>(*(*run.trace)[id.index]), name, sample) == 0);
  }
  for (const std::string& name : golden.sums()) {
    CAPTURE(name);
    const LayerId id = *network.find(sum_layer(network, name));
    CHECK(golden.mismatches(std::get<GradedTensor>(*(*run.trace)[id.index]), name, sample) == 0);
  }
  CHECK(run.activity.total().saturations == 0);
  CHECK(run.logits == golden.logits(sample));
}

void check_exact(const GoldenNetwork& network, const QuantizationSpec& spec) {
  CAPTURE(network.name);
  const QuantizedNetwork quantized = quantize(load(network), spec);
  const Vectors golden(network);
  const auto names = golden.neurons();
  CHECK(names_of_neurons(quantized.network()) == std::set(names.begin(), names.end()));
  for (std::uint64_t sample = 0; sample < golden.samples(); ++sample) {
    CAPTURE(sample);
    check_sample(
        execute(quantized, golden.input(sample, quantized.network()), {.keep_trace = true}),
        quantized.network(), golden, sample);
  }
}

TEST_CASE("our vectors of all families in float32: every spike, residual and logit equals") {
  for (const GoldenNetwork& network : our_networks()) check_exact(network, float_spec());
}

TEST_CASE("our vectors in integers, where tau is a power of two: every bit equals") {
  for (const GoldenNetwork& network : our_networks()) {
    if (network.exact_integers) check_exact(network, integer_spec());
  }
}

TEST_CASE("the authors' vectors: every spike, residual and logit equals") {
  for (const GoldenNetwork& network : authors_networks("exact")) {
    check_exact(network, float_spec());
    check_exact(network, integer_spec());
  }
}

TEST_CASE("the authors' float32 networks: predictions equal, below 1e-3 of the spikes differ") {
  for (const GoldenNetwork& network : authors_networks("float")) {
    const QuantizedNetwork quantized = quantize(load(network), float_spec());
    const Vectors golden(network);
    std::uint64_t wrong = 0;
    std::uint64_t all = 0;
    double worst_logit = 0.0;
    for (std::uint64_t sample = 0; sample < golden.samples(); ++sample) {
      const Execution run =
          execute(quantized, golden.input(sample, quantized.network()), {.keep_trace = true});
      for (const std::string& name : golden.neurons()) {
        const LayerId id = *quantized.network().find(name);
        const auto& train = std::get<SpikeTensor>(*(*run.trace)[id.index]);
        wrong += golden.mismatches(train, name, sample);
        all += train.shape().neurons() * Vectors::timesteps;
      }
      const std::vector<double> logits = golden.logits(sample);
      const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
      CHECK(run.prediction == static_cast<std::uint32_t>(best));
      for (std::size_t o = 0; o < logits.size(); ++o) {
        worst_logit = std::max(worst_logit, std::abs(run.logits[o] - logits[o]));
      }
    }
    MESSAGE(network.name << ": spikes that differ: " << wrong << " of " << all
                         << "; largest logit difference " << worst_logit);
    CHECK(static_cast<double>(wrong) < 1e-3 * static_cast<double>(all));
  }
}

TEST_CASE("8-bit integers: executor and dense reference agree on every golden network") {
  for (const GoldenNetwork& network : our_networks()) {
    CAPTURE(network.name);
    const Model model = load(network);
    const QuantizedNetwork quantized = quantize(model, {});
    const GradedTensor input = Vectors(network).input(0, model.network);
    const auto reference = nj::test::execute_dense(model, quantized, input);
    const Execution run = execute(quantized, input, {.keep_trace = true});
    CHECK(run.activity == reference.activity);
    CHECK(run.logits == reference.logits);
    CHECK(run.activity.total().spikes > 1000);
    for (std::uint32_t i = 0; i < model.network.size(); ++i) {
      const auto& train = (*run.trace)[i];
      if (train) CHECK(nj::test::equal(reference.outputs[i], *train));
    }
  }
}

}  // namespace
