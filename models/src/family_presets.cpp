#include <utility>

#include "neurojoule/models/family.hpp"

namespace nj {
namespace {

constexpr FeatureShape events{2, 128, 128};
constexpr FeatureShape small_events{2, 64, 64};
constexpr FeatureShape cifar{3, 32, 32};
constexpr FeatureShape imagenet{3, 224, 224};

/// What presets state; the rest is the default of their form.
struct Row {
  const char* name;
  Form form;
  FeatureShape input;
  std::uint32_t embed_dims;
  std::vector<std::uint32_t> depths;
  std::uint32_t heads;
  std::uint32_t timesteps;
  std::uint32_t classes;
};

Preset preset(Family family, Row row) {
  Preset result{row.name, default_parameters(family, row.form), row.timesteps};
  FamilyParameters& p = result.parameters;
  p.input = row.input;
  p.embed_dims = row.embed_dims;
  p.depths = std::move(row.depths);
  p.heads = row.heads;
  p.classes = row.classes;
  if (family != Family::qkformer && row.form == Form::event) p.pool = {true, true, true, true};
  return result;
}

std::vector<Preset> presets_of(Family family, std::vector<Row> rows) {
  std::vector<Preset> result;
  for (Row& row : rows) result.push_back(preset(family, std::move(row)));
  return result;
}

std::vector<Preset> spikformer_presets() {
  return presets_of(Family::spikformer,
                    {{"cifar10_dvs", Form::event, events, 256, {2}, 16, 16, 10},
                     {"dvs_gesture", Form::event, events, 256, {2}, 16, 16, 11},
                     {"cifar10_4_256", Form::cifar, cifar, 256, {4}, 8, 4, 10},
                     {"cifar10_2_384", Form::cifar, cifar, 384, {2}, 12, 4, 10},
                     {"cifar10_4_384", Form::cifar, cifar, 384, {4}, 12, 4, 10},
                     {"imagenet_8_384", Form::imagenet, imagenet, 384, {8}, 8, 4, 1000},
                     {"imagenet_6_512", Form::imagenet, imagenet, 512, {6}, 8, 4, 1000},
                     {"imagenet_8_512", Form::imagenet, imagenet, 512, {8}, 8, 4, 1000},
                     {"imagenet_10_512", Form::imagenet, imagenet, 512, {10}, 8, 4, 1000},
                     {"imagenet_8_768", Form::imagenet, imagenet, 768, {8}, 8, 4, 1000}});
}

std::vector<Preset> spikingformer_presets() {
  return presets_of(Family::spikingformer,
                    {{"cifar10_dvs", Form::event, events, 256, {2}, 16, 16, 10},
                     {"dvs_gesture", Form::event, events, 256, {2}, 16, 16, 11},
                     {"cifar10_4_256", Form::cifar, cifar, 256, {4}, 8, 4, 10},
                     {"cifar10_2_384", Form::cifar, cifar, 384, {2}, 12, 4, 10},
                     {"cifar10_4_384", Form::cifar, cifar, 384, {4}, 12, 4, 10},
                     {"imagenet_8_384", Form::imagenet, imagenet, 384, {8}, 8, 4, 1000},
                     {"imagenet_8_512", Form::imagenet, imagenet, 512, {8}, 8, 4, 1000},
                     {"imagenet_8_768", Form::imagenet, imagenet, 768, {8}, 8, 4, 1000}});
}

std::vector<Preset> spike_driven_transformer_presets() {
  std::vector<Preset> result =
      presets_of(Family::spike_driven_transformer,
                 {{"cifar10_dvs", Form::event, small_events, 256, {2}, 8, 10, 10},
                  {"dvs_gesture", Form::event, events, 256, {2}, 8, 16, 11},
                  {"cifar10_2_256", Form::cifar, cifar, 256, {2}, 8, 4, 10},
                  {"cifar10_2_512", Form::cifar, cifar, 512, {2}, 8, 4, 10},
                  {"imagenet_8_384", Form::imagenet, imagenet, 384, {8}, 8, 4, 1000},
                  {"imagenet_6_512", Form::imagenet, imagenet, 512, {6}, 8, 4, 1000},
                  {"imagenet_8_512", Form::imagenet, imagenet, 512, {8}, 8, 4, 1000},
                  {"imagenet_10_512", Form::imagenet, imagenet, 512, {10}, 8, 4, 1000},
                  {"imagenet_8_768", Form::imagenet, imagenet, 768, {8}, 8, 4, 1000}});
  result[0].parameters.pool = {false, false, true, true};
  result[0].parameters.dvs_mode = true;
  result[1].parameters.pool = {false, true, true, true};
  return result;
}

std::vector<Preset> qkformer_presets() {
  std::vector<Preset> result =
      presets_of(Family::qkformer,
                 {{"cifar10_dvs", Form::event, events, 256, {1, 1}, 16, 16, 10},
                  {"dvs_gesture", Form::event, events, 256, {1, 1}, 16, 16, 11},
                  {"cifar10_4_384", Form::cifar, cifar, 384, {1, 1, 2}, 8, 4, 10},
                  {"imagenet_10_384", Form::imagenet, imagenet, 384, {1, 2, 7}, 6, 4, 1000},
                  {"imagenet_10_512", Form::imagenet, imagenet, 512, {1, 2, 7}, 8, 4, 1000},
                  {"imagenet_10_768", Form::imagenet, imagenet, 768, {1, 2, 7}, 12, 4, 1000}});
  result[0].parameters.mlp_ratio = 1;
  return result;
}

}  // namespace

FamilyParameters default_parameters(Family family, Form form) {
  FamilyParameters p;
  p.family = family;
  p.form = form;
  if (form != Form::event) {
    p.input = form == Form::cifar ? cifar : imagenet;
    p.min_input = -255;
    p.input_scale = 1.0 / 64;
    p.classes = form == Form::cifar ? 10 : 1000;
    p.pool = form == Form::cifar ? std::array{false, false, true, true}
                                 : std::array{true, true, true, true};
  }
  if (family != Family::spikformer || form != Form::event) p.attention_scale = 0.125;
  if (family == Family::spikingformer && form == Form::event) p.tau = 1.5;
  if (family == Family::qkformer) {
    p.depths = form == Form::event   ? std::vector<std::uint32_t>{1, 1}
               : form == Form::cifar ? std::vector<std::uint32_t>{1, 1, 2}
                                     : std::vector<std::uint32_t>{1, 2, 7};
    p.attention.assign(p.depths.size(), Attention::token);
    p.attention.back() = Attention::self;
  }
  return p;
}

std::vector<Preset> presets(Family family) {
  switch (family) {
    case Family::spikformer:
      return spikformer_presets();
    case Family::spikingformer:
      return spikingformer_presets();
    case Family::spike_driven_transformer:
      return spike_driven_transformer_presets();
    case Family::qkformer:
      return qkformer_presets();
  }
  return {};
}

}  // namespace nj
