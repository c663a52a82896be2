#include "neurojoule/models/family.hpp"

#include <cmath>
#include <optional>

#include <fmt/core.h>

#include "neurojoule/core/error.hpp"
#include "neurojoule/models/model.hpp"

#include "family_draft.hpp"

namespace nj {
namespace {

using Fault = std::optional<ParameterFault>;

Fault out_of_range(const char* key, double value, double min, double max) {
  if (value >= min && value <= max) return std::nullopt;
  return ParameterFault{key, fmt::format("expected {}..{}, got {}", min, max, value)};
}

Fault find_range_fault(const FamilyParameters& p) {
  struct Range {
    const char* key;
    double value;
    double min;
    double max;
  };
  const Range ranges[] = {{"input", double(p.input.channels), 1, 64},
                          {"input", double(p.input.height), 1, 1024},
                          {"input", double(p.input.width), 1, 1024},
                          {"min_input", double(p.min_input), -32767, 0},
                          {"max_input", double(p.max_input), 1, 32767},
                          {"input_scale", p.input_scale, 1e-6, 1e6},
                          {"embed_dims", double(p.embed_dims), 8, 4096},
                          {"heads", double(p.heads), 1, 256},
                          {"mlp_ratio", double(p.mlp_ratio), 1, 16},
                          {"classes", double(p.classes), 1, 65536},
                          {"attention_scale", p.attention_scale, 1e-6, 1e6},
                          {"attention_threshold", p.attention_threshold, 1e-6, 1e6},
                          {"tau", p.tau, 1, 1e4},
                          {"v_threshold", p.v_threshold, 1e-6, 1e6}};
  for (const Range& range : ranges) {
    if (auto fault = out_of_range(range.key, range.value, range.min, range.max)) return fault;
  }
  return std::nullopt;
}

Fault find_stage_fault(const FamilyParameters& p) {
  const bool hierarchical = p.family == Family::qkformer;
  const char* const depth_key = hierarchical ? "depths" : "depth";
  const std::size_t stages = p.depths.size();
  if (auto fault = out_of_range(depth_key, double(stages), 1, hierarchical ? 4 : 1)) {
    fault->message = fmt::format("expected the blocks of {}, got {} numbers",
                                 hierarchical ? "1..4 stages" : "one stage", stages);
    return fault;
  }
  for (const std::uint32_t depth : p.depths) {
    if (auto fault = out_of_range(depth_key, depth, 0, 64)) return fault;
  }
  if (p.attention.size() != (hierarchical ? stages : 0)) {
    return ParameterFault{"attention",
                          fmt::format("expected one word for each of {} stages, got {}",
                                      hierarchical ? stages : 0, p.attention.size())};
  }
  return std::nullopt;
}

/// The first stage and its stem divide the width, and each head has the same channels.
Fault find_width_fault(const FamilyParameters& p) {
  const std::uint32_t stem = p.family == Family::qkformer && p.form != Form::event ? 2 : 8;
  const std::uint32_t halvings = 1U << (p.depths.size() - 1);
  const std::uint32_t first = p.embed_dims / halvings;
  if (p.embed_dims % halvings == 0 && first % stem == 0 && first % p.heads == 0) {
    return std::nullopt;
  }
  const std::string times = halvings == 1 ? "" : fmt::format("{} times ", halvings);
  return ParameterFault{"embed_dims",
                        fmt::format("expected a multiple of {}{} and of {}{} heads, got {}", times,
                                    stem, times, p.heads, p.embed_dims)};
}

}  // namespace

std::string_view to_string(Family family) {
  static constexpr std::array<std::string_view, 4> names = {"spikformer", "spikingformer",
                                                            "spike-driven-transformer", "qkformer"};
  return names.at(static_cast<std::size_t>(family));
}

std::string_view to_string(Form form) {
  static constexpr std::array<std::string_view, 3> names = {"event", "cifar", "imagenet"};
  return names.at(static_cast<std::size_t>(form));
}

std::string_view to_string(Attention attention) {
  static constexpr std::array<std::string_view, 3> names = {"token", "channel", "self"};
  return names.at(static_cast<std::size_t>(attention));
}

std::optional<ParameterFault> find_fault(const FamilyParameters& parameters) {
  if (auto fault = find_range_fault(parameters)) return fault;
  if (auto fault = find_stage_fault(parameters)) return fault;
  return find_width_fault(parameters);
}

FamilyLayout lay_out(const FamilyParameters& parameters) {
  if (const auto fault = find_fault(parameters)) {
    throw Error(ErrorKind::config, fault->message, {.key = fault->key});
  }
  FamilyDraft draft(parameters);
  switch (parameters.family) {
    case Family::spikformer:
      draft_spikformer(parameters, draft);
      break;
    case Family::spikingformer:
      draft_spikingformer(parameters, draft);
      break;
    case Family::spike_driven_transformer:
      draft_spike_driven_transformer(parameters, draft);
      break;
    case Family::qkformer:
      draft_qkformer(parameters, draft);
      break;
  }
  return draft.finish();
}

Network build_network(const FamilyParameters& parameters) { return lay_out(parameters).network; }

ParameterCount parameter_count(const FamilyParameters& parameters) {
  const FamilyLayout layout = lay_out(parameters);
  ParameterCount count;
  for (const LayerId id : layout.network.weighted_layers()) {
    const LayerSpec& layer = layout.network.layer(id);
    const WeightShape shape = *weight_shape(layer.op);
    const bool head = std::holds_alternative<ClassifierHead>(layer.op);
    const bool bias = head || layout.own_bias.contains(layer.name);
    const std::uint64_t norm = head ? 0 : 2 * std::uint64_t{shape.out};
    count.folded += shape.elements() + shape.out;
    count.state_dict += shape.elements() + norm + (bias ? shape.out : 0);
  }
  for (const UnusedTensor& tensor : layout.unused) count.state_dict += tensor.elements;
  return count;
}

}  // namespace nj
