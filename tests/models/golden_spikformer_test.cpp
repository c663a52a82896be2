// Question: does the executor reproduce every spike, residual value and logit that the Spikformer
// authors' own code computed? Exact checkpoint: yes, bit for bit, in float32 and in integers. Float
// checkpoint: up to the spikes that another order of summation flips.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <doctest/doctest.h>

#include "neurojoule/core/hdf5_file.hpp"
#include "neurojoule/models/execute.hpp"
#include "neurojoule/models/quantize.hpp"
#include "neurojoule/models/spikformer.hpp"

namespace {

using namespace nj;

const std::filesystem::path folder =
    std::filesystem::path(NJ_SHARED_DATA) / "data" / "golden" / "spikformer_dvs";

bool available() {
  if (std::filesystem::exists(folder / "exact.golden.h5")) return true;
  MESSAGE("skipped: no golden vectors at " << folder.string());
  return false;
}

constexpr std::uint32_t samples = 4;
constexpr std::uint32_t timesteps = 4;
constexpr std::uint64_t many = 1U << 24;

SpikformerParameters golden_parameters() {
  SpikformerParameters p;
  p.input = {2, 128, 128};
  p.embed_dims = 64;
  p.depth = 2;
  p.heads = 4;
  p.pool = {true, true, true, true};
  return p;
}

/// The golden file's tensors, C order [T, C, H, W], of one sample.
class Golden {
 public:
  explicit Golden(const std::string& version) : reader_(folder / (version + ".golden.h5")) {}

  [[nodiscard]] GradedTensor input(std::uint32_t sample) const {
    const FeatureShape shape{2, 128, 128};
    const auto values = reader_.read_rows<std::uint8_t>("/input", sample, 1, many);
    GradedTensor tensor(timesteps, shape);
    for_each_element(shape, [&](std::size_t c_order, std::uint32_t t, std::uint64_t address) {
      tensor.step(t)[address] = values[c_order];
    });
    return tensor;
  }

  /// Spikes of a lif layer that differ from the golden ones.
  [[nodiscard]] std::uint64_t mismatches(const SpikeTensor& spikes, const std::string& layer,
                                         std::uint32_t sample) const {
    const auto packed =
        reader_.read_rows<std::uint8_t>("/lif/" + layer + "/packed", sample, 1, many);
    std::uint64_t count = 0;
    for_each_element(spikes.shape(),
                     [&](std::size_t c_order, std::uint32_t t, std::uint64_t address) {
                       const bool golden = ((packed[c_order / 8] >> (c_order % 8)) & 1) != 0;
                       count += golden != spikes.test(t, address) ? 1 : 0;
                     });
    return count;
  }

  [[nodiscard]] std::uint64_t residual_mismatches(const GradedTensor& stream,
                                                  const std::string& name,
                                                  std::uint32_t sample) const {
    const auto values = reader_.read_rows<std::uint8_t>("/residual/" + name, sample, 1, many);
    std::uint64_t count = 0;
    for_each_element(stream.shape(),
                     [&](std::size_t c_order, std::uint32_t t, std::uint64_t address) {
                       count += values[c_order] != stream.step(t)[address] ? 1 : 0;
                     });
    return count;
  }

  [[nodiscard]] std::vector<float> logits(std::uint32_t sample) const {
    return reader_.read_rows<float>("/logits", sample, 1, many);
  }

