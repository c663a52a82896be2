#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "neurojoule/core/network.hpp"
#include "neurojoule/core/yaml.hpp"

namespace nj {

/// Families of spiking transformers; docs/families.md has their equations, names and presets.
///
/// spikformer: integer residual stream of added spikes, spiking self-attention.
/// Source: arXiv 2209.15425.
/// spikingformer: real residual stream of added currents. Source: arXiv 2304.11954.
/// spike_driven_transformer: real residual stream, attention without products (version 1).
/// Source: arXiv 2307.01694.
/// qkformer: stages of growing width, Q-K token or channel attention. Source: arXiv 2403.16552.
enum class Family : std::uint8_t { spikformer, spikingformer, spike_driven_transformer, qkformer };

/// The authors' versions of a family: event frames, CIFAR or ImageNet images. They differ in the
/// names of the state dict, in the stem, and in defaults.
enum class Form : std::uint8_t { event, cifar, imagenet };

/// What mixes the tokens of a QKFormer stage: Q-K token attention, Q-K channel attention, or
/// spiking self-attention.
enum class Attention : std::uint8_t { token, channel, self };

/// The words of scenario files: `spike-driven-transformer`, `event`, `token`, ..
std::string_view to_string(Family family);
std::string_view to_string(Form form);
std::string_view to_string(Attention attention);

/// Hyper-parameters of a network of any family.
struct FamilyParameters {
  Family family = Family::spikformer;
  Form form = Form::event;
  FeatureShape input{2, 34, 34};
  std::int16_t min_input = 0;     ///< least input value
  std::int16_t max_input = 255;   ///< largest input value
  double input_scale = 1.0;       ///< what an input value of 1 stands for
  std::uint32_t embed_dims = 96;  ///< channels D of the tokens, in QKFormer of the last stage
  std::vector<std::uint32_t> depths{2};  ///< blocks of each stage; only QKFormer has several
  std::vector<Attention> attention;      ///< of each stage; QKFormer only
  std::uint32_t heads = 4;
  std::uint32_t mlp_ratio = 4;  ///< hidden channels of an MLP over its input channels
  std::uint32_t classes = 10;
  std::array<bool, 4> pool{true, true, true, false};  ///< pooled stages of the stem; not QKFormer
  bool dvs_mode = false;             ///< Spike-Driven Transformer: 3 x 3 maxima in its attention
  double attention_scale = 0.25;     ///< of spiking self-attention
  double attention_threshold = 0.5;  ///< of the neurons behind attention, sums and gates
  double tau = 2.0;                  ///< of all neurons
  double v_threshold = 1.0;          ///< of all other neurons
  friend bool operator==(const FamilyParameters&, const FamilyParameters&) = default;
};

/// Small networks (D = 96, 4 heads) with the authors' attention scale, tau, pooling, number of
/// stages and input of this form. Images: values -255..255 of 1/64, for normalised colours
/// (assumption). The default of FamilyParameters is Spikformer's event form.
FamilyParameters default_parameters(Family family, Form form);

/// A named network of the authors, with the time steps that it was trained for.
struct Preset {
  std::string_view name;
  FamilyParameters parameters;
  std::uint32_t timesteps = 4;
};

/// The presets of docs/families.md in its order.
std::vector<Preset> presets(Family family);

/// The network. Layers have the names of the authors' state dict; those that own no tensor are:
/// `input`; neurons `.._lif` beside or (membrane shortcut) before their `.._conv`; `maxpool` with
/// the stage's number; `ssa`, `attn_lif`; sums `patch_embed.add`, `block.0.attn.add`,
/// `block.0.mlp.add`; what the attentions of Spike-Driven Transformer and QKFormer do on the way.
/// Throws: Error(config) for parameters out of range, with their name as key; Error(capacity,
/// shape) from Network::build.
Network build_network(const FamilyParameters& parameters);

/// Trainable numbers of a network.
struct ParameterCount {
  std::uint64_t state_dict = 0;  ///< as PyTorch counts: BatchNorm's weight and bias per channel,
                                 ///< biases beside it, and parameters that forward() never reads
  std::uint64_t folded = 0;      ///< weights and biases with BatchNorm folded in
};

/// Throws: as build_network.
ParameterCount parameter_count(const FamilyParameters& parameters);

/// A scenario's `model:` block.
struct FamilySpec {
  FamilyParameters parameters;
  std::string checkpoint;      ///< path relative to the scenario file; empty: none, nothing to run
  bool has_classifier = true;  ///< false: the checkpoint has no `head`, and all logits are 0
  std::uint32_t timesteps = 4;
  friend bool operator==(const FamilySpec&, const FamilySpec&) = default;
};

/// Reads `{family: spikformer, form: event, checkpoint: .., embed_dims: ..}` or `{family: qkformer,
/// preset: cifar10_dvs, ..}`; all but the family may be left out and is then that of the preset,
/// or else of `default_parameters`. Throws: Error(config) at the value that is wrong.
FamilySpec read_family(const YamlNode& node);

/// The block with every default written out, one key per line, each line after `indent` blanks.
std::string to_yaml(const FamilySpec& spec, std::size_t indent = 0);

}  // namespace nj
