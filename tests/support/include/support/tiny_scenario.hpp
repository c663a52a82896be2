#pragma once

#include <cmath>
#include <filesystem>
#include <map>
#include <string>

#include <neurojoule/core/atomic_file.hpp>
#include <neurojoule/core/rng.hpp>
#include <neurojoule/models/family.hpp>
#include <neurojoule/models/model.hpp>
#include <neurojoule/models/safetensors.hpp>

#include "support/image_files.hpp"
#include "support/thrown.hpp"

namespace nj::testing {

/// A chip whose encoders read frames themselves.
inline const std::string frames_chip = NJ_SOURCE_DIR "/examples/mesh45_frames.yaml";

/// What a result file holds.
inline std::string text_of(const std::filesystem::path& file) { return read_file(file, 1 << 26); }

/// A folder with a random Spikformer of 16 channels, 12 made-up images, and `scenario.yaml` that
/// runs one on the other and on mesh45.
class TinyScenario {
 public:
  TinyScenario() {
    write_made_up_split(folder_.path(), 12);
    write_safetensors(folder_ / "model.safetensors", random_checkpoint(parameters()));
    write(text());
  }

  [[nodiscard]] static FamilyParameters parameters() {
    FamilyParameters p;
    p.max_input = 15;
    p.embed_dims = 16;
    p.depths = {1};
    p.heads = 2;
    p.mlp_ratio = 2;
    return p;
  }

  [[nodiscard]] static std::string text() {
    return "name: tiny\n"
           "model:\n"
           "  family: spikformer\n"
           "  checkpoint: model.safetensors\n"
           "  max_input: 15\n"
           "  embed_dims: 16\n"
           "  depth: 1\n"
           "  heads: 2\n"
           "  mlp_ratio: 2\n"
           "dataset:\n"
           "  source: fashion-mnist\n"
           "  path: .\n"
           "  samples: all\n"
           "quantization:\n"
           "  default: {scheme: uniform, bits: 8}\n"
           "chip: mesh45\n"
           "prices: horowitz45\n"
           "simulation: {samples: 3}\n";
  }

  /// Weights that make about a tenth of the neurons fire: uniform, of variance 4 / fan-in.
  static std::map<std::string, Tensor> random_checkpoint(const FamilyParameters& parameters) {
    const Network network = build_network(parameters);
    std::map<std::string, Tensor> tensors;
    for (const LayerId id : network.weighted_layers()) {
      const LayerSpec& layer = network.layer(id);
      const WeightShape shape = *weight_shape(layer.op);
      Tensor weight;
      weight.shape = {shape.out, shape.in};
      if (layer.name.starts_with("block")) weight.shape.push_back(1);
      if (layer.name.starts_with("patch")) {
        weight.shape.insert(weight.shape.end(), {shape.kernel.y, shape.kernel.x});
      }
      const double range = std::sqrt(12.0 / static_cast<double>(shape.fan_in()));
      for (std::uint32_t i = 0; i < shape.elements(); ++i) {
        const auto draw = static_cast<double>(random_below({3, 1, id.index}, i, 2001)) / 1000 - 1;
        weight.values.push_back(static_cast<float>(draw * range));
      }
      tensors[layer.name + ".weight"] = std::move(weight);
      tensors[layer.name + ".bias"] = {{shape.out}, std::vector<float>(shape.out, 0.125F), 0};
    }
    return tensors;
  }

  /// Writes a random checkpoint of this model, and a scenario that runs it; `more` are further
  /// keys.
  void use(FamilySpec spec, const std::string& more = "") const {
    spec.checkpoint = "model.safetensors";
    auto tensors = random_checkpoint(spec.parameters);
    if (!spec.has_classifier) {
      tensors.erase("head.weight");
      tensors.erase("head.bias");
    }
    write_safetensors(folder_ / spec.checkpoint, tensors);
    write("name: tiny\nmodel:\n" + to_yaml(spec, 2) +
          "dataset: {source: fashion-mnist, path: ., samples: 3}\n" + more);
  }

  void write(const std::string& yaml) const { write_file_atomically(file(), yaml); }
  [[nodiscard]] std::filesystem::path file() const { return folder_ / "scenario.yaml"; }
  [[nodiscard]] const TemporaryFolder& folder() const { return folder_; }

 private:
  TemporaryFolder folder_;
};

}  // namespace nj::testing