 private:
  template <class Visit>
  static void for_each_element(const FeatureShape& shape, Visit&& visit) {
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

Model golden_model(const std::string& version) {
  return import_spikformer(read_safetensors(folder / (version + ".safetensors")),
                           golden_parameters(), timesteps);
}

QuantizationSpec float_spec() {
  QuantizationSpec spec;
  spec.default_rule = {NumberFormat{}, ScaleRule::mse, 0.0};
  return spec;
}

/// Weights are multiples of 2^-8, so 16-bit codes at that scale are exact; four steps of halving
/// need four fraction bits.
QuantizationSpec integer_spec() {
  QuantizationSpec spec;
  spec.default_rule = {{Scheme::uniform, 16, Granularity::per_tensor}, ScaleRule::fixed, 1.0 / 256};
  spec.membrane = {32, 8, Rounding::nearest_half_up};
  return spec;
}

void check_exact(const QuantizedNetwork& network) {
  const Golden golden("exact");
  std::uint64_t spikes = 0;
  for (std::uint32_t sample = 0; sample < samples; ++sample) {
    const Execution run = execute(network, golden.input(sample), {.keep_trace = true});
    for (std::uint32_t i = 0; i < network.network().size(); ++i) {
      const LayerSpec& layer = network.network().layer({i});
      CAPTURE(layer.name);
      if (std::holds_alternative<Lif>(layer.op)) {
        const auto& train = std::get<SpikeTensor>(*(*run.trace)[i]);
        CHECK(golden.mismatches(train, layer.name, sample) == 0);
        CHECK(run.activity.layers[i].total().saturations == 0);
        spikes += train.count();
      }
    }
    const std::pair<const char*, const char*> streams[] = {{"patch_embed.add", "patch_embed.out"},
                                                           {"block.0.attn.add", "block.0.res_attn"},
                                                           {"block.0.mlp.add", "block.0.res_mlp"},
                                                           {"block.1.attn.add", "block.1.res_attn"},
                                                           {"block.1.mlp.add", "block.1.res_mlp"}};
    for (const auto& names : streams) {
      CAPTURE(names.first);
      const auto& stream =
          std::get<GradedTensor>(*(*run.trace)[network.network().find(names.first)->index]);
      CHECK(golden.residual_mismatches(stream, names.second, sample) == 0);
    }
    const std::vector<float> logits = golden.logits(sample);
    REQUIRE(run.logits.size() == logits.size());
    for (std::size_t o = 0; o < logits.size(); ++o) CHECK(run.logits[o] == double{logits[o]});
  }
  CHECK(spikes > 200000);
}

TEST_CASE("exact Spikformer in float32: every spike, residual and logit equals") {
  if (!available()) return;
  check_exact(quantize(golden_model("exact"), float_spec()));
}

TEST_CASE("exact Spikformer in integers: every spike, residual and logit equals") {
  if (!available()) return;
  check_exact(quantize(golden_model("exact"), integer_spec()));
}

TEST_CASE("float Spikformer: predictions equal, below 1e-3 of the spikes differ") {
  if (!available()) return;
  const QuantizedNetwork network = quantize(golden_model("float"), float_spec());
  const Golden golden("float");
  std::uint64_t wrong = 0;
  std::uint64_t all = 0;
  double worst_logit = 0.0;
  for (std::uint32_t sample = 0; sample < samples; ++sample) {
    const Execution run = execute(network, golden.input(sample), {.keep_trace = true});
    for (std::uint32_t i = 0; i < network.network().size(); ++i) {
      const LayerSpec& layer = network.network().layer({i});
      if (!std::holds_alternative<Lif>(layer.op)) continue;
      const auto& train = std::get<SpikeTensor>(*(*run.trace)[i]);
      wrong += golden.mismatches(train, layer.name, sample);
      all += train.shape().neurons() * timesteps;
    }
    const std::vector<float> logits = golden.logits(sample);
    const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
    CHECK(run.prediction == static_cast<std::uint32_t>(best));
    for (std::size_t o = 0; o < logits.size(); ++o) {
      worst_logit = std::max(worst_logit, std::abs(run.logits[o] - double{logits[o]}));
    }
  }
  MESSAGE("spikes that differ: " << wrong << " of " << all << "; largest logit difference "
                                 << worst_logit);
  CHECK(static_cast<double>(wrong) < 1e-3 * static_cast<double>(all));
}

}  // namespace
