#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "neurojoule/core/yaml.hpp"
#include "neurojoule/models/model.hpp"
#include "neurojoule/models/safetensors.hpp"

// Layer graphs written by hand: a YAML list of layers, and weights in a safetensors file beside it.
// The words are those of model files; docs/model-file.md lists them.
namespace nj {

/// Reads a list such as
///   - {name: input, kind: input, shape: [2, 34, 34]}
///   - {name: conv, kind: conv2d, input: input, out_channels: 8, kernel: 3, padding: 1}
///   - {name: lif, kind: lif, input: conv, tau: none, decay_input: false}
/// in any order. Throws: Error(config, shape, capacity) at the layer or value that is wrong, with
/// line and column; unknown keys are found by `YamlDocument::finish`.
Network read_network_yaml(const YamlNode& layers);

/// `layers:` and one line per layer, every parameter included, each line after `indent` blanks.
/// Throws: Error(config) for a layer that a file cannot hold.
std::string to_yaml(const Network& network, std::size_t indent = 0);

/// A network with the tensors `<layer>.weight` and `<layer>.bias` of each layer with weights. The
/// weight is [out, in / groups, ky, kx] or, where the extents left out are 1, [out, in / groups,
/// kx] or [out, in / groups]; without a bias tensor the biases are 0.
/// Throws: Error(shape) with the file and the tensor: missing (nearest name), unknown, of another
/// shape; Error as validate().
Model attach_weights(Network network, const SafetensorsFile& weights, std::uint32_t timesteps);

/// The tensors that attach_weights takes; of rank 4, of the head 2.
std::map<std::string, Tensor> weight_tensors(const Model& model);

/// Reads a YAML file `{timesteps: .., weights: FILE.safetensors, layers: [..]}`; the weights lie
/// beside it. Throws: Error as above and as read_safetensors.
Model read_model_yaml(const std::filesystem::path& file);

/// Writes `file` and, beside it under the same name, the weights (`.safetensors`), each atomically.
/// Throws: Error(io); Error as validate(); Error(config) for a layer that a file cannot hold.
void write_model_yaml(const Model& model, const std::filesystem::path& file);

}  // namespace nj
