#pragma once

#include <cstdint>
#include <filesystem>

#include "neurojoule/models/model.hpp"

namespace nj {

/// The versions of the format that are read; docs/model-file.md describes them. The second has
/// layers that are quantized already, and is only written of models that have some.
inline constexpr std::int64_t model_file_version = 1;
inline constexpr std::int64_t quantized_model_file_version = 2;
/// The largest number of layers, and of weights and biases together, that a model file holds.
inline constexpr std::uint64_t max_model_layers = 65536;
inline constexpr std::uint64_t max_model_weights = std::uint64_t{1} << 30;

/// True for an HDF5 file that calls itself a neurojoule model, of any version.
/// Throws: Error(io, format) when it is no HDF5 file.
bool is_model_file(const std::filesystem::path& file);

/// Reads a model file (HDF5): any layer graph of core/operators.hpp with float32 weights.
///
/// Strict: an unknown, missing or misspelt attribute, dataset, group or kind of layer, a number out
/// of range, a tensor of another shape, a weight that is not finite, a cycle or another version is
/// refused. Sizes are checked against the layer and the file's length before memory is taken.
/// Throws: Error with the file and the path inside it: io, format, unsupported (version), config
/// (names, graph, ranges), shape, numeric, capacity.
Model read_model_file(const std::filesystem::path& file);

/// Writes a model file, atomically; equal models give equal bytes, and reading gives the same
/// layers in the same order, the same parameters and the same weights.
/// Throws: Error(io); Error as validate(); Error(config) for a layer that a file cannot hold.
void write_model_file(const Model& model, const std::filesystem::path& file);

}  // namespace nj
