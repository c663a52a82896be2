#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>

#include "neurojoule/core/feature_shape.hpp"
#include "neurojoule/core/yaml.hpp"
#include "neurojoule/models/model.hpp"
#include "neurojoule/models/safetensors.hpp"

namespace nj {

/// Hyper-parameters of a Spikformer with event input.
///
/// Stem: four conv3x3 + LIF (+ max pool 3x3 stride 2) with embed_dims / 8, / 4, / 2, / 1 channels,
/// then x + LIF(conv3x3(x)); `depth` blocks of spiking self-attention and MLP on an integer
/// residual stream; mean over tokens and time; linear head. Source: Zhou et al., "Spikformer", ICLR
/// 2023 (arXiv 2209.15425), the authors' event model.
struct SpikformerParameters {
  FeatureShape input{2, 34, 34};
  std::uint8_t max_input = 255;   ///< largest input value
  std::uint32_t embed_dims = 96;  ///< a multiple of 8 and of `heads`
  std::uint32_t depth = 2;        ///< blocks
  std::uint32_t heads = 4;
  std::uint32_t mlp_ratio = 4;
  std::uint32_t classes = 10;
  std::array<bool, 4> pool{true, true, true, false};  ///< stem stages that end in a max pool
  double attention_scale = 0.25;
  double attention_threshold = 0.5;  ///< threshold of the LIF behind the attention
  double tau = 2.0;
  double v_threshold = 1.0;
  friend bool operator==(const SpikformerParameters&, const SpikformerParameters&) = default;
};

/// The network, with the layer names of the authors' state dict: `patch_embed.proj_conv`,
/// `patch_embed.proj_lif`, `patch_embed.maxpool`, `patch_embed.proj_conv1`, ..,
/// `patch_embed.rpe_conv`, `patch_embed.add`, `block.0.attn.q_conv`, .., `block.0.attn.ssa`,
/// `block.0.attn.attn_lif`, .., `block.0.attn.add`, `block.0.mlp.fc1_conv`, .., `block.0.mlp.add`,
/// `head`; the input is `input`.
/// Throws: Error(config) for parameters out of range, Error(shape) from Network::build.
Network build_spikformer(const SpikformerParameters& parameters);

/// A scenario's `model:` block.
struct SpikformerSpec {
  SpikformerParameters parameters;
  std::string checkpoint;  ///< path as written, relative to the scenario file
  std::uint32_t timesteps = 4;
  friend bool operator==(const SpikformerSpec&, const SpikformerSpec&) = default;
};

/// Reads `{family: spikformer, checkpoint: .., embed_dims: ..}`; all but family and checkpoint may
/// be left out. Throws: Error(config) at the value that is wrong.
SpikformerSpec read_spikformer(const YamlNode& node);

/// The block with every default written out, one key per line, each line after `indent` blanks.
std::string to_yaml(const SpikformerSpec& spec, std::size_t indent = 0);

/// Takes a checkpoint in the authors' state-dict names. BatchNorm (`.._conv` with `.._bn`, eps
/// 1e-5) is folded in double precision and rounded to float; layers without BatchNorm tensors are
/// taken as folded and must have a bias.
///
/// Ignored: `norm.*`, `block.N.norm1.*`, `block.N.norm2.*`, `pos_embed`, `*.num_batches_tracked`
/// (the original model never uses them); a leading `module.` of every name.
/// Throws: Error(shape) for a missing tensor, an unknown one (with the nearest known name) or one
/// of another shape (expected and found), with the file, the tensor and its byte offset.
Model import_spikformer(const SafetensorsFile& file, const SpikformerParameters& parameters,
                        std::uint32_t timesteps);

/// Reads `directory / spec.checkpoint` and imports it.
Model load_spikformer(const SpikformerSpec& spec, const std::filesystem::path& directory);

}  // namespace nj
